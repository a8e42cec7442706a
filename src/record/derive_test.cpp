#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "record/record.h"

namespace assay::measure {
namespace {

using testing::HasSubstr;

constexpr std::int64_t ms = 1'000'000;

Timing timing(double ttft_ms, double step_ms, std::uint32_t prompt = 512, std::uint32_t output = 65) {
  const auto first = static_cast<std::int64_t>(ttft_ms * 1e6);
  return {.sent_ns = 0,
          .first_ns = first,
          .last_ns = first + static_cast<std::int64_t>(step_ms * (output - 1) * 1e6),
          .prompt_tokens = prompt,
          .output_tokens = output};
}

Matrix matrix_of(std::vector<Timing> rounds) {
  Matrix out;
  Row row;
  row.subject.device = "cpu";
  row.rounds = std::move(rounds);
  out.rows = {row};
  return out;
}

TEST(Derive, prefill_is_the_uncached_prompt_over_ttft_and_no_step_is_taken_off) {
  Timing one = timing(100, 20);
  EXPECT_NEAR(one.prefill_tok_s(), 5120, 1e-9);
  one.cached_tokens = 12;
  EXPECT_NEAR(one.prefill_tok_s(), 5000, 1e-9);
  one.cached_tokens = 256;
  EXPECT_TRUE(std::isnan(one.prefill_tok_s())) << "half of the prompt came from a cache";
  one.cached_tokens = 511;
  EXPECT_TRUE(std::isnan(one.prefill_tok_s()));
}

TEST(Derive, decode_counts_the_tokens_of_the_first_piece) {
  Timing one{.sent_ns = 0, .first_ns = 80 * ms, .last_ns = 320 * ms, .output_tokens = 16, .first_tokens = 4};
  EXPECT_NEAR(one.decode_tok_s(), 50, 1e-9);
  one.first_tokens = 16;
  EXPECT_TRUE(std::isnan(one.decode_tok_s())) << "all came in one piece";
  one.first_tokens = 0;
  EXPECT_TRUE(std::isnan(one.decode_tok_s())) << "nobody counted";
}

TEST(Derive, a_server_that_spends_nothing_on_the_prompt_has_no_prefill_speed) {
  Matrix idle = matrix_of(std::vector<Timing>(6, timing(20.5, 20, 16)));
  derive(idle);
  EXPECT_EQ(idle.rows[0].prefill_tok_s.n, 0U);
  EXPECT_THAT(idle.rows[0].prefill_reason, HasSubstr("decode steps"));
  EXPECT_EQ(idle.rows[0].decode_tok_s.n, 6U);

  Timing pieces = timing(81, 20, 16);  // four tokens in each piece
  pieces.first_tokens = 4;
  Matrix in_pieces = matrix_of(std::vector<Timing>(6, pieces));
  derive(in_pieces);
  EXPECT_EQ(in_pieces.rows[0].prefill_tok_s.n, 0U);

  Matrix at_once = matrix_of(std::vector<Timing>(6, timing(0.4, 20, 16)));
  derive(at_once);
  EXPECT_EQ(at_once.rows[0].prefill_tok_s.n, 0U);

  Matrix busy = matrix_of(std::vector<Timing>(6, timing(200, 20)));
  derive(busy);
  EXPECT_NEAR(busy.rows[0].prefill_tok_s.median, 2560, 1e-6);
  EXPECT_EQ(busy.rows[0].prefill_reason, "");
}

TEST(Derive, cached_rows_have_no_prefill_speed) {
  Matrix matrix = matrix_of(std::vector<Timing>(6, timing(200, 20)));
  matrix.rows[0].prompts = Prompts::cached;
  derive(matrix);
  EXPECT_EQ(matrix.rows[0].prefill_tok_s.n, 0U);
  EXPECT_THAT(matrix.rows[0].prefill_reason, HasSubstr("cache"));
}

TEST(Derive, the_share_of_the_limit_is_of_each_round_and_counts_keys_and_values) {
  Matrix matrix = matrix_of({});
  matrix.artifact.bytes_per_token = 900'000'000;
  matrix.machine.cache_bytes = 32 << 20;
  matrix.rows[0].kv_bytes_per_token = 100'000'000;
  // The machine halves its speed from round to round and the engine with it: 10, 5, 10, 5 tok/s at 20, 10, 20, 10 GB/s.
  for (std::uint32_t round = 0; round <= 6; ++round) {
    const bool fast = round % 2 == 1;
    matrix.ceiling_rounds.push_back({.round = round, .ceilings = {.read_gb_s = fast ? 20.0 : 10.0}});
    if (round > 0) matrix.rows[0].rounds.push_back(timing(500, fast ? 100 : 200));
  }
  derive(matrix);
  const Estimate share = matrix.rows[0].share_of_limit;
  EXPECT_NEAR(share.median, 0.5, 1e-9);
  EXPECT_NEAR(share.low, 0.5, 1e-9);
  EXPECT_NEAR(share.high, 0.5, 1e-9);
  EXPECT_EQ(share.n, 6U);

  matrix.machine.caches_bytes = std::uint64_t{1} << 30;
  derive(matrix);
  EXPECT_TRUE(std::isnan(share_of_limit(matrix.rows[0])));
  EXPECT_THAT(matrix.rows[0].share_reason, HasSubstr("fit the caches"));

  matrix.machine.caches_bytes = 0;
  matrix.rows[0].subject.device = "cuda";
  derive(matrix);
  EXPECT_THAT(matrix.rows[0].share_reason, HasSubstr("no read ceiling of its device"));
  for (CeilingRound& one : matrix.ceiling_rounds) one.ceilings.device_gb_s = 4000;
  derive(matrix);
  EXPECT_LT(share_of_limit(matrix.rows[0]), 0.003);

  matrix.rows[0].kv_bytes_per_token = 0;
  derive(matrix);
  EXPECT_THAT(matrix.rows[0].share_reason, HasSubstr("keys and values"));
}

TEST(Derive, a_limit_at_a_depth_is_held_against_the_ceilings_of_its_own_rounds) {
  Matrix matrix = matrix_of(std::vector<Timing>(2, timing(500, 100)));
  matrix.artifact.bytes_per_token = 1'000'000'000;
  matrix.rows[0].kv_bytes_per_token = 1;
  matrix.rows[0].context_sweep = {
      {.depth = 4096, .kv_bytes_per_token = 1'000'000'000, .rounds = std::vector<Timing>(2, timing(900, 200))}};
  matrix.ceiling_rounds = {{.round = 1, .ceilings = {.read_gb_s = 100}},
                           {.round = 2, .ceilings = {.read_gb_s = 100}},
                           {.round = 1, .depth = 4096, .ceilings = {.read_gb_s = 20}},
                           {.round = 2, .depth = 4096, .ceilings = {.read_gb_s = 20}}};
  derive(matrix);
  EXPECT_NEAR(share_of_limit(matrix.rows[0]), 0.1, 1e-6);
  EXPECT_NEAR(matrix.rows[0].context_sweep[0].share_of_limit.median, 0.5, 1e-9);
}

TEST(Derive, the_marginal_prefill_rate_is_the_slope_of_ttft_over_length) {
  Matrix matrix = matrix_of({});
  for (const std::uint32_t depth : {512U, 1024U, 4096U}) {  // 30 ms and 0.25 ms a token
    matrix.rows[0].context_sweep.push_back(
        {.depth = depth, .rounds = std::vector<Timing>(3, timing(30 + 0.25 * depth, 10, depth))});
  }
  derive(matrix);
  EXPECT_NEAR(matrix.rows[0].marginal_prefill_tok_s.median, 4000, 1e-3);
  EXPECT_EQ(matrix.rows[0].marginal_prefill_tok_s.n, 3U);
  matrix.rows[0].context_sweep.resize(1);
  derive(matrix);
  EXPECT_EQ(matrix.rows[0].marginal_prefill_tok_s.n, 0U) << "one length has no slope";
}

TEST(Derive, the_streams_of_a_round_are_one_sample) {
  Matrix matrix = matrix_of({});
  StreamPoint point{.streams = 16};
  for (int round = 0; round < 2; ++round) {
    for (int stream = 0; stream < 16; ++stream) point.rounds.push_back(timing(100, 10 + round));
  }
  matrix.rows[0].stream_sweep = {point};
  derive(matrix);
  const StreamPoint& out = matrix.rows[0].stream_sweep[0];
  EXPECT_EQ(out.decode_tok_s.n, 2U);
  EXPECT_EQ(out.ttft_ms.n, 2U);
  EXPECT_EQ(out.total_tok_s.n, 2U);
  EXPECT_NEAR(out.total_tok_s.high, 16 * 65 / 0.74, 1e-6) << "all tokens, the time of the prompts inside";
  EXPECT_TRUE(std::isnan(out.ttft_ms_p99)) << "32 requests have no 99th percentile";
  EXPECT_EQ(out.ttft_ms_max, 100);
}

Drift drift(double seconds, double correlation, double percent_per_minute, Random& random) {
  Drift out{.seconds = seconds};
  double noise = random.normal();
  for (double at = 1; at <= seconds; at += 1) {  // a request a second
    noise = correlation * noise + std::sqrt(1 - correlation * correlation) * random.normal();
    out.points.push_back(
        {.at_s = at, .decode_tok_s = 100 * (1 + 0.01 * noise) * (1 + percent_per_minute / 100 * at / 60)});
  }
  out.requests = out.points.size();
  return out;
}

Drift derived(Drift drift) {
  Matrix matrix = matrix_of({});
  matrix.rows[0].drift = std::move(drift);
  derive(matrix);
  return *matrix.rows[0].drift;
}

// Requests that follow each other are alike (temperature, clock): the interval must not take them for independent ones.
TEST(Derive, a_steady_soak_with_noise_that_lasts_is_rarely_called_drifting) {
  Random random(7);
  constexpr int trials = 600;
  for (const double correlation : {0.0, 0.7, 0.9}) {  // of a request with the next: half gone after 2, after 7 s
    int alarms = 0;
    for (int trial = 0; trial < trials; ++trial) {
      alarms += excludes_zero(derived(drift(600, correlation, 0, random)).slope_percent_per_minute) ? 1 : 0;
    }
    EXPECT_LE(alarms, trials * (correlation < 0.8 ? 5 : 7) / 100) << correlation;
  }
}

TEST(Derive, a_drift_is_found_and_its_slope_is_right) {
  Random random(8);
  int found = 0;
  for (int trial = 0; trial < 100; ++trial) {
    const Drift out = derived(drift(600, 0.7, -0.5, random));
    found += out.slope_percent_per_minute.high < 0 ? 1 : 0;
    EXPECT_NEAR(out.slope_percent_per_minute.median, -0.5, 0.3);
    EXPECT_NEAR(out.ratio.median, 0.955, 0.02);
    EXPECT_EQ(out.slope_percent_per_minute.n, drift_blocks / 2);
  }
  EXPECT_GE(found, 95);
}

TEST(Derive, a_short_soak_and_a_noisy_one_have_no_slope) {
  Random random(9);
  const Drift brief = derived(drift(60, 0, 0, random));
  EXPECT_EQ(brief.slope_percent_per_minute.n, 0U);
  EXPECT_THAT(brief.reason, HasSubstr("60 s are too short for a slope: 120 s are needed"));
  Drift disturbed = drift(600, 0, 0, random);
  for (DriftPoint& point : disturbed.points) point.others_cpu_cores = 1.2;
  disturbed = derived(disturbed);
  EXPECT_EQ(disturbed.slope_percent_per_minute.n, 0U);
  EXPECT_THAT(disturbed.reason, HasSubstr("no slope: other processes kept 1.20 cores busy"));
  EXPECT_NEAR(disturbed.ratio.median, 1, 0.02) << "the two tenths are still told";
}

TEST(Derive, neighbours_of_an_open_loop_are_one_sample) {
  Matrix matrix = matrix_of({});
  matrix.rows[0].open_loop = OpenLoop{.rate_per_s = 2, .sent = 60, .requests = std::vector<Timing>(60, timing(50, 10))};
  derive(matrix);
  const OpenLoop& open = *matrix.rows[0].open_loop;
  EXPECT_EQ(open.ttft_ms.n, 12U);
  EXPECT_NEAR(open.ttft_ms_p95, 50, 1e-9);
  EXPECT_TRUE(std::isnan(open.ttft_ms_p99));
  matrix.rows[0].open_loop->requests.resize(9);
  derive(matrix);
  EXPECT_EQ(matrix.rows[0].open_loop->ttft_ms.n, 2U);
  EXPECT_FALSE(is_interval(matrix.rows[0].open_loop->ttft_ms));
}

}  // namespace
}  // namespace assay::measure
