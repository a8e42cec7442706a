#include "measure/client.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay::measure {
namespace {

// Answers every request by the same events.
class Replay final : public Engine {
 public:
  Facts sheet;
  std::vector<Event> events;
  Usage usage;  // of the last event

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
  EventDetail detail(const Event&) const override {
    return {.text = {}, .alternatives = {}, .reason = {}, .usage = usage};
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

Timing timed(bool text_only) {
  Replay engine;
  engine.sheet.text_only = text_only;
  engine.events = {token(1'000), token(1'000'001'000), finished()};
  engine.usage = {.prompt_tokens = 7, .cached_tokens = 2, .output_tokens = 11, .recomputed = 0};
  const SteadyClock clock;
  const std::vector<Token> prompt{1};
  Request request;
  request.id = 3;
  request.prompt = prompt;
  request.output_tokens_max = 11;
  const auto timing = time_request(engine, clock, request, 5'000'000'000);
  EXPECT_TRUE(timing) << timing.error().detail;
  return timing.value_or(Timing{});
}

TEST(Client, TokensOfATextEngineAreThoseThatItCountedNotItsPieces) {
  const Timing timing = timed(/*text_only=*/true);
  EXPECT_EQ(timing.output_tokens, 11U);
  EXPECT_EQ(timing.prompt_tokens, 7U);
  EXPECT_EQ(timing.cached_tokens, 2U);
  EXPECT_NEAR(timing.decode_tok_s(), 10, 1e-3);  // ten steps in a second
}

TEST(Client, TokensOfATokenEngineAreItsEvents) { EXPECT_EQ(timed(/*text_only=*/false).output_tokens, 2U); }

}  // namespace
}  // namespace assay::measure
