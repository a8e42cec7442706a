#include "kernel/quant/fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "kernel/quant/blocks.h"
#include "kernel/quant/lanes.h"

namespace assay::kernel {

int nearest_level(float scaled, int lowest, int highest) {
  const auto low = static_cast<float>(lowest);
  const auto high = static_cast<float>(highest);
  const float inside = scaled > low ? (scaled < high ? scaled : high) : low;
  constexpr float shift = 0x1.8p+23F;  // adding and subtracting it rounds to an integer
  return static_cast<int>((inside + shift) - shift);
}

namespace {

constexpr std::array<float, 15> code_borders = [] {
  std::array<float, 15> borders{};
  for (std::size_t i = 0; i < borders.size(); ++i) {
    borders[i] = static_cast<float>(codebook_iq4[i] + codebook_iq4[i + 1]) / 2;
  }
  return borders;
}();

// No half holds a step for values as small as this, and the inverse of one may overflow.
constexpr float tiny = 1e-20F;

// Sums that a least-squares fit of x by levels q needs.
struct Moments {
  float q = 0, qq = 0, x = 0, xq = 0;
};

// How much the squared error falls below sum x^2 with x ~ step * q + offset.
double gain(const Moments& m, std::size_t n, double step, double offset) {
  return 2 * step * m.xq + 2 * offset * m.x - step * step * m.qq - 2 * step * offset * m.q -
         offset * offset * static_cast<double>(n);
}

// Levels of x on the line, and their moments.
Moments moments_on(std::span<const float> x, float inverse, float least, float highest) {
  Lanes q_sum{};
  Lanes qq_sum{};
  Lanes x_sum{};
  Lanes xq_sum{};
  for (std::size_t i = 0; i < x.size(); i += lanes) {
    const Lanes value = load_lanes(x.data() + i);
    const Lanes q = nearest_levels((value + least) * inverse, 0, highest);
    q_sum += q;
    qq_sum += q * q;
    x_sum += value;
    xq_sum += value * q;
  }
  return {sum_of(q_sum), sum_of(qq_sum), sum_of(x_sum), sum_of(xq_sum)};
}

struct Fit {
  double step = 0, offset = 0, gain = 0;
};

// The best line through levels with these moments, its offset at most 0.
Fit best_line(const Moments& m, std::size_t n) {
  const double spread = static_cast<double>(n) * m.qq - static_cast<double>(m.q) * m.q;
  Fit fit;
  if (spread > 0) {
    fit.step = (static_cast<double>(n) * m.xq - static_cast<double>(m.q) * m.x) / spread;
    fit.offset = (m.x - fit.step * m.q) / static_cast<double>(n);
  }
  if (spread <= 0 || fit.offset > 0) {
    fit.offset = 0;
    fit.step = m.qq > 0 ? static_cast<double>(m.xq) / m.qq : 0;
  }
  fit.gain = gain(m, n, fit.step, fit.offset);
  return fit;
}

}  // namespace

int nearest_code(float scaled) {  // four halvings, without branches
  std::size_t index = scaled > code_borders[7] ? 8 : 0;
  index += scaled > code_borders[index + 3] ? 4 : 0;
  index += scaled > code_borders[index + 1] ? 2 : 0;
  index += scaled > code_borders[index] ? 1 : 0;
  return static_cast<int>(index);
}

float code_level(float scaled) { return codebook_iq4[static_cast<std::size_t>(nearest_code(scaled))]; }

Line fit_line(std::span<const float> x, int levels_max) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const float bottom = std::min(*low, 0.0F);
  const float range = *high - bottom;
  if (!(range > tiny)) return {0, -bottom};  // all equal and at most 0
  const auto top = static_cast<float>(levels_max);
  Fit best{range / top, bottom, -1};
  // The outermost values need not sit on the outermost levels: clipping a little makes the steps finer.
  for (int i = -8; i <= 9; ++i) {
    const float inverse = (top + 0.1F * static_cast<float>(i)) / range;
    const Fit fit = best_line(moments_on(x, inverse, -bottom, top), x.size());
    if (fit.gain > best.gain && fit.step > 0) best = fit;
  }
  for (int round = 0; round < 2; ++round) {  // levels for the line, a line for the levels
    const Fit fit =
        best_line(moments_on(x, static_cast<float>(1 / best.step), static_cast<float>(-best.offset), top), x.size());
    if (!(fit.gain > best.gain) || !(fit.step > 0)) break;
    best = fit;
  }
  return {static_cast<float>(best.step), static_cast<float>(-best.offset)};
}

namespace {

// The step for which most of sum x^2 is explained, over levels that `level` gives for x / step, tried for each of the
// inverses that `starts` makes of the element of greatest magnitude, and once more from the best.
template <class Level, class Start>
float best_step(std::span<const float> x, const Level& level, int starts, const Start& start) {
  float greatest = 0;
  for (const float value : x) greatest = std::abs(value) > std::abs(greatest) ? value : greatest;
  if (!(std::abs(greatest) > tiny)) return 0;
  float step = 0;
  float explained = -1;
  const auto attempt = [&](float inverse) {
    Lanes xq_sum{};
    Lanes qq_sum{};
    for (std::size_t i = 0; i < x.size(); i += lanes) {
      const Lanes value = load_lanes(x.data() + i);
      const Lanes q = level(value * inverse);
      xq_sum += value * q;
      qq_sum += q * q;
    }
    const float xq = sum_of(xq_sum);
    const float qq = sum_of(qq_sum);
    if (qq > 0 && xq * xq > explained * qq) {
      explained = xq * xq / qq;
      step = xq / qq;
    }
  };
  for (int i = 0; i < starts; ++i) attempt(start(i) / greatest);
  if (step != 0) attempt(1 / step);
  return step;
}

}  // namespace

// Levels are not symmetric, so both signs of step are tried: the greatest element on the lowest level or on the highest,
// or a little beyond either.
float fit_step(std::span<const float> x, int lowest, int highest) {
  const auto low = static_cast<float>(lowest);
  const auto high = static_cast<float>(highest);
  const auto level = [=](Lanes scaled) { return nearest_levels(scaled, low, high); };
  return best_step(x, level, 38, [=](int i) {
    const int nth = i / 2 - 9;
    return (i % 2 == 0 ? low : high) + 0.1F * static_cast<float>(nth);
  });
}

float fit_codebook(std::span<const float> x) {
  return best_step(x, nearest_codes, 38, [](int i) {
    const int nth = i / 2 - 9;
    return static_cast<float>((i % 2 == 0 ? codebook_iq4.front() : codebook_iq4.back()) + nth);
  });
}

}  // namespace assay::kernel
