// Thousands of seeds: random arrivals, prompts that share prefixes, lengths, cancels, small memories and failures
// against the fake backend and a fake clock. A failure prints its seed; ASSAY_SIM_FIRST=seed ASSAY_SIM_SEEDS=1 replays
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schedule/fake_backend.h"
#include "schedule/scheduler.h"

namespace assay::schedule {
namespace {

struct Order {
  std::vector<Token> prompt;
  Request request;
  std::optional<std::uint64_t> grammar;  // seed of an Odd one
};

// Allows some tokens, by what was written last, and every stop token; now and then nothing; ends by itself at some length.
class Odd final : public Grammar {
 public:
  Odd(std::uint64_t seed, std::uint32_t vocab, std::vector<Token> stops)
      : seed_(seed), vocab_(vocab), stops_(std::move(stops)), length_(3 + seed % 20) {}
  Result<void> accept(Token token) override {
    if (!allows(token)) return fail(Errc::bug, "a token that it does not allow");
    last_ = token;
    ++count_;
    return {};
  }
  void fill(std::span<std::uint32_t> mask) override {
    for (std::uint32_t i = 0; i < vocab_; ++i) {
      if (allows(static_cast<Token>(i))) mask[i / 32] |= std::uint32_t{1} << i % 32;
    }
  }
  bool ended() const override { return count_ >= length_; }

 private:
  bool allows(Token token) const {
    if (seed_ % 8 == 0 && count_ + 2 == length_) return false;
    if (std::ranges::count(stops_, token) > 0) return true;
    return (static_cast<std::uint64_t>(token) + seed_ + static_cast<std::uint64_t>(last_)) % 3 != 0;
  }
  const std::uint64_t seed_;
  const std::uint32_t vocab_;
  const std::vector<Token> stops_;
  const std::uint64_t length_;
  Token last_ = 0;
  std::uint64_t count_ = 0;
};

std::shared_ptr<Grammar> grammar_of(const Order& order, std::uint32_t vocab) {
  return order.grammar ? std::make_shared<Odd>(*order.grammar, vocab, order.request.stop_tokens) : nullptr;
}

// What a request gives: by running alone, or as the events told.
struct Answer {
  std::vector<Token> tokens;
  std::vector<float> logprobs;
  std::string text;
  std::vector<float> embedding;
  Finish finish = Finish::none;
  std::optional<Errc> error;
};

// Guesses with the help of what requests give alone, and often wrongly: another token, none of the vocabulary, nothing.
class Oracle final : public Draft {
 public:
  explicit Oracle(std::uint64_t seed, std::uint32_t vocab) : random_(seed), vocab_(vocab) {}
  void propose(std::span<const Token> history, std::size_t most, std::vector<Token>& guesses) override {
    for (const auto& known : answers) {
      if (known.size() < history.size() || !std::ranges::equal(history, std::span(known).first(history.size())))
        continue;
      for (std::size_t i = history.size(); i < known.size() && guesses.size() < most; ++i) guesses.push_back(known[i]);
      break;
    }
    if (random_.below(3) != 0) return;
    guesses.resize(std::min<std::size_t>(most, guesses.size() + random_.below(3)), 1);
    if (guesses.empty()) return;
    guesses[random_.below(guesses.size())] = static_cast<Token>(random_.below(vocab_ + 2)) - 1;
  }
  std::vector<std::vector<Token>> answers;  // prompt and answer

