// Grammars, embeddings and guesses through the whole scheduler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schedule/fake_backend.h"
#include "schedule/scheduler.h"

namespace assay::schedule {
namespace {

using testing::HasSubstr;

struct Told {
  std::vector<Token> tokens;
  Event last;
  std::string reason;
  Usage usage;
  std::vector<float> embedding;
};

class RequestKinds : public testing::Test {
 protected:
  RequestKinds() { shape.hidden = 6; }

  void start() {
    scheduler.reset();
    told.clear();
    backend = std::make_unique<FakeBackend>(shape, clock);
    scheduler = std::make_unique<Scheduler>(*backend, clock, nullptr, options);
  }
  Result<void> submit(RequestId id, std::vector<Token> prompt, std::uint32_t output) {
    request.id = id;
    request.prompt = prompt;
    request.output_tokens_max = output;
    return scheduler->submit(request);
  }
  void drain() {
    std::vector<Event> events(64);
    while (true) {
      const std::size_t n = scheduler->poll(events, std::numeric_limits<std::int64_t>::max()).value();
      if (n == 0 && scheduler->waiting() + scheduler->running() == 0) return;
      for (std::size_t i = 0; i < n; ++i) {
        const auto detail = scheduler->detail(events[i]);
        Told& t = told[events[i].request];
        if (events[i].kind == Event::Kind::token) t.tokens.push_back(events[i].token);
        t.last = events[i];
        t.reason = detail.reason;
        t.usage = detail.usage;
        t.embedding.assign(detail.embedding.begin(), detail.embedding.end());
      }
    }
  }

  FakeShape shape;
  FakeClock clock;
  SchedulerOptions options;
  std::unique_ptr<FakeBackend> backend;
  std::unique_ptr<Scheduler> scheduler;
  Request request;
  std::map<RequestId, Told> told;
};

// Allows the tokens of a given answer, one at each place.
class OneAnswer final : public Grammar {
 public:
  explicit OneAnswer(std::vector<Token> answer) : answer_(std::move(answer)) {}
  Result<void> accept(Token token) override {
    if (token != answer_.at(at_)) return fail(Errc::bad_value, "met token " + std::to_string(token));
    ++at_;
    return {};
  }
  void fill(std::span<std::uint32_t> mask) override {
    if (backend != nullptr) ++(backend->computes() ? filled_beside : filled_alone);
    for (const std::uint32_t word : mask) zero = zero && word == 0;
    words = mask.size();
    if (ended()) return;
    const auto token = static_cast<std::size_t>(answer_[at_]);
    mask[token / 32] |= std::uint32_t{1} << token % 32;
  }
  bool ended() const override { return at_ == answer_.size(); }

  const FakeBackend* backend = nullptr;
  int filled_beside = 0;  // a pass
  int filled_alone = 0;
  bool zero = true;
  std::size_t words = 0;

