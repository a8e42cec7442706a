#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "model/reference.h"
#include "model/rope.h"
#include "model/tiny_model.h"

namespace assay::model {
namespace {

std::vector<std::int32_t> text_of(std::size_t n) {
  std::vector<std::int32_t> tokens(n);
  for (std::size_t i = 0; i < n; ++i) tokens[i] = static_cast<std::int32_t>((i * 31 + 7) % 97);
  return tokens;
}

std::vector<double> last_logits(const Weights& weights, const std::vector<std::int32_t>& tokens) {
  const std::uint32_t last = static_cast<std::uint32_t>(tokens.size()) - 1;
  return reference_logits(weights, tokens, {{last}}).value();
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(Weights, a_missing_tensor_is_named_with_its_shape) {
  TinyModel model = tiny_model(tiny_config(Architecture::llama), 1);
  model.tensors.erase("blk.1.ffn_up.weight");
  const auto bound = bind(model.config, [&](std::string_view name) { return model.find(name); });
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code, Errc::not_found);
  EXPECT_EQ(bound.error().detail, "tensor blk.1.ffn_up.weight: expected (512, 256)");
}

TEST(Weights, a_wrong_shape_is_named_with_both_shapes) {
  TinyModel model = tiny_model(tiny_config(Architecture::qwen3), 1);
  model.tensors["blk.0.attn_k.weight"].shape = {64, 512};
  const auto bound = bind(model.config, [&](std::string_view name) { return model.find(name); });
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().detail, "tensor blk.0.attn_k.weight: shape (64, 512), expected (128, 256)");
}

TEST(Weights, bytes_per_token_count_a_tied_embedding_once_as_the_head) {
  const TinyModel tied = tiny_model(tiny_config(Architecture::qwen3), 1);
  std::uint64_t all = 0;
  for (const auto& [name, tensor] : tied.tensors) all += tensor.bytes();
  EXPECT_EQ(tied.weights().bytes_per_token(), all);
  const TinyModel untied = tiny_model(tiny_config(Architecture::llama), 1);
  all = 0;
  for (const auto& [name, tensor] : untied.tensors) all += tensor.bytes();
  EXPECT_EQ(untied.weights().bytes_per_token(), all - untied.find("token_embd.weight")->bytes());
}

TEST(Rope, plain_frequencies_fall_geometrically) {
  ModelConfig config = tiny_config(Architecture::llama);
  const auto plain = rope_frequencies(config.ropes[0], {});
  EXPECT_DOUBLE_EQ(plain.inverse[0], 1);
  EXPECT_NEAR(plain.inverse[31], std::pow(10000.0, -62.0 / 64), 1e-12);
  config.ropes[0].scaling = {.kind = RopeScaling::Kind::linear, .factor = 4};
  EXPECT_DOUBLE_EQ(rope_frequencies(config.ropes[0], {}).inverse[5], plain.inverse[5] / 4);
}

TEST(Rope, llama3_keeps_short_waves_and_divides_long_ones) {
  ModelConfig config = tiny_config(Architecture::llama);
  config.ropes[0].theta = 500000;
  const auto plain = rope_frequencies(config.ropes[0], {});
  config.ropes[0].scaling = {.kind = RopeScaling::Kind::llama3, .factor = 8, .original_context = 8192};
  const auto scaled = rope_frequencies(config.ropes[0], {});
  for (std::size_t i = 0; i < plain.inverse.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / plain.inverse[i];
    if (wavelength < 8192.0 / 4) {
      EXPECT_EQ(scaled.inverse[i], plain.inverse[i]);
    } else if (wavelength > 8192) {
      EXPECT_EQ(scaled.inverse[i], plain.inverse[i] / 8);
    } else {
      EXPECT_LT(scaled.inverse[i], plain.inverse[i]);
      EXPECT_GT(scaled.inverse[i], plain.inverse[i] / 8);
    }
  }
  // A file that carries the factors has done the interpolation already.
  const std::vector<float> factors(32, 2.0F);
  EXPECT_EQ(rope_frequencies(config.ropes[0], factors).inverse[3], plain.inverse[3] / 2);
}

TEST(Rope, yarn_keeps_fast_pairs_interpolates_slow_ones_and_scales_the_magnitude) {
  ModelConfig config = tiny_config(Architecture::qwen3);
  const auto plain = rope_frequencies(config.ropes[0], {});
  config.ropes[0].scaling = {
      .kind = RopeScaling::Kind::yarn, .factor = 4, .original_context = 4096, .attention_factor = 1.1386};
  const auto scaled = rope_frequencies(config.ropes[0], {});
  EXPECT_EQ(scaled.inverse.front(), plain.inverse.front());
  EXPECT_DOUBLE_EQ(scaled.inverse.back(), plain.inverse.back() / 4);
  EXPECT_DOUBLE_EQ(scaled.magnitude, 1.1386);
}

TEST(Reference, refuses_no_tokens_tokens_outside_the_vocabulary_and_positions_outside_the_text) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 3);
  const Weights weights = model.weights();
  EXPECT_FALSE(reference_logits(weights, {}, {}));
  const auto bad = reference_logits(weights, {{5, 97}}, {{1}});
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, testing::HasSubstr("token 97: expected 0..96"));
  EXPECT_FALSE(reference_logits(weights, {{5, 6}}, {{2}}));
}

TEST(Reference, a_position_does_not_see_what_follows_it) {
  for (const auto architecture :
       {Architecture::llama, Architecture::qwen2, Architecture::qwen3, Architecture::gemma3}) {
    const TinyModel model = tiny_model(tiny_config(architecture), 4);
    const auto tokens = text_of(12);
    const auto all = reference_logits(model.weights(), tokens, {{5}}).value();
    const auto cut = last_logits(model.weights(), {tokens.begin(), tokens.begin() + 6});
    EXPECT_EQ(all, cut);
  }
}

TEST(Reference, a_window_wider_than_the_text_changes_nothing_and_a_narrow_one_does) {
  ModelConfig config = tiny_config(Architecture::mistral);
  const TinyModel model = tiny_model(config, 5);
  Weights weights = model.weights();
  const auto plain = last_logits(weights, text_of(20));
  set_windows(weights.config, 20);
  EXPECT_EQ(last_logits(weights, text_of(20)), plain);
  set_windows(weights.config, 4);
  EXPECT_GT(largest_difference(last_logits(weights, text_of(20)), plain), 1e-3);
  set_windows(weights.config, 0);
  EXPECT_EQ(last_logits(weights, text_of(20)), plain);
}

// In one layer a query that slides over `window` positions sees exactly them; the rotation is relative.
TEST(Reference, one_sliding_layer_equals_the_text_of_its_window) {
  ModelConfig config = tiny_config(Architecture::mistral);
  config.layers.resize(1);
  set_windows(config, 6);
  const TinyModel model = tiny_model(config, 6);
  const auto tokens = text_of(20);
  const auto slid = last_logits(model.weights(), tokens);
  const auto window = last_logits(model.weights(), {tokens.end() - 6, tokens.end()});
  EXPECT_LT(largest_difference(slid, window), 1e-9);
}

TEST(Reference, stops_when_asked) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 3);
  const auto stopped = reference_logits(model.weights(), text_of(3), {{2}}, [](double) { return false; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace assay::model