 private:
  Random random_;
  const std::uint32_t vocab_;
};

// The vector that stands for a prompt, computed token by token.
std::vector<float> embed_alone(const Order& order, std::size_t width) {
  const Pooling& pooling = order.request.pooling;
  const std::size_t length = order.prompt.size();
  std::vector<double> sum(width);
  std::vector<float> state(width);
  for (std::size_t n = pooling.of == Pooling::Of::mean ? 1 : length; n <= length; ++n) {
    hashed_hidden(std::span(order.prompt).first(n), state);
    for (std::size_t i = 0; i < width; ++i) sum[i] += state[i];
  }
  const double count = pooling.of == Pooling::Of::mean ? static_cast<double>(length) : 1;
  double squares = 0;
  for (const double x : sum) squares += x / count * (x / count);
  const double scale = pooling.normalised ? 1 / std::sqrt(squares) : 1;
  std::vector<float> vector;
  vector.reserve(sum.size());
  for (const double x : sum) vector.push_back(static_cast<float>(x / count * scale));
  return vector;
}

// The plain loop: no batch, no cache, no chunks, no streaming matcher.
Answer run_alone(const Order& order, const FakeShape& shape) {
  Answer a;
  const Request& r = order.request;
  if (r.kind == RequestKind::embed) {
    a.embedding = embed_alone(order, shape.hidden);
    a.finish = Finish::embedded;
    return a;
  }
  const auto grammar = grammar_of(order, shape.vocab);
  SamplerState state(r.sampling);
  std::vector<Token> tokens = order.prompt;
  std::vector<float> logits(shape.vocab);
  const FakeText text;
  auto stream = text.start();
  std::string fixed;      // written before the minimum length: no stop text is looked for
  std::string matchable;  // written after it
  while (a.finish == Finish::none) {
    hashed_logits(tokens, logits);
    SampleScratch scratch;
    std::vector<std::uint32_t> mask;
    if (grammar != nullptr) {
      mask.resize((shape.vocab + 31) / 32);
      grammar->fill(mask);
    }
    const bool early = a.tokens.size() < r.output_tokens_min;
    const std::span<const Token> banned = early ? std::span<const Token>(r.stop_tokens) : std::span<const Token>();
    const auto token_or =
        sample(r.sampling, state, {logits, tokens, static_cast<Position>(tokens.size()), banned, mask, ""}, scratch);
    if (!token_or) {  // nothing is allowed
      a.error = token_or.error().code;
      break;
    }
    const Token token = *token_or;
    if (std::count(r.stop_tokens.begin(), r.stop_tokens.end(), token) > 0) {
      a.finish = Finish::stop_token;
      break;
    }
    if (grammar != nullptr) grammar->accept(token).value();
    tokens.push_back(token);
    a.tokens.push_back(token);
    a.logprobs.push_back(logprobs(logits, token, 0).chosen);
    std::string piece;
    stream->push(token, piece);
    (a.tokens.size() < r.output_tokens_min ? fixed : matchable) += piece;
    if (a.tokens.size() >= r.output_tokens_min) {
      std::size_t stop = std::string::npos;
      for (const auto& s : r.stop_texts) stop = std::min(stop, matchable.find(s));
      if (stop != std::string::npos) {
        a.text = fixed + matchable.substr(0, stop);
        a.finish = Finish::stop_text;
        return a;
      }
    }
    if (grammar != nullptr && grammar->ended()) {
      a.finish = Finish::grammar;
    } else if (a.tokens.size() >= r.output_tokens_max) {
      a.finish = Finish::length;
    } else if (tokens.size() >= shape.context) {
      a.finish = Finish::context;
    }
  }
  std::string tail;
  stream->finish(tail);
  if (a.tokens.size() < r.output_tokens_min) {
    a.text = fixed + tail;
    return a;
  }
  matchable += tail;
  for (const auto& s : r.stop_texts) matchable.resize(std::min(matchable.size(), matchable.find(s)));
  a.text = fixed + matchable;
  return a;
}

// Branches that must have run over all seeds.
std::map<std::string, std::uint64_t> probes;

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed), seed_(seed) {}

  // Empty: every invariant held.
  std::string run() {
    make_world();
    FakeBackend backend(shape_, clock_, seed_);
    backend.orders = orders_;
    std::string problem;
    {
      Scheduler scheduler(backend, clock_, &text_, options_);
      problem = drive(backend, scheduler);
      count(scheduler.counts());
    }
    if (!problem.empty()) return problem;
    probes["pages returned"] += backend.pages_returned();
    if (const auto held = backend.check_invariants(); !held) return to_string(held.error());
    if (!backend.violations.empty()) return "the backend was called wrongly: " + backend.violations.front();
    if (!backend.lost && backend.pages_used() != 0) return std::to_string(backend.pages_used()) + " pages leaked";
    return {};
  }

