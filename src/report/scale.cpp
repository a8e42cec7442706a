#include "report/scale.h"

#include <algorithm>
#include <cmath>

#include "report/format.h"

namespace assay::measure::report {
namespace {

// Beyond these a step between ticks, or a factor between values, is no ordinary number any more.
constexpr double value_min = 1e-300;
constexpr double value_max = 1e300;

bool has_place(double value) { return std::isfinite(value) && std::abs(value) < value_max; }

// The smallest of 1, 2, 5 times a power of ten that is not below `value`; the largest not above it.
double nice_above(double value) {
  const double unit = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 5.0, 10.0}) {
    if (step * unit >= value * (1 - 1e-9)) return step * unit;
  }
  return 10 * unit;
}

double nice_below(double value) {
  const double unit = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : {5.0, 2.0, 1.0}) {
    if (step * unit <= value * (1 + 1e-9)) return step * unit;
  }
  return unit;
}

std::string tick_label(double value, double step) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1e7 || size < 1e-4) return number(value);
  const int places = step >= 1 ? 0 : std::min(6, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return fixed(value, places);
}

Scale linear(double low, double high, const ScaleWish& wish) {
  if (wish.start == ScaleWish::Start::zero && low > 0) low = 0;
  if (wish.start == ScaleWish::Start::zero && high < 0) high = 0;
  if (high - low <= std::abs(high) * 1e-9) {  // one value: room around it
    const double room = high == 0 ? 1 : std::abs(high) * 0.1;
    if (low != 0 || wish.start == ScaleWish::Start::data) low -= room;
    high += room;
  }
  const double step = nice_above((high - low) / wish.ticks);
  Scale scale;
  scale.low = std::floor(low / step + 1e-9) * step;
  scale.high = std::ceil(high / step - 1e-9) * step;
  const auto count = static_cast<int>(std::lround((scale.high - scale.low) / step));
  for (int i = 0; i <= count && i < 50; ++i) {
    const double value = scale.low + i * step;
    scale.ticks.push_back({value, tick_label(std::abs(value) < step * 1e-6 ? 0 : value, step)});
  }
  return scale;
}

Scale logarithmic(double low, double high, const ScaleWish& wish) {
  Scale scale;
  scale.logarithmic = true;
  scale.low = nice_below(low * 0.95);
  scale.high = nice_above(high * 1.05);
  const double decades = std::log10(scale.high / scale.low);
  const bool fine = decades <= 0.6 * wish.ticks;  // then 2 and 5 get numbers as well
  const int every = std::max(1, static_cast<int>(std::ceil(decades / (1.4 * wish.ticks))));
  const auto first = static_cast<int>(std::floor(std::log10(scale.low) + 1e-9));
  const auto last = static_cast<int>(std::ceil(std::log10(scale.high) - 1e-9));
  for (int decade = first; decade <= last; ++decade) {
    for (const int digit : {1, 2, 5}) {
      const double value = digit * std::pow(10.0, decade);
      if (value < scale.low * (1 - 1e-9) || value > scale.high * (1 + 1e-9)) continue;
      const bool labelled = digit == 1 ? (decade - first) % every == 0 : fine;
      if (labelled || decades < 6) scale.ticks.push_back({value, labelled ? tick_label(value, value) : std::string()});
    }
  }
  return scale;
}

}  // namespace

double Scale::at(double value) const {
  const double position =
      logarithmic ? std::log(std::max(value, low) / low) / std::log(high / low) : (value - low) / (high - low);
  return std::clamp(position, 0.0, 1.0);
}

Scale scale_of(std::span<const double> values, const ScaleWish& wish) {
  std::vector<double> finite;
  for (const double value : values) {
    if (has_place(value)) finite.push_back(std::abs(value) < value_min ? 0 : value);
  }
  std::vector<double> positive;
  std::ranges::copy_if(finite, std::back_inserter(positive), [](double v) { return v > 0; });
  if (wish.kind != ScaleWish::Kind::linear && !positive.empty()) {
    const auto [low, high] = std::ranges::minmax(positive);
    const bool spread = positive.size() == finite.size() && high > log_beyond * low;
    if (wish.kind == ScaleWish::Kind::logarithmic || spread) return logarithmic(low, high, wish);
  }
  if (finite.empty()) return linear(0, 1, wish);
  const auto [low, high] = std::ranges::minmax(finite);
  return linear(low, high, wish);
}

Scale category_scale(std::span<const double> values) {
  std::vector<double> sorted;
  std::ranges::copy_if(values, std::back_inserter(sorted), [](double v) { return has_place(v) && v > value_min; });
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::unique(sorted);
  sorted.erase(repeated.begin(), repeated.end());
  Scale scale;
  scale.logarithmic = true;
  scale.low = sorted.empty() ? 1 : sorted.front();
  scale.high = sorted.empty() ? 2 : sorted.back();
  if (scale.high <= scale.low) {
    scale.low /= 2;
    scale.high *= 2;
  }
  double shown_at = -1;
  for (const double value : sorted) {
    const double at = scale.at(value);
    const bool shown = shown_at < 0 || at - shown_at > 0.13;
    if (shown) shown_at = at;
    const bool whole_k = value >= 1024 && std::fmod(value, 1024) == 0;
    scale.ticks.push_back({value, !shown ? std::string() : whole_k ? fixed(value / 1024, 0) + "k" : fixed(value, 0)});
  }
  return scale;
}

}  // namespace assay::measure::report
