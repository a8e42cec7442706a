#include "measure/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/clock.h"
#include "measure/ceilings.h"
#include "measure/client.h"
#include "measure/scripted.h"
#include "record/record_json.h"

namespace assay::measure {
namespace {

using testing::HasSubstr;

TEST_F(Matrices, find_the_speeds_that_an_engine_has) {
  ScriptedEngine fast(clock, 1000, 50);
  ScriptedEngine slow(clock, 200, 10);
  const auto rows = measure({contestant("fast", &fast), contestant("slow", &slow)},
                            {.prompt_tokens = 100, .output_tokens = 11, .rounds = 3});
  ASSERT_TRUE(rows);
  EXPECT_NEAR((*rows)[0].decode_tok_s.median, 50, 1e-3);
  EXPECT_NEAR((*rows)[0].prefill_tok_s.median, 100 / 0.1, 1e-1) << "the first token comes from the prompt's own pass";
  EXPECT_NEAR((*rows)[0].ttft_ms.median, 100, 1e-3);
  EXPECT_NEAR((*rows)[1].decode_tok_s.median, 10, 1e-3);
  EXPECT_EQ((*rows)[1].rounds.size(), 3U);
  EXPECT_TRUE((*rows)[0].cold);
  EXPECT_EQ((*rows)[0].first->prompt_tokens, 32U);
  EXPECT_TRUE((*rows)[0].adapted.empty());
  EXPECT_GE((*rows)[0].rounds[0].sent_ns, (*rows)[0].cold->last_ns) << "nanoseconds since the run began";
}

TEST_F(Matrices, interleave_rounds_in_a_seeded_order) {
  const auto order_of = [&](std::uint64_t seed) {
    std::vector<std::size_t> order;
    ScriptedEngine a(clock, 1000, 50);
    ScriptedEngine b(clock, 1000, 50);
    a.order = b.order = &order;
    b.id = 1;
    EXPECT_TRUE(measure({contestant("a", &a), contestant("b", &b)},
                        {.prompt_tokens = 4, .output_tokens = 4, .rounds = 20, .seed = seed}));
    order.erase(order.begin(), order.begin() + 4);  // two pilots each
    return order;
  };
  const auto order = order_of(5);
  EXPECT_EQ(order, order_of(5));
  EXPECT_NE(order, order_of(6));
  ASSERT_EQ(order.size(), 42U);
  for (std::size_t i = 0; i < order.size(); i += 2) EXPECT_NE(order[i], order[i + 1]) << "each engine once a round";
}

TEST_F(Matrices, name_an_engine_that_fails_and_keep_the_others_whole) {
  ScriptedEngine good(clock, 1000, 50);
  ScriptedEngine bad(clock, 1000, 50);
  bad.fail_at = 6;  // behind the pilot
  Contestant missing = contestant("mlx", nullptr);
  missing.reason = "not installed";
  const MatrixSettings settings{.prompt_tokens = 4, .output_tokens = 8, .rounds = 2, .sweep_context = {8}};
  const auto rows = measure({contestant("bad", &bad), contestant("good", &good), missing}, settings);
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)[0].status, Row::Status::failed);
  EXPECT_THAT((*rows)[0].reason, HasSubstr("in round 0: "));
  EXPECT_THAT((*rows)[0].reason, HasSubstr("it was told to"));
  EXPECT_EQ((*rows)[0].context_sweep[0].reason, "the engine failed before");
  EXPECT_EQ((*rows)[1].status, Row::Status::ok);
  EXPECT_EQ((*rows)[1].rounds.size(), 2U);
  EXPECT_EQ((*rows)[1].context_sweep[0].rounds.size(), settings.sweep_rounds);
  EXPECT_EQ((*rows)[2].status, Row::Status::refused);

  matrix.settings = settings;
  matrix.artifact.quant = "q8_0";
  const Json json = to_json(matrix);
  EXPECT_EQ(json["rows"][0]["status"], "failed");
  EXPECT_EQ(json["rows"][2]["reason"], "not installed");
  EXPECT_TRUE(json["rows"][2]["decode_tok_s"].is_null());
  EXPECT_TRUE(json["rows"][2]["others_cpu_cores"].is_null());
  EXPECT_TRUE(json["rows"][2]["noisy"].is_null());
  EXPECT_EQ(json["rows"][1]["decode_tok_s"]["n"], 2);
  EXPECT_TRUE(matrix_from_json(json));
}

