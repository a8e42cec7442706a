// One step of the scheduler: admit, choose, compute. What it gives is delivered in scheduler_deliver.cpp; the verbs of Engine
// are in scheduler.cpp.
#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "schedule/scheduler.h"

namespace assay::schedule {
namespace {

constexpr std::size_t passed_max = 16;  // waiting requests that are looked at in one step: each costs a comparison

}  // namespace

std::vector<Work> Scheduler::work() const {
  std::vector<Work> work;
  work.reserve(running_.size());
  for (const auto& r : running_) {
    work.push_back({r->arrival, r->remaining(), r->writes(), r->last_served, r->owner, r->priority,
                    owners_.served(r->owner), static_cast<std::uint32_t>(r->guesses.size())});
  }
  return work;
}

void Scheduler::admit() {
  const Admission state{static_cast<std::uint32_t>(waiting_.size()), static_cast<std::uint32_t>(running_.size()),
                        options_.streams_max, short_of_pages_};
  std::size_t passed = 0;  // that wait for a prefix
  std::vector<bool> may_start(waiting_.size(), true);
  std::vector<Waiting> waiting;
  for (std::uint32_t left = choose_admissions(state); left > 0 && passed < passed_max;) {
    waiting.clear();
    for (const auto& r : waiting_) {
      waiting.push_back({r->arrival, r->admitted, r->priority, owners_.served(r->owner)});
    }
    const auto index = choose_next(waiting, may_start);
    if (!index) return;
    LiveRequest& next = *waiting_[*index];
    if (waits_for_prefix(next)) {
      may_start[*index] = false;
      ++passed;
      continue;
    }
    const bool every_state = next.kind == RequestKind::embed && next.pooling.of == Pooling::Of::mean;
    const auto place = sequences_.take(next.tokens, every_state ? Sequences::Reuse::nothing : Sequences::Reuse::prefix);
    if (!place) {
      lose(place.error());
      return;
    }
    if (!*place) return;
    next.seq = (*place)->seq;
    next.computed = (*place)->cached;
    if (!next.admitted) {
      next.usage.cached_tokens = next.computed;
      owners_.serve(next.owner, next.remaining());
    }
    next.admitted = true;
    next.last_served = counts_.steps;
    running_.push_back(std::move(waiting_[*index]));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(*index));
    may_start.erase(may_start.begin() + static_cast<std::ptrdiff_t>(*index));
    --left;
  }
}

bool Scheduler::waits_for_prefix(const LiveRequest& request) const {
  if (options_.prefix_worth_waiting == 0 || request.wants_hidden(0)) return false;
  std::uint32_t coming = 0;
  for (const auto& r : running_) {
    const std::uint32_t common = common_prefix(std::span(request.tokens).first(request.tokens.size() - 1), r->tokens);
    if (common > r->computed) coming = std::max(coming, common);
  }
  if (coming < options_.prefix_worth_waiting) return false;
  return schedule::waits_for_prefix({sequences_.held(request.tokens), coming, options_.prefix_worth_waiting});
}

void Scheduler::propose() {
  for (const auto& r : running_) {
    r->guesses.clear();
    if (options_.draft == nullptr) continue;
    const std::uint32_t most = std::min(r->guesses_max(facts_.backend.context), options_.draft_tokens);
    if (most == 0) continue;
    options_.draft->propose(r->tokens, most, r->guesses);
    const auto usable = [&](Token t) { return t >= 0 && static_cast<std::uint32_t>(t) < facts_.backend.vocab; };
    r->guesses.erase(std::ranges::find_if_not(r->guesses, usable), r->guesses.end());
    r->guesses.resize(std::min<std::size_t>(r->guesses.size(), most));
  }
}

StepLimits Scheduler::limits(std::span<const Work> work) const {
  const auto writers = static_cast<std::uint32_t>(std::ranges::count(work, true, &Work::writes));
  return {options_.step_tokens, options_.prefill_beside_decode, prompt_tokens_within(options_.step_ns, pace_, writers)};
}

void Scheduler::build_slots(Counts tokens, Counts guesses) {
  slots_.clear();
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const LiveRequest& r = *running_[i];
    for (std::uint32_t j = 0; j < tokens[i]; ++j) {
      const Position pos = r.computed + j;
      Want want = logits_if(pos + 1 == r.tokens.size());
      if (r.kind == RequestKind::embed) want = r.wants_hidden(pos) ? Want::hidden : Want::nothing;
      slots_.push_back({*r.seq, pos, r.tokens[pos], want});
    }
    for (std::uint32_t j = 0; j < guesses[i]; ++j) {
      slots_.push_back({*r.seq, static_cast<Position>(r.tokens.size()) + j, r.guesses[j], Want::logits});
    }
  }
}

