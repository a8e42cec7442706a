#include "measure/client.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace assay::measure {
namespace {

// Answers every request by the same events.
class Replay final : public Engine {
 public:
  Facts sheet;
  std::vector<Event> events;
  Usage usage;                   // of the last event
  std::string text;              // of each token event
  std::uint32_t count_each = 0;  // by which the running count of a token event grows

  const Facts& facts() const override { return sheet; }
  Result<void> submit(const Request& request) override {
    for (Event& event : events) event.request = request.id;
    next_ = 0;
    return {};
  }
  void cancel(RequestId) override {}
  Result<std::size_t> poll(std::span<Event> out, std::int64_t) override {
    if (next_ == events.size()) return 0;
    out[0] = events[next_++];
    return 1;
  }
  EventDetail detail(const Event& event) const override {
    Usage shown = usage;
    if (event.kind == Event::Kind::token) {
      shown = {};
      shown.output_tokens = count_each * static_cast<std::uint32_t>(next_);
    }
    return {.text = text, .alternatives = {}, .reason = {}, .usage = shown};
  }

 private:
  std::size_t next_ = 0;
};

Event token(std::int64_t at_ns) {
  Event event;
  event.at_ns = at_ns;
  event.kind = Event::Kind::token;
  return event;
}

Event finished() {
  Event event;
  event.kind = Event::Kind::finished;
  event.finish = Finish::length;
  return event;
}

Timing timed(Engine& engine) {
  const SteadyClock clock;
  const std::vector<Token> prompt{1};
  Request request;
  request.id = 3;
  request.prompt = prompt;
  request.output_tokens_max = 16;
  const auto timing = time_request(engine, clock, request, 5'000'000'000);
  EXPECT_TRUE(timing) << timing.error().detail;
  return timing.value_or(Timing{});
}

Timing timed(bool text_only) {
  Replay engine;
  engine.sheet.text_only = text_only;
  engine.events = {token(1'000), token(1'000'001'000), finished()};
  engine.usage = {.prompt_tokens = 7, .cached_tokens = 2, .output_tokens = 11, .recomputed = 0};
  return timed(engine);
}

TEST(Client, TokensOfATextEngineAreThoseThatItCountedNotItsPieces) {
  const Timing timing = timed(/*text_only=*/true);
  EXPECT_EQ(timing.output_tokens, 11U);
  EXPECT_EQ(timing.prompt_tokens, 7U);
  EXPECT_EQ(timing.cached_tokens, 2U);
  EXPECT_TRUE(std::isnan(timing.decode_tok_s())) << "how much the first piece held is not known: its text was not told";
  EXPECT_TRUE(std::isnan(timing.gap_p50_ms)) << "between pieces, not tokens";
}

// Pieces of four tokens, 80 ms each: 20 ms a token. The engine counts in another vocabulary, twice as many tokens.
TEST(Client, TheFirstPieceOfATextEngineHoldsItsShareOfTheTokens) {
  for (const bool counts : {true, false}) {
    Replay engine;
    engine.sheet.text_only = true;
    for (std::int64_t piece = 1; piece <= 4; ++piece) engine.events.push_back(token(piece * 80'000'000));
    engine.events.push_back(finished());
    engine.text = " a b c d";
    engine.count_each = counts ? 8 : 0;
    engine.usage = {.prompt_tokens = 16, .cached_tokens = 0, .output_tokens = 16, .recomputed = 0};
    const Timing timing = timed(engine);
    EXPECT_EQ(timing.first_tokens, 4U) << counts;
    EXPECT_NEAR(timing.decode_tok_s(), 50, 1e-6) << counts;
  }
}

TEST(Client, APieceForEachTokenIsATokenEach) {
  Replay engine;
  engine.sheet.text_only = true;
  for (std::int64_t piece = 1; piece <= 5; ++piece) engine.events.push_back(token(piece * 20'000'000));
  engine.events.push_back(finished());
  engine.usage = {.prompt_tokens = 16, .cached_tokens = 0, .output_tokens = 5, .recomputed = 0};
  const Timing timing = timed(engine);
  EXPECT_EQ(timing.first_tokens, 1U);
  EXPECT_NEAR(timing.decode_tok_s(), 50, 1e-6);
  EXPECT_NEAR(timing.gap_p50_ms, 20, 1e-4);
  EXPECT_NEAR(timing.gap_max_ms, 20, 1e-4);
  EXPECT_TRUE(std::isnan(timing.gap_p99_ms)) << "four gaps have no 99th percentile";
}

TEST(Client, TokensOfATokenEngineAreItsEvents) { EXPECT_EQ(timed(/*text_only=*/false).output_tokens, 2U); }

}  // namespace
}  // namespace assay::measure
