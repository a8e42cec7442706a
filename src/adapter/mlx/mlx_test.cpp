// The promises of a Backend, kept by libmlx on the CPU. How its logits compare with the reference: tests/mlx_parity_test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapter/mlx/luck.h"
#include "adapter/mlx/mlx_backend.h"
#include "adapter/worker/worker_backend.h"
#include "artifact/synth.h"
#include "base/clock.h"
#include "model/tiny_model.h"

namespace assay::adapter::mlx {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr float float_noise = 1e-4F;  // the same sums in another order

// With the operations of the CPU and with those of a GPU, the latter on the CPU too.
class MlxBackendTest : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    file_ = (fs::path(::testing::TempDir()) / ("mlx_test_" + std::to_string(::getpid()) + ".gguf")).string();
    ModelConfig config = model::tiny_config(Architecture::qwen3);
    config.vocab = 320;
    each_dense(config, [](Dense& d) { d.width = 2048; });  // large enough to be split over streams
    device::ThreadPool pool(1);
    const auto made = artifact::synthesize({.config = config, .type = DType::q4_0, .seed = 5}, file_, pool);
    ASSERT_TRUE(made) << to_string(made.error());
  }
  static void TearDownTestSuite() { fs::remove(file_); }

  static LoadSettings settings() {
    LoadSettings out;
    out.model = file_;
    out.context = 300;
    out.sequences = 4;
    out.batch = 64;
    out.ubatch = 16;
    out.threads = 2;
    out.kv = "f32";
    return out;
  }
  static std::unique_ptr<Backend> open(const LoadSettings& settings) {
    auto backend = make_adjusted_mlx_backend(settings, {}, [](Compute& compute) { compute.fused = GetParam(); });
    EXPECT_TRUE(backend) << to_string(backend.error());
    return backend ? std::move(*backend) : nullptr;
  }
  static Error refused(const LoadSettings& settings) {
    const auto backend = make_mlx_backend(settings, {});
    EXPECT_FALSE(backend);
    return backend ? Error{} : backend.error();
  }
  static Token token(Position pos, SeqId salt = 0) { return static_cast<Token>((pos * 37 + salt * 101 + 5) % 320); }

  // Feeds positions [from, to) of a sequence in one batch per `step`; the last row of logits.
  static std::vector<float> feed(Backend& backend, SeqId seq, Position from, Position to, SeqId salt = 0,
                                 Position step = 64) {
    Logits logits;
    for (Position begin = from; begin < to; begin += step) {
      const Position end = std::min(to, begin + step);
      std::vector<Slot> slots;
      for (Position p = begin; p < end; ++p) slots.push_back({seq, p, token(p, salt), logits_if(p + 1 == to)});
      const auto done = backend.forward(slots, logits);
      EXPECT_TRUE(done) << to_string(done.error());
    }
    return {logits.row(0).begin(), logits.row(0).end()};
  }
  static float distance(std::span<const float> a, std::span<const float> b) {
    EXPECT_EQ(a.size(), b.size());
    float largest = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
  }

  inline static std::string file_;
};

INSTANTIATE_TEST_SUITE_P(Operations, MlxBackendTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "fused" : "plain"; });

TEST_P(MlxBackendTest, facts_say_what_runs) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  EXPECT_EQ(backend->facts().name, "mlx");
  EXPECT_EQ(backend->facts().version, libmlx_version());
  EXPECT_EQ(backend->facts().device, "cpu");
  EXPECT_EQ(backend->facts().kv_type, "f32");
  EXPECT_EQ(backend->facts().vocab, 320U);
  EXPECT_GT(backend->memory().weights, 0U);
}

TEST_P(MlxBackendTest, chunks_and_single_steps_give_the_same_logits) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  const auto whole = feed(*backend, 0, 0, 50);
  EXPECT_LT(distance(whole, feed(*backend, 1, 0, 50, 0, 7)), float_noise);
  EXPECT_LT(distance(whole, feed(*backend, 2, 0, 50, 0, 1)), float_noise);
}

TEST_P(MlxBackendTest, every_row_that_was_asked_for_comes_in_the_order_of_the_slots) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  std::vector<Slot> slots;
  slots.reserve(40);
  for (Position p = 0; p < 40; ++p)
    slots.push_back({0, p, token(p), logits_if(p % 13 == 4)});  // 4, 17 and 30: three pieces
  Logits logits;
  ASSERT_TRUE(backend->forward(slots, logits));
  ASSERT_EQ(logits.rows(), 3U);
  for (std::size_t row = 0; row < 3; ++row) {
    ASSERT_TRUE(backend->forget(1, 0, 1000));
    const auto alone = feed(*backend, 1, 0, static_cast<Position>(5 + 13 * row));
    EXPECT_LT(distance(logits.row(row), alone), float_noise) << row;
  }
}

