// What a computed step gives: rows to tokens and vectors, events, endings.
#include <algorithm>
#include <utility>

#include "schedule/scheduler.h"

namespace assay::schedule {

void Scheduler::deliver(Counts tokens, Counts guesses) {
  Endings endings(running_.size());
  Row row;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (tokens[i] != 0) endings[i] = advance(*running_[i], tokens[i], guesses[i], row);
  }
  retire(endings);
}

std::optional<Scheduler::After> Scheduler::advance(LiveRequest& r, std::uint32_t tokens, std::uint32_t guesses,
                                                   Row& row) {
  const std::uint32_t first = r.computed;
  sequences_.extend(*r.seq, std::span(r.tokens).subspan(first, tokens));
  r.computed += tokens;
  r.last_served = counts_.steps;
  if (r.kind == RequestKind::embed) return pool(r, tokens, row);
  if (r.remaining() != 0) return std::nullopt;
  const auto ending = guesses == 0 ? choose_token(r, row.logits, -1) : walk_guesses(r, guesses, row);
  row.logits += 1 + guesses;
  return ending;
}

std::optional<Scheduler::After> Scheduler::pool(LiveRequest& r, std::uint32_t tokens, Row& row) {
  const std::size_t width = facts_.backend.hidden;
  std::size_t rows = 0;
  for (std::uint32_t i = r.computed - tokens; i < r.computed; ++i) rows += r.wants_hidden(i) ? 1 : 0;
  r.add_hidden(std::span(std::as_const(hidden_)).subspan(row.hidden * width, rows * width), width);
  row.hidden += rows;
  if (r.remaining() != 0) return std::nullopt;
  auto vector = r.pooled(engine_name_);
  if (!vector) {
    fail_request(r, vector.error());
    return After::drop;
  }
  finish_request(r, Finish::embedded, -1).embedding = std::move(*vector);
  return After::keep;
}

// The sequence holds the guesses, and each has its row: that of a guess is right as long as all guesses before it are.
std::optional<Scheduler::After> Scheduler::walk_guesses(LiveRequest& r, std::uint32_t guesses, Row& row) {
  const std::vector<Token> guessed(r.guesses.begin(), r.guesses.begin() + guesses);
  sequences_.extend(*r.seq, guessed);
  r.usage.drafted += guesses;
  std::optional<After> ending;
  for (std::uint32_t i = 0;; ++i) {
    ending = choose_token(r, row.logits + i, i < guesses ? guessed[i] : -1);
    if (ending || i == guesses || r.tokens.back() != guessed[i]) break;
    ++r.computed;
  }
  if (ending == After::drop || broken_) return ending;
  const auto cut = sequences_.cut(*r.seq, r.computed);
  if (!cut) {
    broken_ = cut.error();
  } else if (!*cut) {  // facts() said otherwise: it is computed again, and nobody guesses any more
    options_.draft = nullptr;
    r.computed = 0;
    ++r.usage.recomputed;
  }
  return ending;
}

std::optional<Scheduler::After> Scheduler::choose_token(LiveRequest& r, std::size_t row, Token guess) {
  const auto logits = std::as_const(logits_).row(row);
  const SampleInput input{
      logits,      r.tokens, static_cast<Position>(r.tokens.size()), r.banned(), r.allowed(facts_.backend.vocab),
      engine_name_};
  const auto token = sample(r.sampling, r.sampler, input, scratch_);
  auto written = token ? r.write(*token, facts_.backend.context) : std::unexpected(token.error());
  if (!written) {
    fail_request(r, written.error());
    return After::drop;
  }
  if (written->shown) {
    owners_.serve(r.owner, 1);
    if (*token == guess) ++r.usage.accepted;
    QueuedEvent& out = emit(r, Event::Kind::token);
    out.event.token = *token;
    out.text = std::move(written->text);
    if (r.sampling.wants_logprob || r.sampling.logprobs > 0) {
      Logprobs met = logprobs(logits, *token, r.sampling.logprobs);
      out.event.logprob = met.chosen;
      out.alternatives = std::move(met.top);
    }
  }
  if (written->finish == Finish::none) return std::nullopt;
  finish_request(r, written->finish, written->shown ? -1 : *token);
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
  if (broken_ && !lost_) lose(*broken_);
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

QueuedEvent& Scheduler::finish_request(LiveRequest& request, Finish finish, Token token) {
  QueuedEvent& out = emit(request, Event::Kind::finished);
  out.event.finish = finish;
  out.event.token = token;
  if (finish != Finish::stop_text) out.text = request.rest();
  return out;
}

QueuedEvent& Scheduler::emit(LiveRequest& request, Event::Kind kind) {
  QueuedEvent& out = outgoing_.emit(request.id, kind, clock_.now_ns());
  out.usage = request.usage;
  return out;
}

}  // namespace assay::schedule
