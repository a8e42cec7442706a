#include "kernel/vector/vector.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "kernel/isas.h"
#include "kernel/vector/exp.h"

namespace assay::kernel {
namespace {

constexpr float sentinel = -123.25F;

const std::vector<std::size_t> lengths{1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 24, 31, 33, 64, 100, 896, 1023, 1024, 4096};

std::vector<float> normals(std::size_t n, std::uint64_t seed, double deviation = 1) {
  Random random(seed);
  std::vector<float> values(n);
  for (auto& value : values) value = static_cast<float>(random.normal() * deviation);
  return values;
}

// Runs `body(isa, out)` with out (n) at an odd offset between sentinels, for every Isa; all must give the same bits.
std::vector<float> same_on_every_isa(std::size_t n, const std::function<void(Isa, std::span<float>)>& body,
                                     const std::vector<float>& start = {}) {
  std::vector<float> first;
  for (const Isa isa : isas_here()) {
    SCOPED_TRACE(std::string(name(isa)) + ", length " + std::to_string(n));
    std::vector<float> buffer(n + 18, sentinel);
    const auto out = std::span(buffer).subspan(9, n);
    std::copy(start.begin(), start.end(), out.begin());
    body(isa, out);
    for (std::size_t i = 0; i < 9; ++i) {
      EXPECT_EQ(buffer[i], sentinel);
      EXPECT_EQ(buffer[n + 9 + i], sentinel);
    }
    const std::vector<float> result(out.begin(), out.end());
    if (first.empty()) first = result;
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(result[i]), std::bit_cast<std::uint32_t>(first[i])) << i;
    }
  }
  return first;
}

TEST(Exp, is_within_one_ulp_over_its_whole_range) {
  double worst = 0;
  for (int i = -124700; i < 126100; ++i) {
    const float x = 0.0007F * static_cast<float>(i);
    worst = std::max(worst, std::abs(static_cast<double>(exp_clamped(x)) / std::exp(static_cast<double>(x)) - 1));
  }
  EXPECT_LE(worst, 0x1.0p-23);
  EXPECT_EQ(exp_clamped(0.0F), 1.0F);
  EXPECT_EQ(exp_clamped(-1000.0F), exp_clamped(-87.336544F));
  EXPECT_TRUE(std::isfinite(exp_clamped(std::numeric_limits<float>::infinity())));
  EXPECT_TRUE(std::isnan(exp_clamped(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_EQ(exp_or_zero(-std::numeric_limits<float>::infinity()), 0.0F);
  EXPECT_TRUE(std::isnan(exp_or_zero(std::numeric_limits<float>::quiet_NaN())));
}

TEST(RmsNorm, agrees_with_double_and_between_isas) {
  for (const std::size_t n : lengths) {
    const auto x = normals(n, n);
    const auto weight = normals(n, n + 1);
    const auto out = same_on_every_isa(n, [&](Isa isa, std::span<float> y) { rms_norm(isa, x, weight, 1e-6, y); });
    std::vector<double> expected(n);
    reference::rms_norm(x, weight, 1e-6, expected);
    const double relative = (static_cast<double>(n) / 32 + 8) * 0x1.0p-23;
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], expected[i], relative * std::abs(expected[i])) << i;
  }
}

TEST(RmsNorm, works_in_place_and_of_zeros_gives_zeros) {
  const auto x = normals(77, 5);
  const std::vector<float> weight(77, 2.0F);
  for (const Isa isa : isas_here()) {
    auto in_place = x;
    std::vector<float> apart(77);
    rms_norm(isa, in_place, weight, 1e-5, in_place);
    rms_norm(isa, x, weight, 1e-5, apart);
    EXPECT_EQ(in_place, apart);
    std::vector<float> zeros(77);
    rms_norm(isa, zeros, weight, 1e-5, zeros);
    EXPECT_EQ(zeros, std::vector<float>(77));
  }
}

TEST(SiluMul, agrees_with_double_and_between_isas) {
  for (const std::size_t n : lengths) {
    const auto gate = normals(n, n, 8);
    const auto up = normals(n, n + 1);
    const auto out = same_on_every_isa(n, [&](Isa isa, std::span<float> y) { silu_mul(isa, gate, up, y); });
    std::vector<double> expected(n);
    reference::silu_mul(gate, up, expected);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], expected[i], 6 * 0x1.0p-24 * std::abs(expected[i])) << i;
  }
}