TEST_P(MlxBackendTest, sequences_of_different_lengths_share_a_batch_and_do_not_see_each_other) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  const auto alone_a = feed(*backend, 0, 0, 21, 1);
  const auto alone_b = feed(*backend, 0, 21, 22, 1);  // one more of the same
  ASSERT_TRUE(backend->forget(0, 0, 1000));
  feed(*backend, 1, 0, 20, 1);
  feed(*backend, 2, 0, 5, 2);
  std::vector<Slot> slots = {{1, 20, token(20, 1), Want::logits},
                             {2, 5, token(5, 2)},
                             {2, 6, token(6, 2), Want::logits},
                             {3, 0, token(0, 3), Want::logits}};
  Logits logits;
  ASSERT_TRUE(backend->forward(slots, logits));
  ASSERT_EQ(logits.rows(), 3U);
  EXPECT_LT(distance(logits.row(0), alone_a), float_noise);
  EXPECT_LT(distance(logits.row(1), feed(*backend, 0, 0, 7, 2)), float_noise);
  EXPECT_LT(distance(feed(*backend, 1, 21, 22, 1), alone_b), float_noise);
}

TEST_P(MlxBackendTest, the_cache_grows_past_its_steps) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  const auto before = backend->memory().kv;
  EXPECT_EQ(before, 0U);
  const auto long_one = feed(*backend, 0, 0, 300);
  const auto stepped = feed(*backend, 1, 0, 300, 0, 50);
  EXPECT_LT(distance(long_one, stepped), float_noise);
  // f32 keys and values of 512 positions, 2 layers, 2 heads of 64, two sequences.
  EXPECT_EQ(backend->memory().kv, std::uint64_t{2} * 2 * 2 * 2 * 64 * 512 * 4);
  ASSERT_TRUE(backend->forget(0, 0, 300));
  ASSERT_TRUE(backend->forget(1, 0, 300));
  EXPECT_EQ(backend->memory().kv, 0U);
}

TEST_P(MlxBackendTest, a_forgotten_tail_is_gone) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  const auto expected = feed(*backend, 0, 0, 30);
  feed(*backend, 0, 30, 45, 9);
  ASSERT_TRUE(backend->forget(0, 12, 1000));
  EXPECT_LT(distance(expected, feed(*backend, 0, 12, 30)), float_noise);
  const auto middle = backend->forget(0, 3, 8);
  ASSERT_FALSE(middle);
  EXPECT_EQ(middle.error().code, Errc::unsupported);
  EXPECT_TRUE(backend->forget(0, 30, 40)) << "nothing is there";
}

TEST_P(MlxBackendTest, a_shared_prefix_is_used_and_never_written_by_the_other) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  const auto expected = feed(*backend, 0, 0, 40);
  const auto other = feed(*backend, 1, 0, 25);
  ASSERT_TRUE(backend->forget(1, 0, 1000));
  const auto kv = backend->memory().kv;
  ASSERT_TRUE(backend->share(0, 1, 20));
  EXPECT_EQ(backend->memory().kv, kv) << "nothing is copied until it is written";
  feed(*backend, 1, 20, 40, 7);  // another text
  ASSERT_TRUE(backend->forget(0, 20, 1000));
  EXPECT_LT(distance(expected, feed(*backend, 0, 20, 40)), float_noise);
  ASSERT_TRUE(backend->forget(1, 20, 1000));
  EXPECT_LT(distance(other, feed(*backend, 1, 20, 25)), float_noise);

  EXPECT_EQ(backend->share(0, 1, 5).error().code, Errc::bad_value) << "sequence 1 holds something";
  EXPECT_EQ(backend->share(0, 2, 41).error().code, Errc::bad_value) << "more than it holds";
}

TEST_P(MlxBackendTest, streams_change_nothing_but_the_order_of_sums) {
  LoadSettings one = settings();
  one.threads = 1;
  LoadSettings three = settings();
  three.threads = 3;
  const auto a = open(one);
  const auto b = open(three);
  ASSERT_TRUE(a && b);
  EXPECT_LT(distance(feed(*a, 0, 0, 40), feed(*b, 0, 0, 40)), float_noise);
  EXPECT_LT(distance(feed(*a, 0, 40, 41), feed(*b, 0, 40, 41)), float_noise);
}

