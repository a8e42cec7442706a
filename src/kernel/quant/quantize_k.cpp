#include "kernel/quant/quantize_k.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "kernel/quant/fit.h"
#include "kernel/quant/lanes.h"

namespace assay::kernel {
namespace {

constexpr std::size_t elements = 256;
constexpr int rounds = 2;  // of fitting the block's factors and choosing the scales anew; a third gains under 0.1 %

float inverse_or_zero(float d) { return d != 0 ? 1.0F / d : 0.0F; }

// As the file will hold it; beyond the largest half, that one.
float as_half(float value) { return half_to_float(float_to_half(std::clamp(value, -65504.0F, 65504.0F))); }

int round_within(float value, int lowest, int highest) { return nearest_level(value, lowest, highest); }

// Sum over a sub-block.
template <class Term>
float sum_over(std::span<const float> x, const Term& term) {
  Lanes sum{};
  for (std::size_t i = 0; i < x.size(); i += lanes) sum += term(load_lanes(x.data() + i));
  return sum_of(sum);
}

// --- x ~ d * scale * q - dmin * min: q2_k, q4_k, q5_k.

template <std::size_t subs, int levels_max, int scale_max>
struct LineBlock {
  static constexpr std::size_t size = elements / subs;
  float d = 0, dmin = 0;
  std::array<int, subs> scale{}, min{};

  explicit LineBlock(const float* x) {
    std::array<Line, subs> lines;
    float most_step = 0;
    float most_least = 0;
    for (std::size_t s = 0; s < subs; ++s) {
      lines[s] = fit_line({x + s * size, size}, levels_max);
      most_step = std::max(most_step, lines[s].step);
      most_least = std::max(most_least, lines[s].least);
    }
    d = as_half(most_step / scale_max);
    dmin = as_half(most_least / scale_max);
    for (std::size_t s = 0; s < subs; ++s) {
      scale[s] = round_within(lines[s].step * inverse_or_zero(d), 0, scale_max);
      min[s] = round_within(lines[s].least * inverse_or_zero(dmin), 0, scale_max);
    }
    float error = choose_scales(x);
    for (int round = 0; round < rounds; ++round) {
      LineBlock other = *this;
      other.fit_factors(x);
      const float other_error = other.choose_scales(x);
      if (!(other_error < error)) break;
      *this = other;
      error = other_error;
    }
  }

  float step(std::size_t s) const { return d * static_cast<float>(scale[s]); }
  float least(std::size_t s) const { return dmin * static_cast<float>(min[s]); }
  std::uint8_t code(const float* x, std::size_t i) const {
    const std::size_t s = i / size;
    return static_cast<std::uint8_t>(nearest_level((x[i] + least(s)) * inverse_or_zero(step(s)), 0, levels_max));
  }

 private:
  static float error_of(std::span<const float> x, float step, float least) {
    const float inverse = inverse_or_zero(step);
    return sum_over(x, [&](const Lanes& value) {
      const Lanes off = value + least - step * nearest_levels((value + least) * inverse, 0, levels_max);
      return off * off;
    });
  }

  // Each sub-block's scale and min become the best of themselves and their neighbours; the squared error of all.
  float choose_scales(const float* x) {
    float sum = 0;
    for (std::size_t s = 0; s < subs; ++s) {
      const std::span sub(x + s * size, size);
      float best = std::numeric_limits<float>::infinity();
      int best_scale = scale[s];
      int best_min = min[s];
      for (int a = std::max(scale[s] - 1, 0); a <= std::min(scale[s] + 1, scale_max); ++a) {
        for (int b = std::max(min[s] - 1, 0); b <= std::min(min[s] + 1, scale_max); ++b) {
          const float error = error_of(sub, d * static_cast<float>(a), dmin * static_cast<float>(b));
          if (error < best) {
            best = error;
            best_scale = a;
            best_min = b;
          }
        }
      }
      scale[s] = best_scale;
      min[s] = best_min;
      sum += best;
    }
    return sum;
  }

