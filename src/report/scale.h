// Axes: which range, which ticks, and when a logarithm is needed.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace assay::measure::report {

// Values that differ by more than this go on a logarithmic axis: on a linear one the small would be a dot at zero.
inline constexpr double log_beyond = 20;

struct Tick {
  double value = 0;
  std::string label{};  // empty: a mark without a number
};

// Maps values to 0..1. `ticks` lie within [low, high].
struct Scale {
  bool logarithmic = false;
  double low = 0;
  double high = 1;
  std::vector<Tick> ticks{};

  double at(double value) const;  // outside the range: clamped to it
};

struct ScaleWish {
  enum class Start : unsigned char { zero, data } start = Start::zero;  // of a linear axis
  enum class Kind : unsigned char { by_spread, linear, logarithmic } kind = Kind::by_spread;
  int ticks = 5;  // about so many
};

// Of the finite values; values <= 0 are left out of a logarithmic axis. Without any value: 0..1.
Scale scale_of(std::span<const double> values, const ScaleWish& wish);

// Ticks at these values, for lengths and counts that rise by factors: 512, 2048, 8192. Thinned where they would touch.
Scale category_scale(std::span<const double> values);

}  // namespace assay::measure::report
