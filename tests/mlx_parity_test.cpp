// libmlx on the CPU against the double-precision reference: every architecture from GGUF and from folders.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "adapter/mlx/mlx_backend.h"
#include "artifact/synth.h"
#include "checkpoint/checkpoint.h"
#include "measure/parity_run.h"
#include "model/tiny_model.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::vector<Token> text(std::size_t count, std::uint32_t vocab) {
  std::vector<Token> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<Token>((i * 53 + i * i * 7 + 11) % vocab);
  return tokens;
}

struct Ran {
  measure::Parity parity;
  BackendFacts facts;
};

using adapter::mlx::Compute;
namespace mx = adapter::mlx::mx;

measure::Rounding::Activations rounding_of(const std::string& activations) {
  if (activations == "f16") return measure::Rounding::Activations::f16;
  return activations == "bf16" ? measure::Rounding::Activations::bf16 : measure::Rounding::Activations::f32;
}

Result<Ran> run(
    const std::string& path, std::size_t tokens, const std::string& kv = "f32",
    const std::function<void(Compute&)>& adjust = [](Compute&) {}) {
  const auto checkpoint = Checkpoint::open(path);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  const auto weights = model::bind(checkpoint->config(), [&](auto name) { return checkpoint->tensor(name); });
  if (!weights) return std::unexpected(weights.error());
  adapter::LoadSettings settings;
  settings.model = path;
  settings.context = 256;
  settings.batch = settings.ubatch = 16;
  settings.threads = 2;
  settings.kv = kv;
  auto backend = adapter::mlx::make_adjusted_mlx_backend(settings, {}, adjust);
  if (!backend) return std::unexpected(backend.error());
  const measure::Rounding rounding = {.activations = rounding_of((*backend)->facts().activations),
                                      .kv = *dtype_from_name(kv)};
  const auto parity = measure::run_parity(**backend, *weights, rounding, text(tokens, checkpoint->config().vocab),
                                          measure::spread_positions(static_cast<std::uint32_t>(tokens), 24));
  if (!parity) return std::unexpected(parity.error());
  std::printf("%s: max_abs %.3g of %.3g  KL %.2g  top-1 %zu of %zu\n", path.c_str(), parity->max_abs, parity->bound,
              parity->kl_mean, parity->top1_equal, parity->positions);
  return Ran{*parity, (*backend)->facts()};
}

void expect_holds(const Result<Ran>& ran, const std::string& activations = "f32") {
  ASSERT_TRUE(ran) << to_string(ran.error());
  EXPECT_TRUE(ran->parity.holds()) << ran->parity.max_abs << " > " << ran->parity.bound;
  EXPECT_GT(ran->parity.max_abs, 0) << "the engine is not the reference";
  EXPECT_EQ(ran->facts.activations, activations);
}

TEST(MlxParity, the_shipped_model_agrees_with_the_reference) {
  const std::string file = std::string(ASSAY_SOURCE_DIR) + "/models/assay-small-q4_0.gguf";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
  expect_holds(run(file, 96));
}

TEST(MlxParity, keys_and_values_in_f16_stay_within_their_bound) {
  const std::string file = std::string(ASSAY_SOURCE_DIR) + "/models/assay-small-q4_0.gguf";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
  expect_holds(run(file, 64, "f16"));
}

// Two layers by transformers (tools/golden/models.py): RoPE with each scaling, windows, biases, norms of heads.
class MlxFolder : public ::testing::TestWithParam<std::string> {};

TEST_P(MlxFolder, a_folder_agrees_with_the_reference) {
  expect_holds(run(std::string(ASSAY_SOURCE_DIR) + "/tests/golden/" + GetParam(), 40));
}

// What a GPU computes, here on the CPU: libmlx's own RoPE and attention, first in f32, then in f16.
TEST_P(MlxFolder, the_operations_of_a_gpu_agree_too) {
  const std::string folder = std::string(ASSAY_SOURCE_DIR) + "/tests/golden/" + GetParam();
  expect_holds(run(folder, 40, "f32", [](Compute& compute) { compute.fused = true; }));
  expect_holds(run(folder, 40, "f16",
                   [](Compute& compute) {
                     compute.fused = true;
                     compute.activations = mx::float16;
                   }),
               "f16");
}

INSTANTIATE_TEST_SUITE_P(Golden, MlxFolder,
                         ::testing::Values("models/llama-plain", "models/llama-linear", "models/llama-llama3",
                                           "models/llama-yarn", "models/mistral-window", "models/qwen2-bias",
                                           "models/qwen2-window", "models/qwen3-tied", "models/qwen3-yarn",
                                           "models/gemma3", "models/gemma3-scaled", "mlx"),
                         [](const auto& instance) {
                           std::string name = fs::path(instance.param).filename().string();
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

using Case = std::tuple<Architecture, DType>;
class MlxGguf : public ::testing::TestWithParam<Case> {};

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

TEST_P(MlxGguf, a_synthesized_model_agrees_with_the_reference) {
  const auto [architecture, type] = GetParam();
  const std::string file =
      (fs::path(::testing::TempDir()) / ("mlx_parity_" + std::to_string(::getpid()) + ".gguf")).string();
  device::ThreadPool pool(1);
  const auto made = artifact::synthesize(
      {.config = config_of(architecture), .type = type, .head = artifact::HeadType::same, .seed = 3}, file, pool);
  ASSERT_TRUE(made) << to_string(made.error());
  const auto ran = run(file, 40);
  fs::remove(file);
  expect_holds(ran);
  if (!ran) return;
  const bool kept = type == DType::q4_0 || type == DType::q4_1 || type == DType::q8_0 || type == DType::f32;
  const std::string widened = std::string(name(type)) + " widened to f32";
  const bool named =
      std::ranges::any_of(ran->facts.notes, [&](const std::string& note) { return note.starts_with(widened); });
  EXPECT_EQ(named, !kept) << "a row says which types changed";
}

INSTANTIATE_TEST_SUITE_P(
    All, MlxGguf,
    ::testing::Combine(::testing::Values(Architecture::llama, Architecture::mistral, Architecture::qwen2,
                                         Architecture::qwen3, Architecture::gemma3),
                       ::testing::Values(DType::f32, DType::f16, DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0,
                                         DType::q8_0, DType::q4_k, DType::q6_k)));

}  // namespace
}  // namespace assay