TEST_F(Matrices, have_no_good_row_without_figures_where_an_engine_failed_on_the_way_to_its_other_row) {
  ScriptedEngine bad(clock, 1000, 50);
  bad.fail_at = 2;  // in its first request
  const auto rows =
      measure({contestant("bad", &bad)}, {.prompt_tokens = 4, .output_tokens = 8, .rounds = 2, .cached_rows = true});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_THAT((*rows)[0].reason, HasSubstr("in its first request: "));
  EXPECT_EQ((*rows)[1].status, Row::Status::failed);
  EXPECT_EQ((*rows)[1].reason, "in round 0: the engine failed before");
}

TEST_F(Matrices, call_what_broke_off_while_it_was_started_failed) {
  Contestant killed = contestant("mlx", nullptr);
  killed.reason = "ended with signal 9";
  killed.broke = true;
  const auto rows = measure({killed}, {.prompt_tokens = 4, .output_tokens = 8, .rounds = 2, .cached_rows = true});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ((*rows)[0].status, Row::Status::failed);
  EXPECT_EQ((*rows)[0].reason, "ended with signal 9");
}

TEST_F(Matrices, do_not_wait_for_an_engine_that_hangs) {
  ScriptedEngine stuck(clock, 1000, 50);
  ScriptedEngine good(clock, 1000, 50);
  stuck.hangs = true;
  const auto rows = measure({contestant("stuck", &stuck), contestant("good", &good)},
                            {.prompt_tokens = 4, .output_tokens = 4, .rounds = 50, .timeout_ns = 10'000'000'000});
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)[0].status, Row::Status::failed);
  EXPECT_THAT((*rows)[0].reason, HasSubstr("no end after 10 s"));
  EXPECT_EQ(stuck.cancelled, 1U) << "one deadline, not one a round";
  EXPECT_EQ((*rows)[1].rounds.size(), 50U);
}

TEST_F(Matrices, shorten_the_requests_of_a_slow_engine_and_say_so) {
  ScriptedEngine slow(clock, 10, 2);
  ScriptedEngine fast(clock, 1000, 50);
  const auto rows = measure({contestant("slow", &slow), contestant("fast", &fast)},
                            {.prompt_tokens = 512, .output_tokens = 64, .rounds = 2, .budget_s = 20});
  ASSERT_TRUE(rows);
  const Row& row = (*rows)[0];
  EXPECT_EQ(row.prompt_tokens, 120U);  // 512 * 20 / 83.2, whole eights
  EXPECT_EQ(row.output_tokens, 8U);
  EXPECT_THAT(row.adapted, HasSubstr("120 prompt, 8 output; 512 and 64 would take about 83 s, the budget is 20 s"));
  EXPECT_EQ(row.rounds[0].prompt_tokens, 120U);
  EXPECT_NEAR(row.decode_tok_s.median, 2, 1e-3);
  EXPECT_EQ((*rows)[1].prompt_tokens, 512U);
}

TEST_F(Matrices, sweep_the_context_as_far_as_it_fits_and_say_why_not_further) {
  ScriptedEngine engine(clock, 1000, 50);
  Contestant c = contestant("a", &engine);
  c.subject.context = 4096;
  engine.fail_prompt = 3000;
  const auto rows = measure({c}, {.prompt_tokens = 64,
                                  .output_tokens = 8,
                                  .rounds = 1,
                                  .budget_s = 20,
                                  .sweep_context = {512, 2048, 3000, 4096, 1 << 20},
                                  .sweep_rounds = 3});
  ASSERT_TRUE(rows);
  const auto& sweep = (*rows)[0].context_sweep;
  ASSERT_EQ(sweep.size(), 5U);
  EXPECT_EQ(sweep[0].rounds.size(), 3U);
  EXPECT_NEAR(sweep[1].ttft_ms.median, 2048, 1);
  EXPECT_EQ(sweep[1].decode_tok_s.n, 3U);
  EXPECT_THAT(sweep[2].reason, HasSubstr("it was told to"));
  EXPECT_EQ(sweep[3].reason, "4096 and 8 tokens, the context holds 4096");
  EXPECT_EQ((*rows)[0].status, Row::Status::ok) << "a length that is refused is not a failure of the engine";
}