TEST_P(MlxBackendTest, a_step_that_was_built_ahead_is_used_only_where_it_is_the_one_that_comes) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  feed(*backend, 0, 0, 20);
  feed(*backend, 0, 20, 24, 0, 1);  // the next one, four times
  feed(*backend, 0, 24, 30, 0, 3);  // more than one slot
  feed(*backend, 0, 30, 31, 0, 1);
  const auto other = feed(*backend, 1, 0, 1, 3, 1);  // another sequence
  feed(*backend, 0, 31, 33, 0, 1);
  ASSERT_TRUE(backend->forget(0, 32, 1000));  // back by one
  feed(*backend, 0, 32, 250);
  feed(*backend, 0, 250, 260, 0, 1);  // past a step of the cache
  ASSERT_TRUE(backend->share(0, 2, 260));
  const auto shared = feed(*backend, 2, 260, 262, 5, 1);
  const auto last = feed(*backend, 0, 260, 262, 0, 1);
  EXPECT_LT(distance(last, feed(*backend, 3, 0, 262)), float_noise);
  ASSERT_TRUE(backend->forget(3, 260, 1000));
  EXPECT_LT(distance(shared, feed(*backend, 3, 260, 262, 5)), float_noise);
  ASSERT_TRUE(backend->forget(1, 0, 1000));
  EXPECT_LT(distance(other, feed(*backend, 1, 0, 1, 3)), float_noise);
}

TEST(Luck, a_wrong_guess_is_paid_for_by_ever_more_right_ones) {
  Luck luck;
  const auto right_ones_until_good = [&] {
    int count = 0;
    for (; !luck.good() && count < 1000; ++count) luck.note(false, true);
    return count;
  };
  EXPECT_TRUE(luck.good());
  luck.note(true, true);
  EXPECT_TRUE(luck.good());
  for (const int needed : {4, 8, 16, 32, 64, 64}) {
    luck.note(true, false);
    EXPECT_FALSE(luck.good());
    luck.note(false, true);
    luck.note(false, false);  // counts from here
    EXPECT_EQ(right_ones_until_good(), needed);
  }
  for (int i = 0; i < 64; ++i) luck.note(true, true);
  luck.note(true, false);
  EXPECT_EQ(right_ones_until_good(), 4);
}

TEST(Pace, keeps_the_faster_way_and_tries_both_again) {
  for (const bool begun_is_faster : {true, false}) {
    Pace pace;
    EXPECT_FALSE(pace.begins());
    int begun = 0;
    for (int step = 0; step < 5000; ++step) {
      begun += pace.begins() ? 1 : 0;
      const std::int64_t late = step % 7 == 0 ? 90'000 : 0;  // now and then one is held up
      pace.note((pace.begins() == begun_is_faster ? 2'000'000 : 3'000'000) + late);
    }
    EXPECT_EQ(begun > 4'500, begun_is_faster) << begun;
    EXPECT_EQ(begun < 500, !begun_is_faster) << begun;
  }
}

TEST(Pace, what_a_wrong_guess_cut_short_decides_nothing) {
  Pace pace;
  for (int step = 0; !pace.begins() && step < 100; ++step) pace.note(3'000'000);
  ASSERT_TRUE(pace.begins());
  for (int step = 0; step < 6; ++step) pace.note(1);
  pace.again();
  EXPECT_FALSE(pace.begins());
  for (int step = 0; !pace.begins() && step < 100; ++step) pace.note(3'000'000);
  for (int step = 0; step < 12; ++step) pace.note(9'000'000);
  EXPECT_FALSE(pace.begins()) << "slower";
}

// What follows is the most likely token, so that the step begun ahead is the one that comes; now and then it is not.
TEST_P(MlxBackendTest, greedy_text_with_and_without_interruptions_has_the_logits_of_one_batch) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  std::vector<Token> text;
  text.reserve(12);
  for (Position p = 0; p < 12; ++p) text.push_back(token(p));
  Logits logits;
  std::vector<Slot> slots;
  slots.reserve(12);
  for (Position p = 0; p < 12; ++p) slots.push_back({0, p, text[p], logits_if(p == 11)});
  ASSERT_TRUE(backend->forward(slots, logits));
  std::vector<std::vector<float>> rows;
  while (text.size() < 290) {
    const auto row = logits.row(0);
    rows.emplace_back(row.begin(), row.end());
    const auto best = static_cast<Token>(std::ranges::max_element(row) - row.begin());
    const auto at = static_cast<Position>(text.size());
    text.push_back(at % 50 == 30 ? (best + 1) % 320 : best);
    if (at == 100) {
      ASSERT_TRUE(backend->share(0, 1, 60));
    }
    if (at == 140) feed(*backend, 2, 0, 5);
    if (at == 200) {  // back by three, on the same way
      ASSERT_TRUE(backend->forget(0, 197, 1000));
      for (Position p = 197; p < 200; ++p)
        ASSERT_TRUE(backend->forward(std::vector<Slot>{{0, p, text[p], Want::logits}}, logits));
    }
    ASSERT_TRUE(backend->forward(std::vector<Slot>{{0, at, text.back(), Want::logits}}, logits));
  }
  LoadSettings wide = settings();
  wide.batch = 300;
  wide.ubatch = 300;
  const auto at_once = open(wide);
  ASSERT_TRUE(at_once);
  slots.clear();
  for (Position p = 0; p < text.size(); ++p) slots.push_back({0, p, text[p], Want::logits});
  ASSERT_TRUE(at_once->forward(slots, logits));
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_LT(distance(rows[i], logits.row(11 + i)), float_noise) << "position " << 11 + i;
}

