// One step of the scheduler: admit, choose, compute, deliver. The verbs of Engine are in scheduler.cpp.
#include <algorithm>
#include <utility>

#include "schedule/scheduler.h"

namespace assay::schedule {
namespace {

constexpr std::size_t passed_max = 16;  // waiting requests that are looked at in one step: each costs a comparison

}  // namespace

std::vector<Work> Scheduler::work() const {
  std::vector<Work> work;
  work.reserve(running_.size());
  for (const auto& r : running_) {
    work.push_back(
        {r->arrival, r->remaining(), r->writes(), r->last_served, r->owner, r->priority, owners_.served(r->owner)});
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
    const auto place = sequences_.take(next.tokens);
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
  if (options_.prefix_worth_waiting == 0) return false;
  std::uint32_t coming = 0;
  for (const auto& r : running_) {
    const std::uint32_t common = common_prefix(std::span(request.tokens).first(request.tokens.size() - 1), r->tokens);
    if (common > r->computed) coming = std::max(coming, common);
  }
  if (coming < options_.prefix_worth_waiting) return false;
  return schedule::waits_for_prefix({sequences_.held(request.tokens), coming, options_.prefix_worth_waiting});
}

void Scheduler::build_slots(std::span<const std::uint32_t> tokens) {
  slots_.clear();
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const LiveRequest& r = *running_[i];
    for (std::uint32_t j = 0; j < tokens[i]; ++j) {
      const Position pos = r.computed + j;
      slots_.push_back({*r.seq, pos, r.tokens[pos], logits_if(pos + 1 == r.tokens.size())});
    }
  }
}

Result<void> Scheduler::step() {
  admit();
  while (!running_.empty()) {
    const auto now = work();
    const auto writers = static_cast<std::uint32_t>(std::ranges::count(now, true, &Work::writes));
    const auto tokens = choose_step(now, {options_.step_tokens, options_.prefill_beside_decode,
                                          prompt_tokens_within(options_.step_ns, pace_, writers)});
    build_slots(tokens);
    ASSAY_ASSERT(!slots_.empty() && slots_.size() <= options_.step_tokens);
    const std::int64_t began_ns = clock_.now_ns();
    const auto done = backend_.forward(slots_, logits_);
    if (done) {
      const auto slots = static_cast<std::uint32_t>(slots_.size());
      pace_ = learn(pace_, slots, slots - std::min(slots, writers), clock_.now_ns() - began_ns);
      ++counts_.steps;
      deliver(tokens);
      return {};
    }
    if (done.error().code == Errc::full) {
      if (!make_room(now, done.error())) return {};
    } else if (done.error().code == Errc::cancelled) {
      return std::unexpected(with_context("engine " + engine_name_, done.error()));
    } else if (done.error().code == Errc::engine_lost) {
      lose(done.error());
      return {};
    } else {
      compute_apart(now, tokens, done.error());
      return {};
    }
  }
  return {};
}

// One of these requests is at fault, and the backend does not say which: strangers must not fail with it.
void Scheduler::compute_apart(std::span<const Work> work, std::span<const std::uint32_t> tokens, const Error& refusal) {
  Endings endings(running_.size());
  const bool alone = std::ranges::count_if(tokens, [](std::uint32_t n) { return n > 0; }) == 1;
  if (!alone) ++counts_.apart;
  std::optional<Error> lost;
  std::optional<Error> full;
  bool changed = false;
  for (std::size_t i = 0; i < running_.size() && !lost; ++i) {
    if (tokens[i] == 0) continue;
    Result<void> done = std::unexpected(refusal);
    if (!alone) {
      std::vector<std::uint32_t> only(running_.size());
      only[i] = tokens[i];
      build_slots(only);
      done = backend_.forward(slots_, logits_);
    }
    if (done) {
      ++counts_.steps;
      std::size_t row = 0;
      endings[i] = advance(*running_[i], tokens[i], row);
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
  live->seq.reset();
  live->computed = 0;
  ++live->usage.recomputed;
  ++counts_.taken_back;
  short_of_pages_ = true;
  const auto place =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Live& other) { return other->arrival > live->arrival; });
  waiting_.insert(place, std::move(live));
  if (const auto dropped = sequences_.drop(seq); !dropped) lose(dropped.error());
}

void Scheduler::deliver(std::span<const std::uint32_t> tokens) {
  Endings endings(running_.size());
  std::size_t row = 0;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (tokens[i] != 0) endings[i] = advance(*running_[i], tokens[i], row);
  }
  retire(endings);
}

