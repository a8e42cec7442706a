// An architecture that the program does not know, described here alone: its numbers and one operation. The reference and
// the direct engine run it as it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "direct/cpu_backend.h"
#include "direct/cpu_stages.h"
#include "measure/parity_run.h"
#include "model/reference.h"
#include "model/tiny_model.h"

namespace assay {
namespace {

using model::Op;
using model::Step;

// After every layer the residual stream is bent: x = limit * tanh(x / limit).
constexpr Op bend = model::added_op(3);
constexpr double limit = 2.5;

void bend_reference(model::ReferencePass& pass, std::uint32_t /*layer*/) {
  for (double& value : pass.x.values) value = limit * std::tanh(value / limit);
}

Result<void> bend_direct(direct::CpuStages& stages, std::uint32_t /*layer*/) {
  stages.over_tokens([&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      for (float& value : stages.residual(t)) value = static_cast<float>(limit * std::tanh(value / limit));
    }
  });
  return {};
}

// Three layers of which no two are alike: windows, rotations and norms differ.
ModelConfig config_of_bent() {
  ModelConfig config = model::tiny_config(Architecture::qwen3);
  config.architecture_name = "bent";
  config.embedding_scale = 4;
  config.ropes = {{.theta = 10000, .dims = 64}, {.theta = 500, .dims = 32}};
  LayerShape sliding = config.layers[0];
  auto& narrow = std::get<Attention>(sliding.mixer);
  narrow.window = 7;
  narrow.rope = 1;
  narrow.scale = 0.2;
  LayerShape normed = config.layers[0];
  normed.post_norms = true;
  std::get<Dense>(normed.feed).width = 320;
  config.layers = {sliding, normed, config.layers[0]};
  return config;
}

model::Weights bent(const model::TinyModel& tiny) {
  model::Weights weights = tiny.weights();
  std::vector<Step> steps;
  for (const Step& step : weights.steps) {
    steps.push_back(step);
    if (step.op == Op::down) steps.push_back({bend, step.layer});
  }
  weights.steps = std::move(steps);
  return weights;
}

class NewArchitecture : public testing::Test {
 protected:
  NewArchitecture() {
    for (std::int32_t i = 0; i < 40; ++i) tokens_.push_back((i * 31 + 7) % 97);
    for (std::uint32_t i = 0; i < 40; ++i) positions_.push_back(i);
  }
  Result<std::vector<double>> reference(const model::Weights& weights, bool knows = true) const {
    model::DisturbedReference how;
    if (knows) how.added.emplace(bend, bend_reference);
    return model::reference_logits(weights, tokens_, positions_, how);
  }
  // The last ten tokens one by one.
  Result<std::vector<float>> direct(const model::Weights& weights, bool knows = true) const {
    direct::CpuOptions options{.context = 64, .threads = 2};
    if (knows) options.added.emplace(bend, bend_direct);
    const auto backend = direct::make_cpu_backend(weights, options);
    if (!backend) return std::unexpected(backend.error());
    return measure::backend_logits(**backend, tokens_, positions_, weights.config.vocab, 30, nullptr);
  }

  const model::TinyModel tiny_ = model::tiny_model(config_of_bent(), 5);
  std::vector<std::int32_t> tokens_;
  std::vector<std::uint32_t> positions_;
};

TEST_F(NewArchitecture, runs_through_the_reference_and_the_direct_engine_with_one_operation_of_its_own) {
  const auto exact = reference(bent(tiny_));
  ASSERT_TRUE(exact) << to_string(exact.error());
  const auto computed = direct(bent(tiny_));
  ASSERT_TRUE(computed) << to_string(computed.error());
  const auto plain = reference(tiny_.weights());
  ASSERT_TRUE(plain) << to_string(plain.error());
  double apart = 0;
  double moved = 0;
  for (std::size_t i = 0; i < exact->size(); ++i) {
    apart = std::max(apart, std::abs((*exact)[i] - (*computed)[i]));
    moved = std::max(moved, std::abs((*exact)[i] - (*plain)[i]));
  }
  EXPECT_LT(apart, 0.01) << "f32 weights meet f32 sums, and keys and values of f16";
  EXPECT_GT(moved, 0.1) << "the operation does something";
}

TEST_F(NewArchitecture, an_operation_that_nobody_brought_is_refused_by_its_number) {
  const auto exact = reference(bent(tiny_), false);
  ASSERT_FALSE(exact);
  EXPECT_EQ(exact.error().code, Errc::unsupported);
  EXPECT_THAT(exact.error().detail, testing::HasSubstr("operation 10 of layer 0 is not known"));
  const auto computed = direct(bent(tiny_), false);
  ASSERT_FALSE(computed);
  EXPECT_EQ(computed.error().code, Errc::unsupported);
  EXPECT_THAT(computed.error().detail, testing::HasSubstr("operation 10 of layer 0 is not known"));
}

// Each number of the description is used: another one gives other logits, in both alike.
TEST_F(NewArchitecture, every_number_of_the_layers_counts_in_both) {
  const auto exact = reference(bent(tiny_)).value();
  const std::vector<std::pair<const char*, void (*)(ModelConfig&)>> changes{
      {"window", [](ModelConfig& c) { std::get<Attention>(c.layers[0].mixer).window = 8; }},
      {"rope", [](ModelConfig& c) { std::get<Attention>(c.layers[0].mixer).rope = 0; }},
      {"theta", [](ModelConfig& c) { c.ropes[1].theta = 600; }},
      {"scale", [](ModelConfig& c) { std::get<Attention>(c.layers[0].mixer).scale = 0.125; }},
      {"embedding scale", [](ModelConfig& c) { c.embedding_scale = 3; }},
      {"epsilon", [](ModelConfig& c) { c.rms_eps = 0.1; }},
  };
  for (const auto& [what, change] : changes) {
    model::Weights other = bent(tiny_);
    change(other.config);
    const auto changed = reference(other).value();
    const auto computed = direct(other).value();
    double apart = 0;
    double moved = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      apart = std::max(apart, std::abs(changed[i] - computed[i]));
      moved = std::max(moved, std::abs(changed[i] - exact[i]));
    }
    EXPECT_LT(apart, 0.01) << what;
    EXPECT_GT(moved, 0.05) << what;
  }
}

}  // namespace
}  // namespace assay