TEST_P(MlxBackendTest, bad_slots_are_refused_and_nothing_changes) {
  const auto backend = open(settings());
  ASSERT_TRUE(backend);
  feed(*backend, 0, 0, 10);
  Logits logits;
  const auto code = [&](std::vector<Slot> slots) {
    const auto done = backend->forward(slots, logits);
    EXPECT_FALSE(done);
    return done ? Errc::bug : done.error().code;
  };
  EXPECT_EQ(code({}), Errc::bad_value);
  EXPECT_EQ(code({{0, 11, 1, Want::logits}}), Errc::bad_value) << "a gap";
  EXPECT_EQ(code({{4, 0, 1, Want::logits}}), Errc::bad_value) << "no such sequence";
  EXPECT_EQ(code({{0, 10, 320, Want::logits}}), Errc::bad_value) << "outside the vocabulary";
  EXPECT_EQ(code({{0, 10, -1, Want::logits}}), Errc::bad_value);
  EXPECT_EQ(code({{0, 10, 1, Want::logits}, {1, 0, 1, Want::logits}, {0, 11, 1, Want::logits}}), Errc::bad_value)
      << "slots apart";
  EXPECT_EQ(code(std::vector<Slot>(65, Slot{1, 0, 1})), Errc::bad_value) << "more than a batch";
  feed(*backend, 1, 0, 300, 0);
  EXPECT_EQ(code({{1, 300, 1, Want::logits}}), Errc::bad_value) << "outside the context";
  EXPECT_LT(distance(feed(*backend, 0, 10, 20), feed(*backend, 2, 0, 20)), float_noise);
}

TEST_P(MlxBackendTest, settings_that_libmlx_cannot_honour_are_refused_by_name) {
  LoadSettings wrong = settings();
  wrong.kv = "q8_0";
  EXPECT_EQ(refused(wrong).code, Errc::unsupported);
  EXPECT_THAT(refused(wrong).detail, HasSubstr("q8_0"));
  wrong = settings();
  wrong.lock_memory = true;
  EXPECT_THAT(refused(wrong).detail, HasSubstr("lock_memory"));
  wrong = settings();
  wrong.device = "tpu";
  EXPECT_EQ(refused(wrong).code, Errc::bad_value);
#ifdef __APPLE__
  wrong.device = "cuda";
#else
  wrong.device = "metal";
#endif
  EXPECT_EQ(refused(wrong).code, Errc::unsupported);
  EXPECT_THAT(refused(wrong).detail, HasSubstr(wrong.device));
  wrong = settings();
  wrong.threads = 0;
  EXPECT_THAT(refused(wrong).detail, HasSubstr("threads is 0"));
  wrong = settings();
  wrong.ubatch = 65;
  EXPECT_THAT(refused(wrong).detail, HasSubstr("ubatch is 65"));
  wrong = settings();
  wrong.model = file_ + ".absent";
  EXPECT_EQ(refused(wrong).code, Errc::not_found);
}

TEST_P(MlxBackendTest, the_worker_program_gives_the_same_logits_across_the_border) {
  const auto here = open(settings());
  ASSERT_TRUE(here);
  WorkerOptions options;
  options.program = ASSAY_WORKER_MLX;
  options.load = settings();
  const SteadyClock clock;
  const auto there = start_worker(options, clock);
  ASSERT_TRUE(there) << to_string(there.error());
  EXPECT_EQ((*there)->facts().name, "mlx");
  EXPECT_EQ((*there)->facts().version, libmlx_version());
  EXPECT_LT(distance(feed(*here, 0, 0, 40), feed(**there, 0, 0, 40)), float_noise);
  EXPECT_LT(distance(feed(*here, 0, 40, 41), feed(**there, 0, 40, 41)), float_noise);
  EXPECT_EQ((*there)->forward(std::vector<Slot>{{0, 50, 1, Want::logits}}, *std::make_unique<Logits>()).error().code,
            Errc::bad_value);

  options.load.kv = "q8_0";
  const auto wrong = start_worker(options, clock);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::unsupported) << to_string(wrong.error());
}

TEST_P(MlxBackendTest, loading_tells_how_far_it_is_and_can_be_stopped) {
  double last = 0;
  const auto loaded = make_mlx_backend(settings(), [&](double share) {
    EXPECT_GE(share, last);
    last = share;
    return true;
  });
  ASSERT_TRUE(loaded);
  EXPECT_GT(last, 0.9);
  const auto stopped = make_mlx_backend(settings(), [](double share) { return share < 0.5; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace assay::adapter::mlx
