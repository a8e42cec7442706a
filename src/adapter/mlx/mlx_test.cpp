// libmlx against the double-precision reference, and the promises of a Backend.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <tuple>

#include "adapter/mlx/mlx_backend.h"
#include "artifact/synth.h"
#include "checkpoint/checkpoint.h"
#include "measure/parity_run.h"
#include "model/tiny_model.h"

namespace assay::adapter::mlx {
namespace {

namespace fs = std::filesystem;

LoadSettings settings_of(const std::string& model) {
  LoadSettings settings;
  settings.model = model;
  settings.context = 600;
  settings.batch = 32;
  settings.ubatch = 32;
  settings.threads = 2;
  settings.kv = "f32";
  return settings;
}

std::unique_ptr<Backend> open(const LoadSettings& settings) {
  auto backend = make_mlx_backend(settings, {});
  EXPECT_TRUE(backend) << to_string(backend.error());
  return backend ? std::move(*backend) : nullptr;
}

std::vector<Token> text(std::size_t count, std::uint32_t vocab) {
  std::vector<Token> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<Token>((i * 53 + i * i * 7 + 11) % vocab);
  return tokens;
}

TEST(MlxBackend, the_shipped_model_agrees_with_the_reference) {
  const std::string file = std::string(ASSAY_SOURCE_DIR) + "/models/assay-small-q4_0.gguf";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
  const auto checkpoint = Checkpoint::open(file);
  ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
  const auto weights = model::bind(checkpoint->config(), [&](auto name) { return checkpoint->tensor(name); });
  ASSERT_TRUE(weights);
  const auto backend = open(settings_of(file));
  ASSERT_TRUE(backend);
  const measure::Rounding rounding = {.activations = measure::Rounding::Activations::f32, .kv = DType::f32};
  const auto parity = measure::run_parity(*backend, *weights, rounding, text(96, checkpoint->config().vocab),
                                          measure::spread_positions(96, 24));
  ASSERT_TRUE(parity) << to_string(parity.error());
  std::printf("max|diff| %.3g of %.3g  KL %.2g  top-1 %zu of %zu\n", parity->max_abs, parity->bound, parity->kl_mean,
              parity->top1_equal, parity->positions);
  EXPECT_TRUE(parity->holds());
}

}  // namespace
}  // namespace assay::adapter::mlx