  // d and dmin by least squares for the present scales and levels.
  void fit_factors(const float* x) {
    double uu = 0, uv = 0, vv = 0, ux = 0, vx = 0;  // u = scale * q, v = -min
    for (std::size_t s = 0; s < subs; ++s) {
      const float inverse = inverse_or_zero(step(s));
      const float below = least(s);
      const double v = -min[s];
      for (std::size_t i = 0; i < size; ++i) {
        const double value = x[s * size + i];
        const double u = scale[s] * nearest_level((x[s * size + i] + below) * inverse, 0, levels_max);
        uu += u * u;
        uv += u * v;
        vv += v * v;
        ux += u * value;
        vx += v * value;
      }
    }
    const double determinant = uu * vv - uv * uv;
    if (determinant > 1e-9 * uu * vv) {
      d = as_half(static_cast<float>((ux * vv - vx * uv) / determinant));
      dmin = as_half(static_cast<float>((vx * uu - ux * uv) / determinant));
    } else if (uu > 0) {
      d = as_half(static_cast<float>(ux / uu));
    }
  }
};

// --- x ~ d * scale * level: q3_k, q6_k, iq4_xs.

template <int lowest, int highest>
struct IntegerLevels {
  static float fit(std::span<const float> x) { return fit_step(x, lowest, highest); }
  static Lanes levels(const Lanes& scaled) { return nearest_levels(scaled, lowest, highest); }
  static int level(float scaled) { return nearest_level(scaled, lowest, highest); }
  static std::uint8_t code(float scaled) {
    return static_cast<std::uint8_t>(nearest_level(scaled, lowest, highest) - lowest);
  }
};

struct CodeLevels {
  static float fit(std::span<const float> x) { return fit_codebook(x); }
  static Lanes levels(const Lanes& scaled) { return nearest_codes(scaled); }
  static int level(float scaled) { return codebook_iq4[static_cast<std::size_t>(nearest_code(scaled))]; }
  static std::uint8_t code(float scaled) { return static_cast<std::uint8_t>(nearest_code(scaled)); }
};

// Scales are -scale_reach .. scale_reach - 1.
template <class Levels, std::size_t subs, int scale_reach>
struct StepBlock {
  static constexpr std::size_t size = elements / subs;
  float d = 0;
  std::array<int, subs> scale{};

  explicit StepBlock(const float* x) {
    std::array<float, subs> steps{};
    float most = 0;
    for (std::size_t s = 0; s < subs; ++s) {
      steps[s] = Levels::fit({x + s * size, size});
      if (std::abs(steps[s]) > std::abs(most)) most = steps[s];
    }
    d = as_half(most / -scale_reach);
    for (std::size_t s = 0; s < subs; ++s) {
      scale[s] = round_within(steps[s] * inverse_or_zero(d), -scale_reach, scale_reach - 1);
    }
    float error = choose_scales(x);
    for (int round = 0; round < rounds; ++round) {
      StepBlock other = *this;
      other.fit_factor(x);
      const float other_error = other.choose_scales(x);
      if (!(other_error < error)) break;
      *this = other;
      error = other_error;
    }
  }

  float step(std::size_t s) const { return d * static_cast<float>(scale[s]); }
  std::uint8_t code(const float* x, std::size_t i) const {
    return Levels::code(x[i] * inverse_or_zero(step(i / size)));
  }

 private:
  float choose_scales(const float* x) {
    float sum = 0;
    for (std::size_t s = 0; s < subs; ++s) {
      float best = std::numeric_limits<float>::infinity();
      int best_scale = scale[s];
      for (int a = std::max(scale[s] - 1, -scale_reach); a <= std::min(scale[s] + 1, scale_reach - 1); ++a) {
        const float present = d * static_cast<float>(a);
        const float inverse = inverse_or_zero(present);
        const float error = sum_over(std::span(x + s * size, size), [&](const Lanes& value) {
          const Lanes off = value - present * Levels::levels(value * inverse);
          return off * off;
        });
        if (error < best) {
          best = error;
          best_scale = a;
        }
      }
      scale[s] = best_scale;
      sum += best;
    }
    return sum;
  }

  void fit_factor(const float* x) {
    double uu = 0, ux = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      const std::size_t s = i / size;
      const double u = scale[s] * Levels::level(x[i] * inverse_or_zero(step(s)));
      uu += u * u;
      ux += u * static_cast<double>(x[i]);
    }
    if (uu > 0) d = as_half(static_cast<float>(ux / uu));
  }
};

std::uint8_t byte(unsigned value) { return static_cast<std::uint8_t>(value); }
void or_into(std::uint8_t& to, unsigned bits) { to = static_cast<std::uint8_t>(to | bits); }

// The packing that scale_min_q4_k reads.
template <class Fitted>
void put_scales_q4_k(const Fitted& fitted, std::array<std::uint8_t, 12>& s) {
  s.fill(0);
  for (std::size_t i = 0; i < 8; ++i) {
    const auto scale = static_cast<unsigned>(fitted.scale[i]);
    const auto min = static_cast<unsigned>(fitted.min[i]);
    if (i < 4) {
      or_into(s[i], scale);
      or_into(s[i + 4], min);
    } else {
      or_into(s[i + 4], (scale & 15U) | ((min & 15U) << 4));
      or_into(s[i - 4], (scale >> 4) << 6);
      or_into(s[i], (min >> 4) << 6);
    }
  }
}

}  // namespace