 private:
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(random_.below(high - low + 1));
  }
  bool chance(double p) { return random_.uniform() < p; }

  void make_world() {
    shape_.context = between(8, 60);
    shape_.sequences = between(1, 5);
    shape_.batch = chance(0.2) ? between(1, 3) : between(4, 24);
    shape_.page_tokens = between(1, 6);
    if (chance(0.7)) shape_.hidden = between(1, 5);
    if (chance(0.1)) shape_.rewind = Rewind::none;
    if (chance(0.5)) {
      draft_.emplace(random_.bits(), shape_.vocab);
      options_.draft = &*draft_;
      options_.draft_tokens = between(1, 10);
    }
    const std::uint32_t one = (shape_.context + shape_.page_tokens - 1) / shape_.page_tokens;
    shape_.pages = chance(0.1) ? between(1, one) : one + between(0, one * shape_.sequences);
    options_.queue_max = between(1, 6);
    options_.streams_max = between(0, 6);
    options_.step_tokens = chance(0.5) ? 0 : between(1, 30);
    options_.prefill_beside_decode = between(1, 12);
    options_.prefix_min = between(1, 6);
    options_.prefix_worth_waiting = chance(0.5) ? 0 : between(1, 20);
    options_.keep_finished = chance(0.7);
    options_.sleep = [this](std::int64_t ns) {
      clock_.advance(ns);
      ++probes["rested"];
      if (options_.wake != nullptr && chance(0.3)) wake_->notify();
    };
    if (chance(0.3)) {
      options_.wake = wake_.get();
      orders_.during = [this] {
        if (chance(0.1)) wake_->notify();
      };
    }
    orders_.forward_ns = between(0, 1000);
    if (chance(0.3)) {
      orders_.slot_ns = between(1, 200);
      options_.step_ns = between(1, 6000);
    }
    if (chance(0.2)) orders_.full_chance = 0.1;
    if (chance(0.1)) orders_.nan_chance = 0.02;
    if (chance(0.1)) orders_.bad_slot_chance = 0.02;
    if (chance(0.1)) orders_.bad_token = static_cast<Token>(random_.below(shape_.vocab));
    if (chance(0.2)) orders_.refuse_share_chance = 0.5;
    if (chance(0.1)) orders_.can_share = false;
    if (chance(0.05)) orders_.lost_at = between(1, 60);
    if (chance(0.05)) orders_.forget_lost_at = between(1, 10);
    if (chance(0.3)) shape_.window = between(1, shape_.context);
    if (chance(0.3)) orders_.late_chance = 0.5;
    if (chance(0.2)) orders_.refuse_forget_chance = 0.7;
    for (auto& base : bases_) {
      base.resize(between(1, shape_.context));
      for (auto& t : base) t = static_cast<Token>(random_.below(shape_.vocab));
    }
  }

  Order make_order(RequestId id) {
    Order o;
    const auto& base = bases_[random_.below(bases_.size())];
    o.prompt.assign(base.begin(), base.begin() + between(1, static_cast<std::uint32_t>(base.size())));
    // A conversation goes on: an earlier prompt with its answer, and more.
    if (!ended_.empty() && chance(0.3)) o.prompt = ended_[random_.below(ended_.size())];
    const std::uint32_t more = chance(0.5) ? 0 : between(1, 6);
    for (std::uint32_t i = 0; i < more; ++i) o.prompt.push_back(static_cast<Token>(random_.below(shape_.vocab)));
    Request& r = o.request;
    r.id = id;
    r.owner = chance(0.5) ? 0 : between(1, 3);
    if (chance(0.2)) r.priority = static_cast<std::int32_t>(between(0, 2)) - 1;
    if (chance(0.15)) {
      r.kind = RequestKind::embed;
      r.pooling.of = chance(0.5) ? Pooling::Of::last : Pooling::Of::mean;
      r.pooling.normalised = chance(0.5);
      return o;
    }
    r.output_tokens_max = between(1, 30);
    r.output_tokens_min = chance(0.3) ? between(0, r.output_tokens_max) : 0;
    for (std::uint32_t i = between(0, 2); i > 0; --i)
      r.stop_tokens.push_back(static_cast<Token>(random_.below(shape_.vocab)));
    static const std::vector<std::string> stops = {"abc", "cc", "bbbb", "cabab", "ax", "bab?"};
    for (std::uint32_t i = between(0, 2); i > 0; --i) r.stop_texts.push_back(stops[random_.below(stops.size())]);
    if (chance(0.2)) o.grammar = random_.bits();
    Sampling& s = r.sampling;
    s.seed = random_.bits();
    s.wants_logprob = chance(0.3);
    s.logprobs = chance(0.2) ? 3 : 0;
    if (chance(0.7)) s.temperature = 0.8F;
    if (chance(0.3)) s.repetition_penalty = 1.2F;
    if (chance(0.2)) s.dry_multiplier = 0.8F;
    if (s.temperature > 0 && chance(0.2)) {
      s.mirostat = 2;
      return o;
    }
    if (chance(0.3)) s.top_k = between(1, 10);
    if (chance(0.3)) s.top_p = 0.9F;
    if (chance(0.2)) s.xtc_probability = 0.5F;
    if (chance(0.2)) s.typical_p = 0.9F;
    return o;
  }

  std::string drive(FakeBackend& backend, Scheduler& scheduler) {
    const std::uint32_t total = between(1, 12);
    std::uint32_t made = 0;
    std::uint32_t idle = 0;
    std::vector<Event> events(16);
    while (made < total || !open_.empty()) {
      if (made < total && chance(0.4)) submit(scheduler, made, backend.lost);
      if (!open_.empty() && chance(0.03)) {
        auto any = open_.begin();
        std::advance(any, static_cast<std::ptrdiff_t>(random_.below(open_.size())));
        const bool was_waiting = scheduler.waiting() > 0;
        cancelled_.insert(*any);
        scheduler.cancel(*any);
        if (!options_.keep_finished && !backend.lost && backend.sequences_used() > scheduler.running()) {
          return "a cancelled request did not free its pages at once";
        }
        ++probes[was_waiting ? "cancelled beside a queue" : "cancelled"];
        if (chance(0.3)) scheduler.cancel(*any);
      }
      if (chance(0.02)) scheduler.cancel(999'999);
      if (chance(0.05)) scheduler.set_streams_max(between(0, 6));
      if (scheduler.running() == 0 && scheduler.waiting() > 0 && idle > 20) scheduler.set_streams_max(1);
      const auto room = std::span(events).first(between(1, 16));
      const std::int64_t deadline = clock_.now_ns() + between(0, 3000);
      const auto count = scheduler.poll(room, deadline);
      if (!count) return "poll: " + to_string(count.error());
      if (orders_.forward_ns == 0) clock_.advance(1);
      idle = *count == 0 ? idle + 1 : 0;
      if (*count == 0 && clock_.now_ns() < deadline && scheduler.running() > 0) {
        if (options_.wake == nullptr) return "poll returned before its deadline with nothing";
        ++probes["woken while computing"];
      }
      if (idle > 5000) return "nothing happens for 5000 polls, " + std::to_string(open_.size()) + " requests open";
      for (const auto& event : room.first(*count)) {
        if (auto problem = take(scheduler, event); !problem.empty()) return problem;
      }
      if (scheduler.waiting() > options_.queue_max + shape_.sequences) return "the queue is over its bound";
      if (!options_.keep_finished && !backend.lost && backend.sequences_used() > scheduler.running()) {
        return "a sequence that nobody owns holds pages";
      }
    }
    return {};
  }

  void submit(Scheduler& scheduler, std::uint32_t& made, bool lost) {
    Order order = make_order(++made);
    order.request.prompt = order.prompt;
    order.request.grammar = grammar_of(order, shape_.vocab);
    const auto taken = scheduler.submit(order.request);
    if (!taken) {
      ++probes[std::string("refused: ") + std::string(sentence(taken.error().code))];
      const bool embeds = order.request.kind == RequestKind::embed;
      const bool too_long = order.prompt.size() >= shape_.context + (embeds ? 1 : 0);
      const Errc expected = too_long ? Errc::bad_value : embeds && shape_.hidden == 0 ? Errc::unsupported : Errc::full;
      const bool right = taken.error().code == (lost ? Errc::engine_lost : expected);
      refused_wrongly_ = refused_wrongly_ || !right;
      return;
    }
    open_.insert(order.request.id);
    order.request.prompt = {};
    order.request.grammar = nullptr;
    if (draft_ && chance(0.8)) {
      const Answer alone = run_alone(order, shape_);
      draft_->answers.push_back(order.prompt);
      draft_->answers.back().insert(draft_->answers.back().end(), alone.tokens.begin(), alone.tokens.end());
    }
    orders_by_id_.emplace(order.request.id, std::move(order));
  }

  std::string take(Scheduler& scheduler, const Event& event) {
    const std::string who = "request " + std::to_string(event.request) + ": ";
    if (refused_wrongly_) return "a submit was refused for the wrong reason";
    if (!open_.contains(event.request)) return who + "an event after its last";
    if (event.at_ns < latest_ns_) return who + "time went back";
    latest_ns_ = event.at_ns;
    Answer& answer = answers_[event.request];
    const EventDetail detail = scheduler.detail(event);
    answer.text += detail.text;
    const Order& order = orders_by_id_.at(event.request);
    if (event.kind == Event::Kind::token) {
      answer.tokens.push_back(event.token);
      answer.logprobs.push_back(event.logprob);
      if (detail.alternatives.size() != order.request.sampling.logprobs) return who + "wrong number of alternatives";
      if (detail.usage.output_tokens != answer.tokens.size()) return who + "wrong count of tokens";
      return {};
    }
    if (detail.usage.prompt_tokens != order.prompt.size()) return who + "wrong count of prompt tokens";
    if (detail.usage.cached_tokens >= order.prompt.size()) return who + "too many cached tokens";
    if (detail.usage.cached_tokens > 0) ++probes["started from cached tokens"];
    open_.erase(event.request);
    answer.finish = event.finish;
    answer.embedding.assign(detail.embedding.begin(), detail.embedding.end());
    if (detail.usage.accepted > detail.usage.drafted || detail.usage.accepted > detail.usage.output_tokens) {
      return who + "more guesses accepted than there can be";
    }
    if (detail.usage.drafted > 0 && (options_.draft == nullptr || shape_.rewind != Rewind::any)) return who + "guesses";
    probes["guesses accepted"] += detail.usage.accepted;
    probes["guesses refused"] += detail.usage.drafted - detail.usage.accepted;
    if (detail.usage.recomputed > 0 && detail.usage.accepted > 0) ++probes["guessed for and taken back"];
    if (event.kind == Event::Kind::failed) answer.error = event.error;
    auto conversation = order.prompt;
    conversation.insert(conversation.end(), answer.tokens.begin(), answer.tokens.end());
    ended_.push_back(std::move(conversation));
    if (detail.usage.recomputed > 0 && !answer.error) ++probes["finished after being taken back"];
    return compare(order, answer, who, std::string(detail.reason));
  }

  bool has_bad_token(const std::vector<Token>& tokens) const {
    return std::ranges::count(tokens, orders_.bad_token) > 0;
  }

  std::string compare(const Order& order, const Answer& met, const std::string& who, const std::string& reason) {
    const Answer alone = run_alone(order, shape_);
    if (alone.error && met.error == alone.error && met.tokens == alone.tokens) {
      ++probes["nothing allowed"];
      return {};
    }
    const bool whole = !met.error && met.finish != Finish::cancelled;
    if (met.finish == Finish::cancelled && !cancelled_.contains(order.request.id)) return who + "nobody cancelled it";
    if (met.tokens.size() > alone.tokens.size() || (whole && met.tokens.size() != alone.tokens.size())) {
      return who + std::to_string(met.tokens.size()) + " tokens, alone " + std::to_string(alone.tokens.size());
    }
    for (std::size_t i = 0; i < met.tokens.size(); ++i) {
      if (met.tokens[i] != alone.tokens[i]) return who + "token " + std::to_string(i) + " differs from running alone";
      const bool asked = order.request.sampling.wants_logprob || order.request.sampling.logprobs > 0;
      if (asked ? met.logprobs[i] != alone.logprobs[i] : !std::isnan(met.logprobs[i])) return who + "wrong logprob";
    }
    if (whole && met.finish != alone.finish) return who + "another end than alone";
    if (whole && met.embedding != alone.embedding) return who + "another vector than alone";
    if (whole && met.text != alone.text) return who + "text '" + met.text + "', alone '" + alone.text + "'";
    for (const auto& stop : order.request.stop_texts) {
      if (order.request.output_tokens_min == 0 && met.text.find(stop) != std::string::npos)
        return who + "stop text shown";
    }
    ++probes["finish " + std::to_string(static_cast<int>(met.finish))];
    if (!met.error) return {};
    if (reason.empty()) return who + "failed without a reason";
    ++probes["failed: " + std::string(sentence(*met.error))];
    const bool small = shape_.pages * shape_.page_tokens < shape_.context + shape_.page_tokens;
    const bool may = (*met.error == Errc::full && (small || orders_.full_chance > 0)) ||
                     (*met.error == Errc::engine_lost &&
                      (orders_.nan_chance > 0 || orders_.lost_at != ~0ULL || orders_.forget_lost_at != ~0ULL)) ||
                     (*met.error == Errc::bad_value &&
                      (orders_.bad_slot_chance > 0 || has_bad_token(order.prompt) || has_bad_token(met.tokens)));
    return may ? std::string() : who + "failed without cause: " + reason;
  }

  static void count(const SchedulerCounts& c) {
    probes["taken back"] += c.taken_back;
    probes["step without its guesses"] += c.undrafted;
    probes["out of pages"] += c.out_of_pages;
    probes["queue full"] += c.refused_full;
    probes["computed apart"] += c.apart;
    probes["prefix shared"] += c.sequences.shared;
    probes["sequence continued"] += c.sequences.continued;
    probes["kept sequence evicted"] += c.sequences.evicted;
    probes["share refused"] += c.sequences.refused;
    probes["kept sequence began anew"] += c.sequences.recomputed;
  }

  Random random_;
  const std::uint64_t seed_;
  FakeClock clock_;
  const std::unique_ptr<Wake> wake_ = Wake::make().value();
  FakeText text_;
  std::optional<Oracle> draft_;
  FakeShape shape_;
  FakeOrders orders_;
  SchedulerOptions options_;
  std::array<std::vector<Token>, 3> bases_;
  std::vector<std::vector<Token>> ended_;
  std::map<RequestId, Order> orders_by_id_;
  std::map<RequestId, Answer> answers_;
  std::set<RequestId> open_;
  std::set<RequestId> cancelled_;
  std::int64_t latest_ns_ = 0;
  bool refused_wrongly_ = false;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Simulation, every_request_ends_once_with_what_it_gives_alone_and_no_page_leaks) {
  const std::uint64_t first = from_environment("ASSAY_SIM_FIRST", 1);
  const std::uint64_t seeds = from_environment("ASSAY_SIM_SEEDS", 5000);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const std::string problem = Simulation(seed).run();
    ASSERT_TRUE(problem.empty()) << "seed " << seed << ": " << problem << "\nreplay: ASSAY_SIM_FIRST=" << seed
                                 << " ASSAY_SIM_SEEDS=1";
  }
  if (seeds < 5000) return;
  for (const char* probe : {"taken back",
                            "finished after being taken back",
                            "out of pages",
                            "queue full",
                            "computed apart",
                            "rested",
                            "woken while computing",
                            "prefix shared",
                            "sequence continued",
                            "kept sequence evicted",
                            "share refused",
                            "kept sequence began anew",
                            "pages returned",
                            "started from cached tokens",
                            "cancelled",
                            "cancelled beside a queue",
                            "finish 1",
                            "finish 2",
                            "finish 3",
                            "finish 4",
                            "finish 5",
                            "finish 6",
                            "finish 7",
                            "nothing allowed",
                            "guesses accepted",
                            "guesses refused",
                            "guessed for and taken back",
                            "step without its guesses",
                            "refused: unsupported",
                            "failed: full",
                            "failed: engine lost",
                            "failed: bad value",
                            "refused: full",
                            "refused: bad value",
                            "refused: engine lost"}) {
    EXPECT_GT(probes[probe], 20U) << "too rare over all seeds: " << probe;
  }
  for (const auto& [probe, count] : probes) RecordProperty(probe, std::to_string(count));
}

}  // namespace
}  // namespace assay::schedule
