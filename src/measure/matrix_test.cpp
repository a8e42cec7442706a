#include "measure/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "measure/ceilings.h"
#include "measure/matrix_output.h"
#include "measure/record_json.h"

namespace assay::measure {
namespace {

// Obeys orders on a fake clock: prefill and decode at given speeds, or failing at a given token.
class ScriptedEngine final : public Engine {
 public:
  ScriptedEngine(FakeClock& clock, double prefill_tok_s, double decode_tok_s)
      : clock_(clock), prefill_ns_(1e9 / prefill_tok_s), decode_ns_(1e9 / decode_tok_s) {}
  std::uint32_t fail_at = ~0U;
  std::vector<std::size_t>* order = nullptr;
  std::size_t id = 0;

  const Facts& facts() const override { return facts_; }
  Result<void> submit(const Request& request) override {
    if (order != nullptr) order->push_back(id);
    request_ = request.id;
    prompt_ = static_cast<std::uint32_t>(request.prompt.size());
    left_ = request.output_tokens_max;
    made_ = 0;
    return {};
  }
  void cancel(RequestId) override { left_ = 0; }
  Result<std::size_t> poll(std::span<Event> events, std::int64_t) override {
    Event event;
    event.request = request_;
    if (made_ == fail_at) {
      event.kind = Event::Kind::failed;
      event.error = Errc::engine_lost;
    } else if (left_ == 0) {
      event.kind = Event::Kind::finished;
      event.finish = Finish::length;
    } else {
      const double ns = made_ == 0 ? prefill_ns_ * prompt_ + decode_ns_ : decode_ns_;
      clock_.advance(static_cast<std::int64_t>(ns));
      --left_;
      ++made_;
      event.kind = Event::Kind::token;
    }
    event.at_ns = clock_.now_ns();
    events[0] = event;
    return 1;
  }
  EventDetail detail(const Event&) const override {
    EventDetail out;
    out.reason = "it was told to";
    out.usage = {.prompt_tokens = prompt_, .cached_tokens = 0, .output_tokens = made_};
    return out;
  }

 private:
  FakeClock& clock_;
  double prefill_ns_, decode_ns_;
  Facts facts_;
  RequestId request_ = 0;
  std::uint32_t prompt_ = 0, left_ = 0, made_ = 0;
};

MakePrompt prompts(std::uint32_t n) {
  return [n](Random& random) {
    std::vector<Token> out(n);
    for (Token& token : out) token = static_cast<Token>(random.below(100));
    return out;
  };
}

Contestant contestant(const char* name, Engine* engine) {
  Contestant c;
  c.subject.engine = name;
  c.subject.device = "cpu";
  c.running = engine;
  return c;
}

TEST(Matrix, finds_the_speeds_that_an_engine_has) {
  FakeClock clock;
  ScriptedEngine fast(clock, 1000, 50);
  ScriptedEngine slow(clock, 200, 10);
  const MatrixSettings settings{.prompt_tokens = 100, .output_tokens = 11, .rounds = 3};
  const auto rows =
      measure_rows({contestant("fast", &fast), contestant("slow", &slow)}, settings, clock, prompts(100), {});
  ASSERT_TRUE(rows);
  EXPECT_NEAR((*rows)[0].decode_tok_s.median, 50, 1e-3);
  EXPECT_NEAR((*rows)[0].prefill_tok_s.median, 1000, 1e-1);
  EXPECT_NEAR((*rows)[0].ttft_ms.median, 120, 1e-3);
  EXPECT_NEAR((*rows)[1].decode_tok_s.median, 10, 1e-3);
  EXPECT_EQ((*rows)[1].rounds.size(), 3U);
  EXPECT_TRUE((*rows)[0].cold);
}

TEST(Matrix, interleaves_rounds_in_a_seeded_order) {
  const auto order_of = [](std::uint64_t seed) {
    FakeClock clock;
    std::vector<std::size_t> order;
    ScriptedEngine a(clock, 1000, 50);
    ScriptedEngine b(clock, 1000, 50);
    a.order = b.order = &order;
    b.id = 1;
    const MatrixSettings settings{.prompt_tokens = 4, .output_tokens = 2, .rounds = 20, .seed = seed};
    EXPECT_TRUE(measure_rows({contestant("a", &a), contestant("b", &b)}, settings, clock, prompts(4), {}));
    return order;
  };
  const auto order = order_of(5);
  EXPECT_EQ(order, order_of(5));
  EXPECT_NE(order, order_of(6));
  for (std::size_t i = 0; i < order.size(); i += 2) EXPECT_NE(order[i], order[i + 1]) << "each engine once a round";
}

TEST(Matrix, a_failing_engine_is_a_named_row_and_the_others_are_whole) {
  FakeClock clock;
  ScriptedEngine good(clock, 1000, 50);
  ScriptedEngine bad(clock, 1000, 50);
  bad.fail_at = 3;
  Contestant missing = contestant("mlx", nullptr);
  missing.reason = "not installed";
  const MatrixSettings settings{.prompt_tokens = 4, .output_tokens = 8, .rounds = 2};
  const auto rows =
      measure_rows({contestant("bad", &bad), contestant("good", &good), missing}, settings, clock, prompts(4), {});
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)[0].status, Row::Status::failed);
  EXPECT_THAT((*rows)[0].reason, testing::HasSubstr("it was told to"));
  EXPECT_EQ((*rows)[1].status, Row::Status::ok);
  EXPECT_EQ((*rows)[1].rounds.size(), 2U);
  EXPECT_EQ((*rows)[2].status, Row::Status::refused);