 private:
  std::vector<Token> answer_;
  std::size_t at_ = 0;
};

TEST_F(RequestKinds, a_grammar_decides_what_is_written_and_where_it_ends) {
  start();
  const std::vector<Token> wanted = {39, 0, 17, 17};
  const auto grammar = std::make_shared<OneAnswer>(wanted);
  grammar->backend = backend.get();
  request.grammar = grammar;
  request.sampling.temperature = 1;
  submit(1, {1, 2, 3}, 20).value();
  request.grammar = nullptr;
  submit(2, {4, 5, 6}, 8).value();
  drain();
  EXPECT_EQ(told[1].tokens, wanted);
  EXPECT_EQ(told[1].last.finish, Finish::grammar);
  EXPECT_EQ(told[2].tokens.size(), 8U) << "a stranger in the same batch is not bound by it";
  EXPECT_EQ(grammar->filled_beside, 4) << "while the device computed";
  EXPECT_EQ(grammar->filled_alone, 0);
  EXPECT_TRUE(grammar->zero);
  EXPECT_EQ(grammar->words, 2U);
}

TEST_F(RequestKinds, a_grammar_that_leaves_nothing_or_takes_nothing_fails_its_request_alone) {
  class Nothing final : public Grammar {
   public:
    Result<void> accept(Token) override { return {}; }
    void fill(std::span<std::uint32_t>) override {}
    bool ended() const override { return false; }
  };
  class Breaks final : public Grammar {
   public:
    Result<void> accept(Token) override { return fail(Errc::bug, "lost its place"); }
    void fill(std::span<std::uint32_t> mask) override { mask[0] = 4; }
    bool ended() const override { return false; }
  };
  start();
  request.grammar = std::make_shared<Nothing>();
  submit(1, {1, 2, 3}, 5).value();
  request.grammar = std::make_shared<Breaks>();
  submit(2, {1, 2, 4}, 5).value();
  request.grammar = nullptr;
  submit(3, {1, 2, 5}, 5).value();
  drain();
  EXPECT_EQ(told[1].last.error, Errc::bad_value);
  EXPECT_THAT(told[1].reason, HasSubstr("no token is allowed"));
  EXPECT_EQ(told[2].last.error, Errc::bug);
  EXPECT_THAT(told[2].reason, HasSubstr("grammar: lost its place"));
  EXPECT_TRUE(told[2].tokens.empty());
  EXPECT_EQ(told[3].tokens.size(), 5U);
}

std::vector<double> expected_vector(const std::vector<Token>& prompt, Pooling pooling, std::size_t width) {
  std::vector<double> sum(width);
  std::vector<float> state(width);
  for (std::size_t n = pooling.of == Pooling::Of::mean ? 1 : prompt.size(); n <= prompt.size(); ++n) {
    hashed_hidden(std::span(prompt).first(n), state);
    for (std::size_t i = 0; i < width; ++i) sum[i] += state[i];
  }
  double squares = 0;
  for (double& x : sum) {
    if (pooling.of == Pooling::Of::mean) x /= static_cast<double>(prompt.size());
    squares += x * x;
  }
  if (pooling.normalised) {
    for (double& x : sum) x /= std::sqrt(squares);
  }
  return sum;
}

TEST_F(RequestKinds, an_embedding_is_the_last_state_or_the_mean_of_all_whatever_the_chunks) {
  for (const std::uint32_t batch : {1U, 3U, 64U}) {
    shape.batch = batch;
    start();
    const std::vector<Token> prompt = {7, 1, 4, 4, 9, 3, 22, 8, 30, 31, 2};
    RequestId id = 0;
    std::map<RequestId, Pooling> asked;
    for (const auto of : {Pooling::Of::last, Pooling::Of::mean}) {
      for (const bool normalised : {true, false}) {
        request.kind = RequestKind::embed;
        request.pooling = {of, normalised};
        submit(++id, prompt, 0).value();
        asked[id] = request.pooling;
      }
    }
    request.kind = RequestKind::generate;
    submit(99, prompt, 6).value();
    drain();
    for (const auto& [which, pooling] : asked) {
      ASSERT_EQ(told[which].last.finish, Finish::embedded) << told[which].reason;
      const auto expected = expected_vector(prompt, pooling, shape.hidden);
      ASSERT_EQ(told[which].embedding.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(told[which].embedding[i], expected[i], 1e-6);
      EXPECT_EQ(told[which].usage.output_tokens, 0U);
      EXPECT_EQ(told[which].usage.prompt_tokens, prompt.size());
    }
    EXPECT_EQ(told[99].tokens.size(), 6U);
    EXPECT_TRUE(backend->violations.empty());
  }
}

TEST_F(RequestKinds, an_embedding_of_the_last_token_starts_from_what_is_held_and_a_mean_does_not) {
  start();
  const std::vector<Token> prompt(20, 5);
  request.kind = RequestKind::embed;
  submit(1, prompt, 0).value();
  drain();
  submit(2, prompt, 0).value();
  drain();
  EXPECT_EQ(told[2].usage.cached_tokens, 19U);
  EXPECT_EQ(told[2].embedding, told[1].embedding);
  request.pooling.of = Pooling::Of::mean;
  submit(3, prompt, 0).value();
  drain();
  EXPECT_EQ(told[3].usage.cached_tokens, 0U);
}

TEST_F(RequestKinds, an_embedding_may_fill_the_context_and_not_more) {
  start();
  request.kind = RequestKind::embed;
  EXPECT_TRUE(submit(1, std::vector<Token>(64, 1), 0));
  EXPECT_EQ(submit(2, std::vector<Token>(65, 1), 0).error().detail, "prompt has 65 tokens, context holds 64");
  drain();
  EXPECT_EQ(told[1].last.finish, Finish::embedded);
}

TEST_F(RequestKinds, an_embedding_is_refused_by_name_where_it_makes_no_sense) {
  start();
  EXPECT_TRUE(scheduler->facts().can_embed && scheduler->facts().has_grammar);
  request.kind = RequestKind::embed;
  EXPECT_THAT(submit(1, {1}, 5).error().detail, HasSubstr("output_tokens_max: met 5, expected 0 for kind embed"));
  request.stop_tokens = {3};
  EXPECT_THAT(submit(1, {1}, 0).error().detail, HasSubstr("stop_tokens: met 1, expected none for kind embed"));
  request.stop_tokens = {};
  request.grammar = std::make_shared<OneAnswer>(std::vector<Token>{1});
  EXPECT_THAT(submit(1, {1}, 0).error().detail, HasSubstr("grammar: met one"));
  request.grammar = nullptr;
  shape.hidden = 0;
  start();
  EXPECT_FALSE(scheduler->facts().can_embed);
  const auto met = submit(1, {1}, 0);
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, Errc::unsupported);
  EXPECT_EQ(met.error().detail, "kind: met embed, expected generate: engine fake gives no hidden states");
}

// Says how an answer that is known goes on, or always the wrong token.
class Knows final : public Draft {
 public:
  void propose(std::span<const Token> history, std::size_t most, std::vector<Token>& guesses) override {
    ++asked;
    for (std::size_t i = history.size(); i < whole.size() && guesses.size() < most; ++i) {
      guesses.push_back(wrong ? (whole[i] + 1) % 40 : whole[i]);
    }
    if (!guesses.empty() && tail != 0) guesses.push_back(tail);
  }
  std::vector<Token> whole;
  bool wrong = false;
  Token tail = 0;  // behind what was asked for
  int asked = 0;
};

class Guessing : public RequestKinds {
 protected:
  const std::vector<Token> prompt = {3, 1, 4, 1, 5};
  void learn() {
    request.sampling.temperature = 0.8F;
    request.sampling.seed = 5;
    start();
    submit(1, prompt, 24).value();
    drain();
    answer = told[1].tokens;
    draft.whole = prompt;
    draft.whole.insert(draft.whole.end(), answer.begin(), answer.end());
    options.draft = &draft;
    options.keep_finished = false;
  }
  Knows draft;
  std::vector<Token> answer;
};

TEST_F(Guessing, right_guesses_save_passes_and_are_counted) {
  learn();
  start();
  submit(1, prompt, 24).value();
  drain();
  EXPECT_EQ(told[1].tokens, answer);
  EXPECT_EQ(backend->forwards, 4U) << "the prompt gives one, then 9, 9 and 5";
  EXPECT_EQ(told[1].usage.drafted, 20U);
  EXPECT_EQ(told[1].usage.accepted, 20U);
  EXPECT_EQ(told[1].usage.output_tokens, 24U);
  EXPECT_EQ(backend->pages_used(), 0U);
  EXPECT_TRUE(backend->violations.empty());
}

TEST_F(Guessing, wrong_guesses_change_nothing) {
  learn();
  draft.wrong = true;
  start();
  submit(1, prompt, 24).value();
  drain();
  EXPECT_EQ(told[1].tokens, answer);
  EXPECT_EQ(backend->forwards, 24U);
  EXPECT_GT(told[1].usage.drafted, 100U);
  EXPECT_EQ(told[1].usage.accepted, 0U);
}

TEST_F(Guessing, what_is_outside_the_vocabulary_or_more_than_asked_for_is_not_looked_at) {
  learn();
  for (const Token tail : {40, -3, 7}) {
    draft.tail = tail;
    start();
    submit(1, prompt, 24).value();
    drain();
    EXPECT_EQ(told[1].tokens, answer);
    EXPECT_EQ(told[1].usage.drafted, 20U);
    EXPECT_TRUE(backend->violations.empty());
  }
}

TEST_F(Guessing, a_state_that_cannot_go_back_gets_no_guesses) {
  learn();
  for (const Rewind rewind : {Rewind::none, Rewind::checkpoint}) {
    shape.rewind = rewind;
    draft.asked = 0;
    start();
    submit(1, prompt, 24).value();
    drain();
    EXPECT_EQ(told[1].tokens, answer);
    EXPECT_EQ(draft.asked, 0);
    EXPECT_EQ(told[1].usage.drafted, 0U);
  }
}

TEST_F(Guessing, a_guess_takes_no_page_from_anyone) {
  learn();
  shape.pages = 4;  // 16 tokens: enough for the prompt and the answer up to its stop token, not for 8 guesses behind it
  draft.wrong = true;
  const auto stop = std::ranges::find_if(answer.begin() + 7, answer.begin() + 11, [&](const Token& token) {
    return std::find(answer.begin(), answer.end(), token) == answer.begin() + (&token - answer.data());
  });
  ASSERT_NE(stop, answer.begin() + 11) << "another seed, please";
  request.stop_tokens = {*stop};
  start();
  submit(1, prompt, 24).value();
  drain();
  EXPECT_EQ(told[1].tokens, std::vector<Token>(answer.begin(), stop));
  EXPECT_EQ(told[1].last.finish, Finish::stop_token) << told[1].reason;
  EXPECT_GT(scheduler->counts().undrafted, 0U);
  EXPECT_EQ(scheduler->counts().taken_back, 0U);
}

TEST_F(Guessing, a_guess_that_the_backend_refuses_fails_nobody) {
  learn();
  draft.wrong = true;
  start();
  backend->orders.bad_token = draft.whole[7] == 39 ? 0 : draft.whole[7] + 1;  // the first guess of the second pass
  const bool in_answer = std::ranges::find(answer, backend->orders.bad_token) != answer.end();
  ASSERT_FALSE(in_answer) << "another seed, please";
  submit(1, prompt, 24).value();
  drain();
  EXPECT_EQ(told[1].tokens, answer);
  EXPECT_GT(scheduler->counts().apart, 0U);
}

TEST_F(Guessing, a_grammar_holds_for_what_was_guessed) {
  learn();
  const std::vector<Token> wanted = {3, 9, 3, 9, 3, 9};
  draft.whole = prompt;
  draft.whole.insert(draft.whole.end(), wanted.begin(), wanted.end());
  draft.whole[8] = 1;  // one guess that the grammar does not allow
  start();
  request.grammar = std::make_shared<OneAnswer>(wanted);
  submit(1, prompt, 24).value();
  drain();
  EXPECT_EQ(told[1].tokens, wanted);
  EXPECT_EQ(told[1].last.finish, Finish::grammar);
  EXPECT_GT(told[1].usage.accepted, 0U);
  EXPECT_LT(told[1].usage.accepted, told[1].usage.drafted);
}

TEST_F(Guessing, a_tail_that_the_backend_cannot_drop_costs_the_cache_and_not_the_engine) {
  shape.rewind = Rewind::none;
  shape.sequences = 1;
  options.prefix_min = 2;
  start();
  submit(1, {1, 2, 3, 4, 5, 6}, 3).value();
  drain();
  submit(2, {1, 2, 3, 4, 9, 9}, 3).value();  // begins as what is kept, and only that sequence is there
  drain();
  EXPECT_EQ(told[2].last.finish, Finish::length);
  EXPECT_EQ(told[2].usage.cached_tokens, 0U);
}

}  // namespace
}  // namespace assay::schedule