TEST_F(Matrices, leave_out_a_length_that_would_take_too_long) {
  ScriptedEngine engine(clock, 100, 50);
  const auto rows =
      measure({contestant("a", &engine)},
              {.prompt_tokens = 64, .output_tokens = 8, .rounds = 1, .budget_s = 20, .sweep_context = {1024, 8192}});
  ASSERT_TRUE(rows);
  EXPECT_TRUE((*rows)[0].context_sweep[0].reason.empty());
  EXPECT_THAT((*rows)[0].context_sweep[1].reason, HasSubstr("would take about 107 s, the budget is 20 s"));
}

TEST_F(Matrices, sweep_streams_that_share_their_steps) {
  ScriptedEngine engine(clock, 1e6, 50);
  Contestant c = contestant("a", &engine);
  c.subject.sequences = 4;
  const auto rows = measure(
      {c}, {.prompt_tokens = 10, .output_tokens = 51, .rounds = 1, .sweep_streams = {1, 4, 8}, .sweep_rounds = 2});
  ASSERT_TRUE(rows);
  const auto& sweep = (*rows)[0].stream_sweep;
  EXPECT_NEAR(sweep[0].total_tok_s.median, 51, 0.1) << "51 tokens in 50 steps: the first is the prompt's";
  EXPECT_NEAR(sweep[1].total_tok_s.median, 204, 0.5);
  EXPECT_NEAR(sweep[1].decode_tok_s.median, 50, 0.1);
  EXPECT_EQ(sweep[1].rounds.size(), 8U);
  EXPECT_EQ(sweep[2].reason, "the engine was loaded for 4 at once");
}

TEST_F(Matrices, have_rows_whose_prompts_are_cached) {
  ScriptedEngine keeping(clock, 100, 50);
  ScriptedEngine other(clock, 100, 50);
  keeping.keeps_prompt = true;
  const auto rows = measure({contestant("a", &keeping), contestant("b", &other)},
                            {.prompt_tokens = 100, .output_tokens = 8, .rounds = 3, .cached_rows = true});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 4U);
  EXPECT_NEAR((*rows)[0].ttft_ms.median, 1000, 1);
  EXPECT_EQ((*rows)[0].rounds[0].cached_tokens, 0U);
  EXPECT_EQ((*rows)[1].prompts, Prompts::cached);
  EXPECT_EQ((*rows)[1].rounds[0].cached_tokens, 99U);
  EXPECT_NEAR((*rows)[1].ttft_ms.median, 10, 1);
  EXPECT_TRUE((*rows)[1].subject.notes.empty());
  EXPECT_THAT((*rows)[3].subject.notes, testing::ElementsAre(HasSubstr("keeps no prompts")));
}