Result<void> Scheduler::compute(Counts tokens) {
  const Batch batch(slots_);
  logits_.vocab = facts_.backend.vocab;
  ASSAY_TRY(resize(logits_.values, batch.count(Want::logits) * logits_.vocab, "rows of logits"));
  ASSAY_TRY(resize(hidden_, batch.count(Want::hidden) * facts_.backend.hidden, "rows of hidden states"));
  ASSAY_TRY(backend_.start(batch));
  for (std::size_t i = 0; i < running_.size(); ++i) {
    LiveRequest& r = *running_[i];
    if (tokens[i] > 0 && tokens[i] == r.remaining()) static_cast<void>(r.allowed(facts_.backend.vocab));
  }
  return backend_.finish({.logits = logits_.values, .hidden = hidden_});
}

Result<void> Scheduler::step() {
  admit();
  propose();
  const auto sum = [](Counts counts) { return std::accumulate(counts.begin(), counts.end(), std::uint32_t{0}); };
  while (!running_.empty()) {
    const auto now = work();
    const StepLimits most = limits(now);
    const auto tokens = choose_step(now, most);
    const auto guesses = choose_guesses(now, tokens, most);
    build_slots(tokens, guesses);
    ASSAY_ASSERT(!slots_.empty() && slots_.size() <= options_.step_tokens);
    const std::int64_t began_ns = clock_.now_ns();
    const auto done = compute(tokens);
    if (done) {
      std::uint32_t prompts = 0;
      for (std::size_t i = 0; i < now.size(); ++i) prompts += now[i].writes ? 0 : tokens[i];
      pace_ = learn(pace_, static_cast<std::uint32_t>(slots_.size()), prompts, clock_.now_ns() - began_ns);
      ++counts_.steps;
      deliver(tokens, guesses);
      return {};
    }
    if (done.error().code == Errc::full && sum(guesses) > 0) {
      for (const auto& r : running_) r->guesses.clear();  // before anyone loses a page for a guess
      ++counts_.undrafted;
    } else if (done.error().code == Errc::full) {
      if (!make_room(now, done.error())) return {};
    } else if (done.error().code == Errc::cancelled) {
      return std::unexpected(with_context("engine " + engine_name_, done.error()));
    } else if (done.error().code == Errc::engine_lost) {
      lose(done.error());
      return {};
    } else {
      compute_apart(now, tokens, guesses, done.error());
      return {};
    }
  }
  return {};
}

// One of these requests is at fault, and the backend does not say which: strangers must not fail with it.
void Scheduler::compute_apart(std::span<const Work> work, Counts tokens, Counts guesses, const Error& refusal) {
  Endings endings(running_.size());
  const auto some = [](std::uint32_t n) { return n > 0; };
  const bool alone = std::ranges::count_if(tokens, some) == 1 && std::ranges::none_of(guesses, some);
  if (!alone) ++counts_.apart;
  std::optional<Error> lost;
  std::optional<Error> full;
  bool changed = false;
  const std::vector<std::uint32_t> none(running_.size());
  for (std::size_t i = 0; i < running_.size() && !lost; ++i) {
    if (tokens[i] == 0) continue;
    Result<void> done = std::unexpected(refusal);
    if (!alone) {
      std::vector<std::uint32_t> only(running_.size());
      only[i] = tokens[i];
      build_slots(only, none);
      done = compute(only);
    }
    if (done) {
      ++counts_.steps;
      Row row;
      endings[i] = advance(*running_[i], tokens[i], 0, row);
      changed = true;
    } else if (done.error().code == Errc::engine_lost) {
      lost = std::move(done.error());
    } else if (done.error().code == Errc::full) {
      full = std::move(done.error());
    } else if (done.error().code == Errc::cancelled) {
      break;  // nothing has changed; the next step says it
    } else {
      fail_request(*running_[i], done.error());
      endings[i] = After::drop;
      changed = true;
    }
  }
  retire(endings);  // first: their last events are told, and lose() tells those of all that are left
  if (lost && !lost_) lose(*lost);
  if (full && !changed && !lost_) make_room(work, *full);
}

bool Scheduler::make_room(std::span<const Work> work, const Error& full) {
  const auto evicted = sequences_.evict();
  if (!evicted) {
    lose(evicted.error());
    return false;
  }
  if (*evicted) return true;
  if (const auto victim = choose_victim(work)) {
    take_back(*victim);
    return !lost_;
  }
  // It runs alone, nothing is cached, and still the pages do not suffice: they never will.
  ++counts_.out_of_pages;
  LiveRequest& only = *running_.front();
  fail_request(only,
               with_context("request " + std::to_string(only.id) + ", alone in the engine, at " +
                                std::to_string(only.computed) + " of " + std::to_string(only.tokens.size()) + " tokens",
                            full));
  retire({After::drop});
  return false;
}

void Scheduler::take_back(std::size_t index) {
  Live live = std::move(running_[index]);
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
  const SeqId seq = *live->seq;
  live->start_again();
  ++counts_.taken_back;
  short_of_pages_ = true;
  const auto place =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Live& other) { return other->arrival > live->arrival; });
  waiting_.insert(place, std::move(live));
  if (const auto dropped = sequences_.drop(seq); !dropped) lose(dropped.error());
}

}  // namespace assay::schedule