void encode(const float* x, BlockQ2_K& b) {
  const LineBlock<16, 3, 15> fitted(x);
  b = {};
  b.d = to_half(fitted.d);
  b.dmin = to_half(fitted.dmin);
  for (std::size_t s = 0; s < 16; ++s) b.scales[s] = byte(static_cast<unsigned>(fitted.scale[s] | fitted.min[s] << 4));
  for (std::size_t i = 0; i < elements; ++i) {
    or_into(b.q[i / 128 * 32 + i % 32], static_cast<unsigned>(fitted.code(x, i)) << (2 * (i / 32 % 4)));
  }
}

void encode(const float* x, BlockQ3_K& b) {
  const StepBlock<IntegerLevels<-4, 3>, 16, 32> fitted(x);
  b = {};
  b.d = to_half(fitted.d);
  for (std::size_t s = 0; s < 16; ++s) {
    const auto scale = static_cast<unsigned>(fitted.scale[s] + 32);
    or_into(b.scales[s % 8], (scale & 15U) << (s < 8 ? 0 : 4));
    or_into(b.scales[8 + s % 4], (scale >> 4) << (2 * (s / 4)));
  }
  for (std::size_t i = 0; i < elements; ++i) {
    const unsigned q = fitted.code(x, i);
    or_into(b.q[i / 128 * 32 + i % 32], (q & 3U) << (2 * (i / 32 % 4)));
    or_into(b.high[i % 32], (q >> 2) << (i / 32));
  }
}

void encode(const float* x, BlockQ4_K& b) {
  const LineBlock<8, 15, 63> fitted(x);
  b = {};
  b.d = to_half(fitted.d);
  b.dmin = to_half(fitted.dmin);
  put_scales_q4_k(fitted, b.scales);
  for (std::size_t i = 0; i < elements; ++i) {
    or_into(b.q[i / 64 * 32 + i % 32], static_cast<unsigned>(fitted.code(x, i)) << (4 * (i / 32 % 2)));
  }
}

void encode(const float* x, BlockQ5_K& b) {
  const LineBlock<8, 31, 63> fitted(x);
  b = {};
  b.d = to_half(fitted.d);
  b.dmin = to_half(fitted.dmin);
  put_scales_q4_k(fitted, b.scales);
  for (std::size_t i = 0; i < elements; ++i) {
    const unsigned q = fitted.code(x, i);
    or_into(b.q[i / 64 * 32 + i % 32], (q & 15U) << (4 * (i / 32 % 2)));
    or_into(b.high[i % 32], (q >> 4) << (i / 32));
  }
}

void encode(const float* x, BlockQ6_K& b) {
  const StepBlock<IntegerLevels<-32, 31>, 16, 128> fitted(x);
  b = {};
  b.d = to_half(fitted.d);
  for (std::size_t s = 0; s < 16; ++s) b.scales[s] = static_cast<std::int8_t>(fitted.scale[s]);
  for (std::size_t i = 0; i < elements; ++i) {
    const unsigned q = fitted.code(x, i);
    const std::size_t a = i / 128;
    const std::size_t part = i / 32 % 4;
    or_into(b.low[64 * a + 32 * (part % 2) + i % 32], (q & 15U) << (4 * (part / 2)));
    or_into(b.high[32 * a + i % 32], (q >> 4) << (2 * part));
  }
}

void encode(const float* x, BlockIQ4_XS& b) {
  const StepBlock<CodeLevels, 8, 32> fitted(x);
  b = {};
  b.d = to_half(fitted.d);
  for (std::size_t s = 0; s < 8; ++s) {
    const auto scale = static_cast<unsigned>(fitted.scale[s] + 32);
    or_into(b.scales_low[s / 2], (scale & 15U) << (4 * (s % 2)));
    or_into(b.scales_high[s / 4], (scale >> 4) << (2 * (s % 4)));
  }
  for (std::size_t i = 0; i < elements; ++i) {
    or_into(b.q[i / 32 * 16 + i % 16], static_cast<unsigned>(fitted.code(x, i)) << (4 * (i / 16 % 2)));
  }
}

}  // namespace assay::kernel