TEST_F(Matrices, count_what_the_machine_did_beside_the_rounds) {
  ScriptedEngine engine(clock, 1000, 50);
  Contestant c = contestant("a", &engine);
  c.processes = [] { return std::vector<std::int64_t>{4711}; };
  c.border = [] { return BorderTime{.calls = 10, .total_ns = 1'000'000, .engine_ns = 900'000}; };
  watch.watts = 30;
  watch.each = {.others_cpu_s = 0.5,
                .memory_peak_bytes = 1 << 20,
                .swap_out_bytes = 4096,
                .swap_known = true,
                .timer_ms = {0.1F, 0.1F, 9.0F}};
  const auto rows = measure({c}, {.prompt_tokens = 100, .output_tokens = 10, .rounds = 2});
  ASSERT_TRUE(rows);
  const Row& row = (*rows)[0];
  EXPECT_NEAR(row.energy.watts, 30, 1e-6);
  EXPECT_NEAR(row.energy.j_per_token, 30 * (0.1 + 9 * 0.02 + 0.02) / 10, 1e-3);  // the last step brings the end
  EXPECT_TRUE(std::isnan(row.energy.j_per_prompt_token)) << "0.1 s is too short for a meter that is no RAPL";
  EXPECT_EQ(row.memory.peak_bytes, 1U << 20);
  EXPECT_EQ(row.memory.source, "process 4711");
  EXPECT_EQ(row.memory.swap_out_bytes, 2 * 4096) << "the cold round is apart";
  EXPECT_NEAR(row.noise.others_cpu_cores, 0.5, 1e-6);
  EXPECT_EQ(noisy(row.noise), true);
  EXPECT_EQ(row.foreground.timer.samples, 6U);
  EXPECT_NEAR(row.foreground.timer.max_ms, 9, 1e-6);
  EXPECT_NEAR(row.border->total_us_per_call, 100, 1e-9);
  EXPECT_NEAR(row.border->engine_us_per_call, 90, 1e-9);
  EXPECT_EQ(watch.asked, std::vector<std::int64_t>{4711});
}

TEST_F(Matrices, find_drift_in_a_soak_and_none_in_a_steady_engine) {
  ScriptedEngine tiring(clock, 1e5, 50);
  ScriptedEngine steady(clock, 1e5, 50);
  tiring.slower_per_request = 1e-3;
  const auto rows = measure({contestant("tiring", &tiring), contestant("steady", &steady)},
                            {.prompt_tokens = 8, .output_tokens = 10, .rounds = 1, .soak_s = 120});
  ASSERT_TRUE(rows);
  const Drift& drift = *(*rows)[0].drift;
  EXPECT_NEAR(drift.ratio.median, drift.last_tenth_tok_s / drift.first_tenth_tok_s, 1e-9);
  EXPECT_LT(drift.ratio.median, 0.95);
  EXPECT_LT(drift.slope_percent_per_minute.high, 0);
  EXPECT_EQ(drift.points.size(), drift.requests);
  std::vector<std::uint32_t> turns;
  turns.reserve(matrix.soak_turns.size());
  for (const SoakTurn& turn : matrix.soak_turns) turns.push_back(turn.row);
  ASSERT_EQ(turns.size(), 2 * drift_blocks) << "the engines take turns";
  for (std::size_t i = 0; i < turns.size(); i += 2) EXPECT_NE(turns[i], turns[i + 1]);
  EXPECT_NE(std::vector(turns.begin(), turns.begin() + drift_blocks),
            std::vector(turns.begin() + drift_blocks, turns.end()))
      << "in no fixed order";
  EXPECT_GT(drift.requests, 100U);
  EXPECT_NEAR((*rows)[1].drift->ratio.median, 1, 1e-6);
  EXPECT_FALSE(excludes_zero((*rows)[1].drift->slope_percent_per_minute));
}

TEST_F(Matrices, say_when_a_soak_was_too_short_and_when_it_broke_off) {
  ScriptedEngine slow(clock, 1e5, 1);
  ScriptedEngine dying(clock, 1e5, 50);
  const auto rows =
      measure({contestant("slow", &slow)}, {.prompt_tokens = 8, .output_tokens = 10, .rounds = 1, .soak_s = 60});
  ASSERT_TRUE(rows);
  EXPECT_THAT((*rows)[0].drift->reason, HasSubstr("a longer soak is needed"));
  EXPECT_EQ((*rows)[0].drift->ratio.n, 0U);
}

TEST_F(Matrices, send_an_open_loop_by_its_plan_and_report_their_own_lateness) {
  ScriptedEngine engine(clock, 1e5, 100);
  const auto rows =
      measure({contestant("a", &engine)},
              {.prompt_tokens = 8, .output_tokens = 20, .rounds = 1, .arrivals_per_s = 2, .arrivals_s = 100});
  ASSERT_TRUE(rows);
  const OpenLoop& open = *(*rows)[0].open_loop;
  EXPECT_NEAR(open.sent, 200, 45);
  EXPECT_EQ(open.failed, 0U);
  EXPECT_EQ(open.requests.size(), open.sent);
  EXPECT_EQ(open.ttft_ms.n, 12U) << "neighbours overlap: blocks of them are the samples";
  EXPECT_EQ(open.reason, "");
  EXPECT_GT(open.late.max_ms, 0) << "a step of 10 ms keeps us from sending";
  EXPECT_LT(open.late.max_ms, 11);
  EXPECT_NEAR(open.decode_tok_s.median, 100, 1);
}

TEST_F(Matrices, send_every_engine_the_same_schedule_and_mark_a_loop_that_was_late) {
  ScriptedEngine quick(clock, 1e5, 100);
  ScriptedEngine slow(clock, 1e5, 2);  // each step keeps us from sending for half a second
  const auto rows =
      measure({contestant("quick", &quick), contestant("slow", &slow)},
              {.prompt_tokens = 8, .output_tokens = 4, .rounds = 1, .arrivals_per_s = 2, .arrivals_s = 30});
  ASSERT_TRUE(rows);
  const OpenLoop& a = *(*rows)[0].open_loop;
  const OpenLoop& b = *(*rows)[1].open_loop;
  EXPECT_EQ(a.sent, b.sent);
  ASSERT_EQ(a.requests.size(), b.requests.size());
  for (std::size_t i = 1; i < a.requests.size(); ++i) {
    EXPECT_EQ(a.requests[i].sent_ns - a.requests[0].sent_ns, b.requests[i].sent_ns - b.requests[0].sent_ns);
  }
  EXPECT_EQ(a.reason, "");
  EXPECT_THAT(b.reason, HasSubstr("no open loop: half of our own sends were late by"));
}

TEST_F(Matrices, measure_the_ceilings_as_one_more_entrant_of_every_round) {
  ScriptedEngine engine(clock, 1000, 50);
  std::vector<std::size_t> order;
  engine.order = &order;
  double gb_s = 10;
  probe = [&]() -> Result<Ceilings> {
    order.push_back(7);
    return Ceilings{.read_gb_s = gb_s += 1, .int8_gmac_s = 5, .read_pattern = "one way"};
  };
  const auto rows = measure({contestant("a", &engine)},
                            {.prompt_tokens = 64, .output_tokens = 8, .rounds = 12, .sweep_context = {128}});
  ASSERT_TRUE(rows);
  ASSERT_EQ(matrix.ceiling_rounds.size(), 13U + 4U);
  EXPECT_EQ(matrix.ceiling_rounds[12].round, 12U);
  EXPECT_EQ(matrix.ceiling_rounds[13].depth, 128U);
  EXPECT_EQ(matrix.ceilings.read_gb_s, gb_s) << "the best of all";
  std::size_t first = 0;  // of the rounds in which the probe came before the engine
  for (std::size_t round = 0; round < 13; ++round) first += order[2 + 2 * round] == 7 ? 1 : 0;
  EXPECT_GT(first, 1U);
  EXPECT_LT(first, 12U);

  std::size_t asked = 0;
  probe = [&]() -> Result<Ceilings> {
    ++asked;
    return fail(Errc::full, "no memory");
  };
  ASSERT_TRUE(measure({contestant("a", &engine)}, {.prompt_tokens = 64, .output_tokens = 8, .rounds = 3}));
  EXPECT_EQ(asked, 1U) << "what failed once is not asked again";
  EXPECT_EQ(matrix.rows[0].status, Row::Status::ok);
}

TEST_F(Matrices, start_cold_before_anything_warms_an_engine) {
  ScriptedEngine engine(clock, 1000, 50);
  std::vector<std::size_t> order;
  engine.order = &order;
  std::vector<Contestant> contestants{contestant("a", &engine)};
  contestants[0].load_s = 2.5;
  ASSERT_TRUE(measure_rows(contestants, {.prompt_tokens = 64, .output_tokens = 8, .rounds = 1},
                           {.clock = clock,
                            .watch = watch,
                            .make_prompt = prompts(),
                            .after_first = [&]() -> Result<void> {
                              order.push_back(9);
                              contestants[0].subject.parity_reason = "not asked for";
                              return {};
                            }},
                           matrix));
  EXPECT_EQ(order[0], 0U);
  EXPECT_EQ(order[1], 9U) << "behind the first request";
  EXPECT_EQ(matrix.rows[0].subject.parity_reason, "not asked for");
  EXPECT_EQ(matrix.rows[0].load_s, 2.5);
}

TEST_F(Matrices, split_energy_at_the_first_token) {
  ScriptedEngine engine(clock, 1000, 50);
  watch.watts = 30;
  watch.prompt_watts = 2;  // 60 W while the prompt is computed
  const auto rows = measure({contestant("a", &engine)}, {.prompt_tokens = 500, .output_tokens = 51, .rounds = 2});
  ASSERT_TRUE(rows);
  const Energy& energy = (*rows)[0].energy;
  EXPECT_NEAR(energy.j_per_prompt_token, 60 * 0.5 / 500, 1e-9);
  EXPECT_NEAR(energy.j_per_output_token, 30 * (50 * 0.02 + 0.02) / 50, 1e-9);  // the last step brings the end
  EXPECT_NEAR(energy.j_per_token, (60 * 0.5 + 30 * 1.02) / 51, 1e-9);
}

TEST_F(Matrices, take_the_harness_off_an_engine_in_its_process_and_plan_its_memory) {
  ScriptedEngine engine(clock, 1000, 50);
  Contestant c = contestant("direct", &engine);
  c.harness_bytes = 10 << 20;
  c.plan = [](std::uint32_t positions, std::uint32_t requests) {
    return MemoryUse{.weights = 5, .kv = std::uint64_t{positions} * requests, .scratch = 7};
  };
  c.kv_read_bytes = [](double depth) { return static_cast<std::uint64_t>(10 * depth); };
  watch.each.memory_peak_bytes = 50 << 20;
  const auto rows = measure({c}, {.prompt_tokens = 100, .output_tokens = 20, .rounds = 2, .sweep_context = {300}});
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)[0].memory.peak_bytes, 40U << 20);
  EXPECT_EQ((*rows)[0].memory.harness_bytes, 10U << 20);
  EXPECT_EQ((*rows)[0].context_sweep[0].memory_peak_bytes, 40U << 20);
  EXPECT_EQ((*rows)[0].memory.predicted->kv, 120U);
  EXPECT_EQ((*rows)[0].kv_bytes_per_token, 1100U) << "at the mean depth";
  EXPECT_EQ((*rows)[0].context_sweep[0].kv_bytes_per_token, 3100U);
}