std::optional<Scheduler::After> Scheduler::advance(LiveRequest& r, std::uint32_t tokens, std::size_t& row) {
  sequences_.extend(*r.seq, std::span(r.tokens).subspan(r.computed, tokens));
  r.computed += tokens;
  r.last_served = counts_.steps;
  if (r.remaining() != 0) return std::nullopt;
  return choose_token(r, row++);
}

std::optional<Scheduler::After> Scheduler::choose_token(LiveRequest& r, std::size_t row) {
  if (row >= logits_.rows() || logits_.vocab != facts_.backend.vocab) {
    fail_request(r, {Errc::engine_lost, 0,
                     "engine " + engine_name_ + ": met " + std::to_string(logits_.rows()) + " rows of " +
                         std::to_string(logits_.vocab) + " logits, expected more than " + std::to_string(row) +
                         " rows of " + std::to_string(facts_.backend.vocab)});
    return After::drop;
  }
  const auto logits = std::as_const(logits_).row(row);
  const auto token =
      sample(r.sampling, r.sampler,
             {logits, r.tokens, static_cast<Position>(r.tokens.size()), r.banned(), {}, engine_name_}, scratch_);
  if (!token) {
    fail_request(r, token.error());
    return After::drop;
  }
  Written written = r.write(*token, facts_.backend.context);
  if (written.shown) {
    owners_.serve(r.owner, 1);
    QueuedEvent& out = emit(r, Event::Kind::token);
    out.event.token = *token;
    out.text = std::move(written.text);
    if (r.sampling.wants_logprob || r.sampling.logprobs > 0) {
      Logprobs met = logprobs(logits, *token, r.sampling.logprobs);
      out.event.logprob = met.chosen;
      out.alternatives = std::move(met.top);
    }
  }
  if (written.finish == Finish::none) return std::nullopt;
  finish_request(r, written.finish, written.shown ? -1 : *token);
  return After::keep;
}

void Scheduler::retire(const Endings& endings) {
  std::vector<Live> ended;
  std::vector<After> after;
  std::vector<Live> left;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (endings[i]) {
      owners_.leave(running_[i]->owner);
      ended.push_back(std::move(running_[i]));
      after.push_back(*endings[i]);
    } else {
      left.push_back(std::move(running_[i]));
    }
  }
  running_ = std::move(left);
  if (!ended.empty()) short_of_pages_ = false;
  for (std::size_t i = 0; i < ended.size() && !lost_; ++i) {
    if (after[i] == After::keep && options_.keep_finished) {
      sequences_.keep(*ended[i]->seq);
    } else if (const auto dropped = sequences_.drop(*ended[i]->seq); !dropped) {
      lose(dropped.error());
    }
  }
}

void Scheduler::lose(const Error& error) {
  lost_ = with_context(engine_name_,
                       {Errc::engine_lost, 0, error.code == Errc::engine_lost ? error.detail : to_string(error)});
  for (const auto& r : running_) fail_request(*r, *lost_);
  for (const auto& r : waiting_) fail_request(*r, *lost_);
  running_.clear();
  waiting_.clear();
  owners_ = {};
}

void Scheduler::fail_request(LiveRequest& request, const Error& error) {
  QueuedEvent& out = emit(request, Event::Kind::failed);
  out.event.error = error.code;
  out.reason = to_string(error);
  out.text = request.rest();
}

void Scheduler::finish_request(LiveRequest& request, Finish finish, Token token) {
  QueuedEvent& out = emit(request, Event::Kind::finished);
  out.event.finish = finish;
  out.event.token = token;
  if (finish != Finish::stop_text) out.text = request.rest();
}

QueuedEvent& Scheduler::emit(LiveRequest& request, Event::Kind kind) {
  QueuedEvent& out = outgoing_.emit(request.id, kind, clock_.now_ns());
  out.usage = request.usage;
  return out;
}

}  // namespace assay::schedule
