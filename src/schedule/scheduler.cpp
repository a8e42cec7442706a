#include "schedule/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/sleep.h"

namespace assay::schedule {

Scheduler::Scheduler(Backend& backend, const Clock& clock, const Detokenize* detokenize,
                     const SchedulerOptions& options)
    : backend_(backend),
      clock_(clock),
      detokenize_(detokenize),
      options_(options),
      sequences_(backend, options.prefix_min) {
  facts_.backend = backend.facts();
  facts_.queue_max = options.queue_max;
  facts_.has_grammar = true;
  facts_.can_embed = facts_.backend.hidden > 0;
  if (facts_.backend.rewind != Rewind::any) options_.draft = nullptr;  // a wrong guess could not be dropped
  const auto& b = facts_.backend;
  if (options_.streams_max == 0) options_.streams_max = b.sequences;
  options_.streams_max = std::min(options_.streams_max, b.sequences);
  if (options_.step_tokens == 0) options_.step_tokens = b.batch;
  options_.step_tokens = std::min(options_.step_tokens, b.batch);
  options_.prefill_beside_decode = std::max(options_.prefill_beside_decode, 1U);
  ASSAY_ASSERT(b.sequences > 0 && b.batch > 0 && b.context > 1 && b.vocab > 0);
  if (!options_.sleep && options_.wake == nullptr) options_.sleep = sleep_ns;
  engine_name_ = b.name + " " + b.version + " (" + b.device + ")";
}

Scheduler::~Scheduler() {
  if (lost_) return;
  // A backend that fails here has no one left to tell; whoever uses it next meets the error.
  [[maybe_unused]] const auto dropped = sequences_.drop_all();
}

Result<void> Scheduler::submit(const Request& request) {
  if (lost_) return std::unexpected(*lost_);
  ASSAY_TRY(check_request(request, facts_.backend, detokenize_ != nullptr));
  auto same = [&](const Live& live) { return live->id == request.id; };
  if (std::any_of(waiting_.begin(), waiting_.end(), same) || std::any_of(running_.begin(), running_.end(), same)) {
    return fail(Errc::bad_value,
                "request id " + std::to_string(request.id) + ": met one that is live, expected a new one");
  }
  const auto queued = std::count_if(waiting_.begin(), waiting_.end(), [](const Live& live) { return !live->admitted; });
  if (static_cast<std::size_t>(queued) >= options_.queue_max) {
    ++counts_.refused_full;
    return fail(Errc::full, "queue: " + std::to_string(queued) + " requests wait, it holds " +
                                std::to_string(options_.queue_max) + "; " + std::to_string(running_.size()) +
                                " are running");
  }
  const auto own = std::ranges::count_if(
      waiting_, [&](const Live& live) { return !live->admitted && live->owner == request.owner; });
  if (options_.owner_queue_max != 0 && static_cast<std::size_t>(own) >= options_.owner_queue_max) {
    ++counts_.refused_full;
    return fail(Errc::full, "queue: " + std::to_string(own) + " requests of owner " + std::to_string(request.owner) +
                                " wait, it holds " + std::to_string(options_.owner_queue_max) + " of each");
  }
  owners_.enter(request.owner);
  waiting_.push_back(std::make_unique<LiveRequest>(request, arrivals_++, detokenize_));
  return {};
}

void Scheduler::cancel(RequestId id) {
  auto same = [&](const Live& live) { return live->id == id; };
  if (auto w = std::find_if(waiting_.begin(), waiting_.end(), same); w != waiting_.end()) {
    finish_request(**w, Finish::cancelled, -1);
    owners_.leave((*w)->owner);
    waiting_.erase(w);
    return;
  }
  auto r = std::find_if(running_.begin(), running_.end(), same);
  if (r == running_.end()) return;
  finish_request(**r, Finish::cancelled, -1);
  Endings endings(running_.size());
  endings[static_cast<std::size_t>(r - running_.begin())] = After::drop;
  retire(endings);
}

Result<std::size_t> Scheduler::poll(std::span<Event> events, std::int64_t deadline_ns) {
  Result<void> stepped;
  auto count = outgoing_.poll(events, deadline_ns, clock_, [&] {
    const bool idle = waiting_.empty() && running_.empty();
    if (idle && options_.wake == nullptr) return false;
    if (clock_.now_ns() >= deadline_ns) return false;  // a step is work, not a look
    if (!idle) {
      stepped = step();
      if (!stepped || woken()) return false;
    }
    const bool nobody_may_start = running_.empty() && !waiting_.empty() && outgoing_.empty();
    if ((idle || nobody_may_start) && rest(deadline_ns)) return false;
    return idle || !running_.empty();
  });
  if (count && *count == 0 && !stepped) return std::unexpected(std::move(stepped.error()));
  return count;
}

bool Scheduler::rest(std::int64_t deadline_ns) {
  constexpr std::int64_t longest_ns = 1'000'000'000;  // a caller without a deadline may have let somebody start by then
  const std::int64_t left_ns = std::min(deadline_ns - clock_.now_ns(), longest_ns);
  if (!options_.sleep) return options_.wake->wait(left_ns);
  if (woken()) return true;
  if (left_ns > 0) options_.sleep(left_ns);
  return woken();
}

EventDetail Scheduler::detail(const Event& event) const { return outgoing_.detail(event); }

void Scheduler::set_streams_max(std::uint32_t streams_max) {
  options_.streams_max = std::min(streams_max, facts_.backend.sequences);
}

Result<void> Scheduler::drop_kept() {
  ASSAY_ASSERT(running_.empty());
  return sequences_.drop_all();
}

SchedulerCounts Scheduler::counts() const {
  SchedulerCounts counts = counts_;
  counts.sequences = sequences_.counts();
  return counts;
}

}  // namespace assay::schedule
