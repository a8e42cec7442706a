#include "kernel/rope/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>

#include "base/json.h"
#include "base/random.h"
#include "kernel/isas.h"

namespace assay::kernel {
namespace {

// Made by tools/golden_rope.py from mlx-lm, which computes in float: a few float roundings of each frequency apart.
TEST(RopeFrequencies, llama3_and_yarn_are_those_of_mlx) {
  std::ifstream file(ASSAY_SOURCE_DIR "/tests/golden/rope.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json golden = parse_json(text, "rope.json").value();
  ASSERT_EQ(golden["cases"].size(), 5U);
  for (const auto& c : golden["cases"]) {
    SCOPED_TRACE(c["rope_type"].get<std::string>() + " " + std::to_string(c["factor"].get<double>()));
    const double theta = c["theta"];
    const double factor = c["factor"];
    const double context = c["original_max_position_embeddings"];
    auto frequencies = rope_frequencies(c["dims"], theta);
    if (c["rope_type"] == "llama3") {
      rope_scale_llama3(frequencies, {factor, c["low_freq_factor"], c["high_freq_factor"], context});
    } else {
      rope_scale_yarn(frequencies,
                      {factor, context, theta, c.value("beta_fast", 32.0), c.value("beta_slow", 1.0), true});
      EXPECT_NEAR(yarn_attention_factor(factor), c["magnitude"].get<double>(), 1e-6);
    }
    ASSERT_EQ(frequencies.size(), c["frequencies"].size());
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
      const double expected = c["frequencies"][i];
      EXPECT_NEAR(frequencies[i], expected, 4e-6 * expected) << i;
    }
  }
}

TEST(RopeFrequencies, fall_geometrically_and_scale_as_told) {
  auto f = rope_frequencies(8, 10000);
  const std::vector<double> plain{1, 0.1, 0.01, 0.001};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(f[i], plain[i], 1e-15);
  rope_scale_linear(f, 4);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(f[i], plain[i] / 4, 1e-15);
  rope_divide(f, std::vector<float>{1, 2, 4, 8});
  EXPECT_NEAR(f[3], 0.001 / 32, 1e-15);
}

TEST(RopeFrequencies, yarn_without_a_factor_changes_nothing_and_a_ramp_of_no_width_is_a_step) {
  const auto plain = rope_frequencies(64, 10000);
  for (const bool truncate : {true, false}) {
    auto f = plain;
    rope_scale_yarn(f, {1, 4096, 10000, 32, 1, truncate});
    for (std::size_t i = 0; i < f.size(); ++i) EXPECT_NEAR(f[i], plain[i], 1e-15);
    rope_scale_yarn(f, {8, 4096, 10000, 5, 5, truncate});
    for (std::size_t i = 0; i < f.size(); ++i) EXPECT_TRUE(f[i] <= plain[i] * 1.0001 && f[i] >= plain[i] / 8.001);
    EXPECT_NEAR(f.front(), plain.front(), 1e-15);
    EXPECT_NEAR(f.back(), plain.back() / 8, 1e-15);
  }
}

TEST(RopeAngles, carry_the_magnitude_and_stay_exact_at_far_positions) {
  const auto f = rope_frequencies(64, 500000);
  std::vector<float> cos(32);
  std::vector<float> sin(32);
  rope_angles(f, 0, 1.25, cos, sin);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(cos[i], 1.25F);
    EXPECT_EQ(sin[i], 0.0F);
  }
  rope_angles(f, 131071, 1, cos, sin);
  EXPECT_EQ(cos[0], static_cast<float>(std::cos(131071.0)));
  for (std::size_t i = 0; i < 32; ++i) EXPECT_NEAR(std::hypot(cos[i], sin[i]), 1, 2e-7);
}

std::vector<float> normals(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(n);
  for (auto& value : values) value = static_cast<float>(random.normal());
  return values;
}

TEST(Rope, turns_pairs_the_same_on_every_isa_and_leaves_the_rest) {
  for (const std::size_t pairs : {1U, 2U, 3U, 4U, 7U, 8U, 9U, 16U, 20U, 32U, 33U, 64U}) {
    SCOPED_TRACE(pairs);
    const std::size_t head_dim = 2 * pairs + 6;  // partial rotation: six elements stay
    const auto x = normals(head_dim, pairs);
    std::vector<float> cos(pairs);
    std::vector<float> sin(pairs);
    rope_angles(rope_frequencies(static_cast<std::uint32_t>(2 * pairs), 10000), 37, 1, cos, sin);
    for (const Isa isa : isas_here()) {
      std::vector<float> buffer(head_dim + 2, -9.0F);
      const auto head = std::span(buffer).subspan(1, head_dim);
      const auto expect_turned = [&](std::size_t a, std::size_t b, std::size_t i) {
        EXPECT_EQ(head[a], x[a] * cos[i] - x[b] * sin[i]);
        EXPECT_EQ(head[b], x[a] * sin[i] + x[b] * cos[i]);
      };
      std::copy(x.begin(), x.end(), head.begin());
      rope_adjacent(isa, head, cos, sin);
      for (std::size_t i = 0; i < pairs; ++i) expect_turned(2 * i, 2 * i + 1, i);
      std::copy(x.begin(), x.end(), head.begin());
      rope_halves(isa, head, cos, sin);
      for (std::size_t i = 0; i < pairs; ++i) expect_turned(i, i + pairs, i);
      for (std::size_t i = 2 * pairs; i < head_dim; ++i) EXPECT_EQ(head[i], x[i]);
      EXPECT_EQ(buffer.front(), -9.0F);
      EXPECT_EQ(buffer.back(), -9.0F);
    }
  }
}

TEST(Rope, keeps_the_product_of_two_heads_a_function_of_their_distance) {
  const auto f = rope_frequencies(64, 10000);
  const auto product = [&](std::uint64_t p, std::uint64_t q) {
    auto a = normals(64, 1);
    auto b = normals(64, 2);
    std::vector<float> cos(32);
    std::vector<float> sin(32);
    rope_angles(f, p, 1, cos, sin);
    rope_halves(best_isa(), a, cos, sin);
    rope_angles(f, q, 1, cos, sin);
    rope_halves(best_isa(), b, cos, sin);
    double sum = 0;
    for (std::size_t i = 0; i < 64; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  };
  EXPECT_NEAR(product(5, 17), product(4005, 4017), 1e-4);
  EXPECT_GT(std::abs(product(5, 17) - product(5, 18)), 1e-2);
}

}  // namespace
}  // namespace assay::kernel