TEST_F(Matrices, tell_the_times_between_tokens) {
  ScriptedEngine engine(clock, 1000, 50);
  const auto rows = measure({contestant("a", &engine)}, {.prompt_tokens = 64, .output_tokens = 31, .rounds = 6});
  ASSERT_TRUE(rows);
  const Row& row = (*rows)[0];
  EXPECT_NEAR(row.gap_ms.median, 20, 1e-3);
  EXPECT_EQ(row.between_tokens.samples, 180U);
  EXPECT_NEAR(row.between_tokens.p99_ms, 20, 1e-3);
  EXPECT_TRUE(std::isnan(row.rounds[0].gap_p99_ms)) << "30 in one request";
  EXPECT_NEAR(row.total_ms.median, 64 + 30 * 20, 1e-3);
}

TEST_F(Matrices, refuse_settings_that_cannot_give_a_speed_and_stop_when_asked) {
  ScriptedEngine engine(clock, 1000, 50);
  const auto refused = [&](const MatrixSettings& settings) {
    const auto rows = measure({contestant("a", &engine)}, settings);
    return rows ? "measured" : rows.error().detail;
  };
  EXPECT_THAT(refused({.output_tokens = 1}), HasSubstr("output tokens is 1"));
  EXPECT_THAT(refused({.rounds = 0}), HasSubstr("rounds is 0"));
  EXPECT_THAT(refused({.rounds = ~0U}), HasSubstr("rounds is 4294967295"));
  EXPECT_THAT(refused({.budget_s = 0}), HasSubstr("seconds of budget"));
  EXPECT_THAT(refused({.budget_s = not_told}), HasSubstr("seconds of budget"));
  EXPECT_THAT(refused({.sweep_context = {0}}), HasSubstr("a length of the context sweep is 0"));
  EXPECT_THAT(refused({.sweep_streams = {5000}}), HasSubstr("a width of the streams sweep is 5000"));
  EXPECT_THAT(refused({.soak_s = -1}), HasSubstr("seconds of soak"));
  EXPECT_THAT(refused({.arrivals_per_s = 1e9}), HasSubstr("arrivals per second"));
  Matrix unfinished;
  const auto stopped = measure_rows(
      {contestant("a", &engine)}, {},
      {.clock = clock,
       .watch = watch,
       .make_prompt = prompts(),
       .progress = [](std::uint64_t, std::uint64_t, const std::string& what) { return what != "a, round 3"; }},
      unfinished);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  ASSERT_EQ(unfinished.rows.size(), 1U) << "what was measured until then is kept";
  EXPECT_EQ(unfinished.rows[0].rounds.size(), 2U);
  EXPECT_EQ(unfinished.rows[0].decode_tok_s.n, 2U);
}