TEST(SiluMul, far_values_stay_finite_and_nan_stays_nan) {
  std::vector<float> gate{-1e30F, -500, -89, 0, 89, 1e30F, std::numeric_limits<float>::quiet_NaN(), -100, 100};
  const std::vector<float> up(gate.size(), 1.0F);
  for (const Isa isa : isas_here()) {
    std::vector<float> out(gate.size());
    silu_mul(isa, gate, up, out);
    EXPECT_NEAR(out[1], 0, 1e-30);
    EXPECT_NEAR(out[2], 0, 1e-30);
    EXPECT_EQ(out[3], 0);
    EXPECT_EQ(out[4], 89);
    EXPECT_EQ(out[5], 1e30F);
    EXPECT_TRUE(std::isnan(out[6]));
  }
}

TEST(GeluMul, agrees_with_double_and_between_isas) {
  for (const std::size_t n : lengths) {
    const auto gate = normals(n, n, 3);
    const auto up = normals(n, n + 1);
    const auto out = same_on_every_isa(n, [&](Isa isa, std::span<float> y) { gelu_mul(isa, gate, up, y); });
    std::vector<double> expected(n);
    reference::gelu_mul(gate, up, expected);
    for (std::size_t i = 0; i < n; ++i) {
      const double g = gate[i];
      const double z = std::abs(1.5957691216057308 * (g + 0.044715 * g * g * g));
      EXPECT_NEAR(out[i], expected[i], (6 + 4 * z) * 0x1.0p-24 * std::abs(expected[i]) + 0x1.0p-100) << g;
    }
  }
}

TEST(GeluMul, far_values_stay_finite_and_nan_stays_nan) {
  const std::vector<float> gate{-1e10F, -50, 0, 50, 1e10F, std::numeric_limits<float>::quiet_NaN(), -9, 9};
  const std::vector<float> up(gate.size(), 1.0F);
  for (const Isa isa : isas_here()) {
    std::vector<float> out(gate.size());
    gelu_mul(isa, gate, up, out);
    EXPECT_NEAR(out[0], 0, 1e-27);
    EXPECT_NEAR(out[1], 0, 1e-30);
    EXPECT_EQ(out[2], 0);
    EXPECT_EQ(out[3], 50);
    EXPECT_EQ(out[4], 1e10F);
    EXPECT_TRUE(std::isnan(out[5]));
  }
}

TEST(Add, is_exact_float_addition) {
  for (const std::size_t n : lengths) {
    const auto x = normals(n, n);
    const auto y = normals(n, n + 1);
    const auto out = same_on_every_isa(n, [&](Isa isa, std::span<float> z) { add(isa, x, z); }, y);
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], y[i] + x[i]);
  }
}

TEST(Softmax, agrees_with_double_and_between_isas) {
  for (const std::size_t n : lengths) {
    const auto x = normals(n, n, 5);
    const auto out = same_on_every_isa(n, [&](Isa isa, std::span<float> y) { softmax(isa, y); }, x);
    std::vector<double> expected(n);
    reference::softmax(x, expected);
    // x - max rounds by at most 2^-24 |x - max|, exp by 2^-23, the sum by n / 16 + 4 additions.
    for (std::size_t i = 0; i < n; ++i) {
      const double relative = 0x1.0p-23 * (40 + static_cast<double>(n) / 16);
      EXPECT_NEAR(out[i], expected[i], relative * expected[i] + 1e-37) << i;
    }
    EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0), 1.0, 1e-5);
  }
}

TEST(Softmax, of_one_finite_among_infinities_is_certain) {
  for (const Isa isa : isas_here()) {
    std::vector<float> x(21, -std::numeric_limits<float>::infinity());
    x[17] = -3;
    softmax(isa, x);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], i == 17 ? 1.0F : 0.0F);
  }
}

TEST(Argmax, is_the_first_of_the_greatest_and_passes_over_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(argmax(std::vector<float>{3, 5, 5, 1}), 1U);
  EXPECT_EQ(argmax(std::vector<float>{nan, -7, nan, -6}), 3U);
  EXPECT_EQ(argmax(std::vector<float>{nan, nan}), 0U);
  EXPECT_EQ(argmax(std::vector<float>{-std::numeric_limits<float>::infinity()}), 0U);
}

}  // namespace
}  // namespace assay::kernel
