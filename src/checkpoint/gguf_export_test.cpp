#include "checkpoint/gguf_export.h"
#include "checkpoint/gemma3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_bytes.h"
#include "checkpoint/tensor_list.h"
#include "checkpoint/test_models.h"

namespace assay {
namespace {

using testing_models::small_config;

// Writes the numbers beside tensors of zeros and reads them back.
ModelConfig through_a_file(const ModelConfig& config) {
  const std::string path = testing_bytes::fresh_folder(testing::TempDir(), "export") + "/m.gguf";
  GgufWriter writer(path);
  const auto set = set_gguf_config(writer, config);
  EXPECT_TRUE(set) << to_string(set.error());
  std::vector<ExpectedTensor> tensors;
  for (auto& tensor : expected_tensors(config)) {
    if (!tensor.optional) tensors.push_back(tensor);
  }
  for (const auto& tensor : tensors) writer.add(tensor.name, DType::f32, tensor.shape);
  EXPECT_TRUE(writer.begin());
  for (const auto& tensor : tensors) {
    std::uint64_t elements = 1;
    for (const auto extent : tensor.shape) elements *= extent;
    EXPECT_TRUE(writer.write(tensor.name, std::vector<std::byte>(4 * elements)));
  }
  EXPECT_TRUE(writer.finish());
  auto opened = Checkpoint::open(path);
  EXPECT_TRUE(opened) << to_string(opened.error());
  return opened ? opened->config() : ModelConfig{};
}

TEST(GgufExport, every_architecture_comes_back_with_the_same_maths) {
  for (const auto architecture :
       {Architecture::llama, Architecture::mistral, Architecture::qwen2, Architecture::qwen3, Architecture::gemma3}) {
    ModelConfig config = small_config(architecture);
    config.model_name = "small";
    config.ropes = {{.theta = 500000, .dims = 32}};
    each_attention(config, [](Attention& a) {
      a.head_dim = 32;
      a.scale = 0.125;  // not 1 / sqrt(32)
    });
    set_windows(config, 16, {true, architecture == Architecture::mistral});
    if (architecture == Architecture::gemma3) make_gemma3(config, 5000, 0.125);
    const ModelConfig back = through_a_file(config);
    EXPECT_EQ(back.architecture, architecture == Architecture::mistral ? Architecture::llama : architecture);
    EXPECT_EQ(back.model_name, "small");
    EXPECT_EQ(back.layers.size(), config.layers.size());
    EXPECT_EQ(back.hidden, config.hidden);
    EXPECT_EQ(dense_of(back.layers[0]).width, dense_of(config.layers[0]).width);
    EXPECT_EQ(attention_of(back.layers[0]).heads, attention_of(config.layers[0]).heads);
    EXPECT_EQ(attention_of(back.layers[0]).kv_heads, attention_of(config.layers[0]).kv_heads);
    EXPECT_EQ(attention_of(back.layers[0]).head_dim, attention_of(config.layers[0]).head_dim);
    EXPECT_EQ(back.vocab, config.vocab);
    EXPECT_EQ(back.context_train, config.context_train);
    EXPECT_FLOAT_EQ(static_cast<float>(back.rms_eps), static_cast<float>(config.rms_eps));
    EXPECT_EQ(back.ropes[0].theta, config.ropes[0].theta);
    EXPECT_EQ(attention_of(back.layers[0]).scale, 0.125);
    EXPECT_EQ(attention_of(back.layers[0]).bias, attention_of(config.layers[0]).bias);
    EXPECT_EQ(attention_of(back.layers[0]).qk_norm, attention_of(config.layers[0]).qk_norm);
    EXPECT_EQ(widest_window(back), 16U);
    EXPECT_EQ(back.ropes.back().theta, config.ropes.back().theta);
    EXPECT_EQ(back.embedding_scale, config.embedding_scale);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(attention_of(back.layers[i]).rope, attention_of(config.layers[i]).rope);
      EXPECT_EQ(back.layers[i].post_norms, config.layers[i].post_norms);
      EXPECT_EQ(dense_of(back.layers[i]).activation, dense_of(config.layers[i]).activation);
    }
    EXPECT_EQ(slides_of(back), slides_of(config));
  }
}

TEST(GgufExport, rope_scaling_comes_back) {
  using Kind = RopeScaling::Kind;
  ModelConfig config = small_config(Architecture::llama);
  config.ropes[0].scaling = {.kind = Kind::linear, .factor = 2};
  EXPECT_EQ(through_a_file(config).ropes[0].scaling.factor, 2);
  config.ropes[0].scaling = {.kind = Kind::yarn, .factor = 4, .original_context = 32, .beta_fast = 16, .beta_slow = 2};
  for (const double attention : {0.1 * std::log(4.0) + 1, 1.5}) {
    config.ropes[0].scaling.attention_factor = attention;
    const RopeScaling back = through_a_file(config).ropes[0].scaling;
    EXPECT_EQ(back.kind, Kind::yarn);
    EXPECT_EQ(back.factor, 4);
    EXPECT_EQ(back.original_context, 32U);
    EXPECT_EQ(back.beta_fast, 16);
    EXPECT_EQ(back.beta_slow, 2);
    EXPECT_DOUBLE_EQ(back.attention_factor, attention);
  }
  config.ropes[0].scaling.truncate = false;
  GgufWriter writer("unused.gguf");
  EXPECT_EQ(set_gguf_config(writer, config).error().code, Errc::unsupported);
}

TEST(GgufExport, llama3_scaling_becomes_factors) {
  ModelConfig config = small_config(Architecture::llama);
  EXPECT_TRUE(gguf_rope_factors(config).empty());
  config.ropes[0].scaling = {.kind = RopeScaling::Kind::llama3,
                             .factor = 8,
                             .original_context = 256,
                             .low_freq_factor = 1,
                             .high_freq_factor = 4};
  const auto factors = gguf_rope_factors(config);
  ASSERT_EQ(factors.size(), 8U);
  EXPECT_EQ(factors.front(), 1);  // wavelength 6 fits 256 often
  EXPECT_EQ(factors.back(), 8);   // 19,869 does not fit at all
  // Pair 3: wavelength 2 pi 10000^(3/8) = 198.7 fits 1.2885 times, a share of 0.0962 between 1 and 4.
  EXPECT_NEAR(factors[3], 1 / ((1 - 0.0962) / 8 + 0.0962), 0.01);
}

TEST(GgufExport, rows_of_halves_become_neighbours) {
  ModelConfig config = small_config(Architecture::llama);
  config.rope_pairs = RopePairs::halves;
  EXPECT_TRUE(gguf_reorders(config, Role::q));
  EXPECT_TRUE(gguf_reorders(config, Role::k_bias));
  EXPECT_FALSE(gguf_reorders(config, Role::v));
  config.rope_pairs = RopePairs::adjacent;
  EXPECT_FALSE(gguf_reorders(config, Role::q));
  EXPECT_FALSE(gguf_reorders(small_config(Architecture::qwen3), Role::q));
  std::vector<std::uint64_t> order(12);
  for (std::uint64_t row = 0; row < 12; ++row) order[row] = gguf_source_row(row, 6);
  EXPECT_THAT(order, testing::ElementsAre(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11));
}

}  // namespace
}  // namespace assay