TEST(Watch, this_machine_has_memory_time_and_a_timer_that_is_late) {
  const SteadyClock clock;
  const auto watch = watch_machine(clock);
  watch->begin({}, {});
  const std::vector<char> touched(std::size_t{64} << 20, 1);
  watch->rest(150'000'000);
  const Observed first = watch->end();
  EXPECT_GE(first.seconds, 0.15);
  EXPECT_GT(first.timer_ms.size(), 5U);
  EXPECT_GT(first.pages_ms.size(), 1U);
  EXPECT_GE(first.timer_ms[0], 0) << touched[7];
  EXPECT_GT(first.memory_peak_bytes, std::size_t{64} << 20);
  watch->begin({}, {});
  const Observed second = watch->end();
  EXPECT_LT(second.seconds, 0.1);
  const Delay delay = delay_of(first.timer_ms);
  EXPECT_LE(delay.p50_ms, delay.max_ms);
  EXPECT_TRUE(std::isnan(delay.p99_ms)) << "of so few samples";
  std::vector<float> many(200, 1);
  many.back() = 5;
  EXPECT_LE(delay_of(many).p99_ms, 5);
}

TEST(Watch, a_process_that_is_gone_has_no_memory_and_stops_nothing) {
  const SteadyClock clock;
  const auto watch = watch_machine(clock);
  const std::vector<std::int64_t> gone{1 << 30};
  watch->begin(gone, gone);
  EXPECT_EQ(watch->end().memory_peak_bytes, 0U);
  EXPECT_THAT(watch->memory_source(gone), HasSubstr("of process 1073741824"));
}

