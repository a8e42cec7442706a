// What is measured of our own scheduler over a real backend, on a clock that a forward pass alone moves: every figure is
// known, and none comes from the formula that is tested.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "direct/cpu_backend.h"
#include "measure/scripted.h"
#include "model/tiny_model.h"
#include "schedule/scheduler.h"

namespace assay::measure {
namespace {

constexpr std::int64_t pass_ns = 5'000'000;   // of a forward pass, however small
constexpr std::int64_t token_ns = 1'000'000;  // and of each token in it

// Computes for real and says that it took a time of its own.
class TimedBackend final : public Backend {
 public:
  TimedBackend(std::unique_ptr<Backend> backend, FakeClock& clock) : backend_(std::move(backend)), clock_(clock) {}
  std::uint64_t passes = 0;

  const BackendFacts& facts() const override { return backend_->facts(); }
  Result<void> start(const Batch& batch) override {
    ++passes;
    clock_.advance(pass_ns + token_ns * static_cast<std::int64_t>(batch.slots.size()));
    return backend_->start(batch);
  }
  Result<void> finish(const Rows& rows) override { return backend_->finish(rows); }
  Result<void> forget(SeqId seq, Position from, Position to) override { return backend_->forget(seq, from, to); }
  Result<void> share(SeqId from, SeqId to, Position upto) override { return backend_->share(from, to, upto); }
  MemoryUse memory() const override { return backend_->memory(); }

 private:
  std::unique_ptr<Backend> backend_;
  FakeClock& clock_;
};

class RealScheduler : public Matrices {
 protected:
  void SetUp() override {
    tiny_ = std::make_unique<model::TinyModel>(model::tiny_model(model::tiny_config(Architecture::qwen3), 1));
    direct::CpuOptions cpu;
    cpu.context = 512;
    cpu.sequences = 2;
    cpu.batch = 128;
    cpu.threads = 1;
    const model::Weights weights = tiny_->weights();
    auto backend = direct::make_cpu_backend(weights, cpu);
    ASSERT_TRUE(backend) << backend.error().detail;
    timed_ = std::make_unique<TimedBackend>(std::move(*backend), clock);
    scheduler_ = std::make_unique<schedule::Scheduler>(*timed_, clock, nullptr, schedule::SchedulerOptions{});
  }
  std::vector<Row> rows(const MatrixSettings& settings) {
    Contestant direct = contestant("direct", scheduler_.get());
    direct.backend = timed_.get();
    direct.subject.sequences = 2;
    auto out = measure({direct}, settings);
    EXPECT_TRUE(out) << out.error().detail;
    return out.value_or(std::vector<Row>{});
  }

  std::unique_ptr<model::TinyModel> tiny_;
  std::unique_ptr<TimedBackend> timed_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
};

TEST_F(RealScheduler, the_first_token_comes_from_the_prompts_own_pass) {
  const auto measured = rows({.prompt_tokens = 100, .output_tokens = 11, .rounds = 6});
  ASSERT_EQ(measured.size(), 1U);
  const Row& row = measured[0];
  EXPECT_EQ(row.status, Row::Status::ok) << row.reason;
  EXPECT_NEAR(row.ttft_ms.median, 105, 1e-6) << "one pass of 100 tokens, and no step behind it";
  EXPECT_NEAR(row.prefill_tok_s.median, 100 / 0.105, 1e-3);
  EXPECT_NEAR(row.decode_tok_s.median, 1e3 / 6, 1e-3) << "a pass of one token takes 6 ms";
  EXPECT_NEAR(row.gap_ms.median, 6, 1e-3);
  EXPECT_NEAR(row.total_ms.median, 105 + 10 * 6, 1e-6);
}

TEST_F(RealScheduler, a_prompt_longer_than_a_batch_is_two_passes_and_its_marginal_rate_is_the_tokens_own) {
  const auto measured =
      rows({.prompt_tokens = 200, .output_tokens = 4, .rounds = 1, .sweep_context = {64, 96, 128}, .sweep_rounds = 2});
  ASSERT_EQ(measured.size(), 1U);
  EXPECT_NEAR(measured[0].ttft_ms.median, 200 + 2 * 5, 1e-6);
  EXPECT_NEAR(measured[0].marginal_prefill_tok_s.median, 1000, 1e-3)
      << "what a pass costs by itself is not in the slope";
}

TEST_F(RealScheduler, streams_share_a_step) {
  const auto measured =
      rows({.prompt_tokens = 16, .output_tokens = 11, .rounds = 1, .sweep_streams = {2}, .sweep_rounds = 2});
  ASSERT_EQ(measured.size(), 1U);
  const StreamPoint& point = measured[0].stream_sweep[0];
  EXPECT_EQ(point.reason, "");
  EXPECT_NEAR(point.decode_tok_s.median, 1e3 / 7, 1.0) << "a pass of two tokens takes 7 ms";
  EXPECT_EQ(point.decode_tok_s.n, 2U);
}

}  // namespace
}  // namespace assay::measure