  Matrix matrix;
  matrix.settings = settings;
  matrix.rows = *rows;
  matrix.artifact.quant = "q8_0";
  matrix.machine.chip = "Chip, with a comma";
  const Json json = to_json(matrix);
  EXPECT_EQ(json["rows"][0]["status"], "failed");
  EXPECT_EQ(json["rows"][2]["reason"], "not installed");
  EXPECT_TRUE(json["rows"][2]["decode_tok_s"].is_null());
  EXPECT_TRUE(json["rows"][2]["others_cpu_cores"].is_null());
  EXPECT_TRUE(json["rows"][2]["noisy"].is_null());
  EXPECT_EQ(json["rows"][1]["decode_tok_s"]["n"], 2);
  const std::string csv = to_csv(matrix);
  EXPECT_EQ(std::ranges::count(csv, '\n'), 4);
  EXPECT_THAT(csv, testing::HasSubstr("\"Chip, with a comma\""));
  EXPECT_THAT(to_table(matrix), testing::HasSubstr("mlx: refused: not installed"));
}

TEST(Matrix, refuses_settings_that_cannot_give_a_speed_and_stops_when_asked) {
  FakeClock clock;
  ScriptedEngine engine(clock, 1000, 50);
  EXPECT_FALSE(measure_rows({contestant("a", &engine)}, {.output_tokens = 1}, clock, prompts(4), {}));
  EXPECT_FALSE(measure_rows({contestant("a", &engine)}, {.rounds = 0}, clock, prompts(4), {}));
  const auto endless = measure_rows({contestant("a", &engine)}, {.rounds = ~0U}, clock, prompts(4), {});
  ASSERT_FALSE(endless);
  EXPECT_THAT(endless.error().detail, testing::HasSubstr("rounds is 4294967295"));
  const auto stopped = measure_rows({contestant("a", &engine)}, {}, clock, prompts(4),
                                    [](std::uint32_t done, std::uint32_t, const std::string&) { return done < 2; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
}

TEST(Ceilings, are_positive_and_finite) {
  device::ThreadPool pool(2);
  const auto ceilings =
      measure_ceilings(pool, kernel::best_isa(), SteadyClock(), {.bytes = std::size_t{8} << 20, .rounds = 1});
  ASSERT_TRUE(ceilings);
  EXPECT_GT(ceilings->read_gb_s, 0.01);
  EXPECT_LT(ceilings->read_gb_s, 1e5);
  EXPECT_GT(ceilings->int8_gmac_s, 0.01);
  EXPECT_LT(ceilings->int8_gmac_s, 1e6);
}

TEST(Client, a_request_that_does_not_end_is_cancelled_at_its_deadline) {
  FakeClock clock;
  ScriptedEngine engine(clock, 1000, 1);
  const std::vector<Token> prompt{1, 2};
  Request request;
  request.id = 9;
  request.prompt = prompt;
  request.output_tokens_max = 1000;
  const auto timing = time_request(engine, clock, request, 5'000'000'000);
  ASSERT_FALSE(timing);
  EXPECT_EQ(timing.error().code, Errc::timeout);
}

}  // namespace
}  // namespace assay::measure