TEST(CeilingProbe, takes_finite_figures_each_time_and_names_how) {
  const SteadyClock clock;
  auto probe = CeilingProbe::make(2, 0, 0, clock,
                                  {.bytes = std::uint64_t{8} << 20, .passes = 1, .pass_ns = 100'000, .patterns = 2});
  ASSERT_TRUE(probe);
  const auto patterns = kernel::read_patterns();
  const auto paths = kernel::int8_paths();
  for (int round = 0; round < 3; ++round) {
    const auto taken = (*probe)->measure_once();
    ASSERT_TRUE(taken);
    EXPECT_GT(taken->read_gb_s, 0.01);
    EXPECT_LT(taken->read_gb_s, 1e5);
    EXPECT_GT(taken->int8_gmac_s, 0.01);
    EXPECT_LT(taken->int8_gmac_s, 1e6);
    EXPECT_GE(taken->cores_missing, 0);
    EXPECT_NE(std::ranges::find(patterns, taken->read_pattern, &kernel::ReadPattern::name), patterns.end());
    EXPECT_NE(std::ranges::find(paths, taken->int8_path, &kernel::Int8Path::name), paths.end());
    EXPECT_TRUE(std::isnan(taken->device_gb_s)) << "no GPU was asked";
  }
}

TEST(CeilingProbe, reads_far_more_than_the_caches_and_little_of_the_memory) {
  const SteadyClock clock;
  const CeilingSettings quick{.bytes = 0, .passes = 1, .pass_ns = 100'000, .patterns = 1};
  constexpr std::uint64_t mib = std::uint64_t{1} << 20;
  EXPECT_EQ((*CeilingProbe::make(1, 32 * mib, 256 * mib, clock, quick))->bytes(), 64 * mib);
  EXPECT_EQ((*CeilingProbe::make(1, 160 * mib, 4096 * mib, clock, quick))->bytes(), 640 * mib);
  const auto refused = CeilingProbe::make(1, 0, 0, clock, {.bytes = std::uint64_t{1} << 60});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::full);
  Stop stop;
  stop.ask();
  const auto stopped = CeilingProbe::make(1, 0, 256 * mib, clock, quick, &stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
}

TEST(Ceilings, that_were_taken_while_cores_were_missing_are_of_a_busy_machine) {
  EXPECT_FALSE(busy({.cores_missing = 0.05}));
  EXPECT_TRUE(busy({.cores_missing = 0.5}));
  EXPECT_FALSE(busy({})) << "not told";
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
