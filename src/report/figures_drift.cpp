
// Speed over a long session, and the machine beside it.
#include <algorithm>
#include <cmath>
#include <functional>

#include "report/figures_parts.h"
#include "report/format.h"

namespace assay::measure::report {
namespace {

using Reading = std::function<double(const DriftPoint&, const Drift&)>;

// Medians of equal pieces of the time, with the smallest and largest of each as its band.
std::vector<CurvePoint> thinned(const Drift& drift, const Reading& reading) {
  const std::vector<DriftPoint>& points = drift.points;
  double first = no_value;
  double last = no_value;
  for (const DriftPoint& point : points) {
    if (!std::isfinite(point.at_s) || std::abs(point.at_s) > 1e12) continue;
    first = std::isfinite(first) ? std::min(first, point.at_s) : point.at_s;
    last = std::isfinite(last) ? std::max(last, point.at_s) : point.at_s;
  }
  if (!std::isfinite(first)) return {};
  const std::size_t buckets =
      std::clamp<std::size_t>(points.size() / 3, std::min<std::size_t>(points.size(), 40), drift_buckets_max);
  std::vector<std::vector<double>> times(buckets);
  std::vector<std::vector<double>> values(buckets);
  for (const DriftPoint& point : points) {
    const double value = reading(point, drift);
    if (!std::isfinite(point.at_s) || std::abs(point.at_s) > 1e12 || !std::isfinite(value)) continue;
    const double share = last > first ? (point.at_s - first) / (last - first) : 0;
    const std::size_t bucket = std::min(buckets - 1, static_cast<std::size_t>(share * static_cast<double>(buckets)));
    times[bucket].push_back(point.at_s);
    values[bucket].push_back(value);
  }
  std::vector<CurvePoint> out;
  for (std::size_t i = 0; i < buckets; ++i) {
    if (values[i].empty()) continue;
    const auto [low, high] = std::ranges::minmax(values[i]);
    out.push_back({.x = median(times[i]), .y = median(values[i]), .low = low, .high = high});
  }
  return out;
}

std::string caption_of(const Matrix& matrix, const Naming& naming) {
  std::string out;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const auto& drift = matrix.rows[i].drift;
    if (!drift || drift->points.empty()) continue;
    out += naming.labels[i] + ": " + std::to_string(drift->requests) + " requests in " + seconds(drift->seconds);
    if (drift->ratio.n > 0) {
      out += ", last tenth " + multiple(drift->ratio.median) + " the first";
    }
    const Estimate& slope = drift->slope_percent_per_minute;
    if (is_interval(slope) && std::isfinite(slope.median)) {
      out += ", slope " + number(slope.median) + " % a minute " + interval(slope);
    }
    if (!drift->reason.empty()) out += "; " + clean(drift->reason);
    out += ".\n";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

}  // namespace

PictureSection drift_section(const Matrix& matrix, const Naming& naming) {
  double longest = 0;
  double memory = 0;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    if (!matrix.rows[i].drift) continue;
    for (const DriftPoint& point : matrix.rows[i].drift->points) {
      if (std::isfinite(point.at_s)) longest = std::max(longest, point.at_s);
      memory = std::max(memory, static_cast<double>(point.memory_bytes));
    }
  }
  const bool minutes = longest > 180;
  const double unit = bytes_unit(memory);
  const auto panel = [&](std::string axis, std::string of_value, double height, ScaleWish::Start start,
                         const Reading& reading) {
    Panel out{.axis = std::move(axis),
              .unit = std::move(of_value),
              .wish = {.start = start, .ticks = height > 120 ? 5 : 3},
              .height = height};
    for (std::size_t i = 0; i < naming.shown(); ++i) {
      const Row& row = matrix.rows[i];
      if (!row.drift) continue;
      Curve curve{.label = naming.labels[i],
                  .series = naming.series[i],
                  .mark = mark_of(matrix, row),
                  .markers = false,
                  .points = thinned(*row.drift, reading)};
      for (CurvePoint& point : curve.points) point.x /= minutes ? 60 : 1;
      if (!curve.points.empty()) out.curves.push_back(std::move(curve));
    }
    return out;
  };
  // A counter that stayed at zero all the time has nothing to show beside the speed.
  const auto silent = [](const Panel& p) {
    return std::ranges::all_of(p.curves, [](const Curve& curve) {
      return std::ranges::all_of(curve.points, [](const CurvePoint& point) { return point.high == 0; });
    });
  };
  const auto picture_of = [&](Picture picture, std::vector<Panel> panels) {
    std::erase_if(panels, silent);
    CurvePlot plot{.x_axis = minutes ? "minutes" : "seconds",
                   .x_unit = minutes ? "min" : "s",
                   .x = CurvePlot::X::linear,
                   .panels = std::move(panels)};
    return with(std::move(picture), std::move(plot), "smallest and largest of a short piece of time; line: its median");
  };
  constexpr auto zero = ScaleWish::Start::zero;
  constexpr auto data = ScaleWish::Start::data;
  PictureSection out{.id = "drift", .heading = "Over a long session"};
  out.pictures.push_back(picture_of(
      {.id = "drift-speed",
       .title = "Speed over time",
       .hint = "flat is better",
       .caption = caption_of(matrix, naming)},
      {panel("decode, % of the first tenth's speed", "%", 190, data,
             [](const auto& p, const auto& drift) { return p.decode_tok_s / drift.first_tenth_tok_s * 100; }),
       panel("decode, tokens per second", "tok/s", 110, zero,
             [](const auto& p, const auto&) { return p.decode_tok_s; }),
       panel("TTFT, milliseconds", "ms", 110, zero, [](const auto& p, const auto&) { return p.ttft_ms; }),
       panel(std::string("memory, ") + bytes_unit_name(unit), bytes_unit_name(unit), 110, zero,
             [&](const auto& p, const auto&) {
               return p.memory_bytes == 0 ? no_value : static_cast<double>(p.memory_bytes) / unit;
             })}));
  out.pictures.push_back(picture_of(
      {.id = "drift-machine",
       .title = "The machine meanwhile",
       .hint = "clock, heat, power, pressure",
       .caption = "Read between requests. What stayed at zero all the time is left out."},
      {panel("clock, MHz", "MHz", 90, data, [](const auto& p, const auto&) { return p.mhz; }),
       panel("temperature, °C", "°C", 90, data, [](const auto& p, const auto&) { return p.celsius; }),
       panel("power, W", "W", 90, zero, [](const auto& p, const auto&) { return p.watts; }),
       panel("waiting for memory, % of the time", "%", 90, zero,
             [](const auto& p, const auto&) { return p.memory_stall * 100; }),
       panel("swapped in and out, MiB", "MiB", 90, zero,
             [](const auto& p, const auto&) {
               return (static_cast<double>(p.swap_in_bytes) + static_cast<double>(p.swap_out_bytes)) / 0x1p20;
             }),
       panel("cores taken by other processes", "cores", 90, zero,
             [](const auto& p, const auto&) { return p.others_cpu_cores; })}));
  return out;
}

}  // namespace assay::measure::report
