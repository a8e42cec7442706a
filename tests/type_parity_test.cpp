// Every architecture in every type that computes: a small random model against the double-precision reference.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <tuple>

#include "artifact/synth.h"
#include "checkpoint/architectures.h"
#include "checkpoint/checkpoint.h"
#include "direct/cpu_backend.h"
#include "measure/parity_run.h"
#include "model/tiny_model.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using Case = std::tuple<Architecture, DType>;

std::string name_of(Architecture architecture) { return std::string(facts_of(architecture).model_type); }

// What makes the architecture itself: scaling for llama, a window shorter than the text for mistral.
ModelConfig config_of(Architecture architecture) {
  ModelConfig config = model::tiny_config(architecture);
  config.vocab = 320;
  if (architecture == Architecture::llama) {
    config.ropes[0].scaling.kind = RopeScaling::Kind::llama3;
    config.ropes[0].scaling.factor = 8;
    config.ropes[0].scaling.original_context = 64;
  }
  if (architecture == Architecture::mistral) {
    set_windows(config, 9);
  }
  return config;
}

class TypeParity : public ::testing::TestWithParam<Case> {};

TEST_P(TypeParity, direct_agrees_with_the_reference) {
  const auto [architecture, type] = GetParam();
  const std::string file =
      (fs::path(::testing::TempDir()) / ("type_parity_" + std::to_string(::getpid()) + ".gguf")).string();
  device::ThreadPool pool(1);
  const auto made = artifact::synthesize(
      {.config = config_of(architecture), .type = type, .head = artifact::HeadType::same, .seed = 3}, file, pool);
  ASSERT_TRUE(made) << to_string(made.error());
  const auto checkpoint = Checkpoint::open(file);
  ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
  fs::remove(file);  // the mapping keeps the bytes
  EXPECT_EQ(widest_window(checkpoint->config()), widest_window(config_of(architecture)));
  const auto weights = model::bind(checkpoint->config(), [&](auto tensor) { return checkpoint->tensor(tensor); });
  ASSERT_TRUE(weights) << to_string(weights.error());
  auto backend = direct::make_cpu_backend(*weights, {.context = 64, .batch = 16, .threads = 1});
  ASSERT_TRUE(backend) << to_string(backend.error());

  std::vector<Token> tokens(24);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<Token>((i * 53 + i * i * 7 + 11) % 320);
  const auto parity = measure::run_parity(**backend, *weights, measure::rounding_from((*backend)->facts()).value(),
                                          tokens, measure::spread_positions(24, 0));
  ASSERT_TRUE(parity) << to_string(parity.error());
  std::printf(
      "%-8s %-7s max_abs %.3g of %.3g, rms %.2f of that tried, decode %.2f, spread %.2f  KL %.2g  top-1 %zu of %zu\n",
      name_of(architecture).c_str(), std::string(name(type)).c_str(), parity->max_abs, parity->bound,
      parity->rms_times(), parity->decode->rms_times(), parity->spread, parity->kl_mean, parity->top1_equal,
      parity->positions);
  EXPECT_TRUE(parity->holds()) << parity->max_abs << " > " << parity->bound << ", unexplained " << parity->unexplained;
  EXPECT_GT(parity->max_abs, 0) << "the engine is not the reference";
  EXPECT_LT(parity->kl_mean, 1e-2);
}

INSTANTIATE_TEST_SUITE_P(
    All, TypeParity,
    ::testing::Combine(::testing::Values(Architecture::llama, Architecture::mistral, Architecture::qwen2,
                                         Architecture::qwen3, Architecture::gemma3),
                       ::testing::Values(DType::f32, DType::f16, DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0,
                                         DType::q5_1, DType::q8_0, DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k,
                                         DType::q6_k, DType::iq4_nl, DType::iq4_xs, DType::mxfp4)),
    [](const auto& instance) {
      return name_of(std::get<0>(instance.param)) + "_" + std::string(name(std::get<1>(instance.param)));
    });

}  // namespace
}  // namespace assay
