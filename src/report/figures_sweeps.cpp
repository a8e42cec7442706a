// Against the length of the prompt, and against requests at once.
#include <algorithm>
#include <cmath>
#include <utility>

#include "report/figures_parts.h"
#include "report/format.h"

namespace assay::measure::report {
namespace {

// " Left out: mlx at 8192 (would take 400 s), 16384 (...); ..."
template <class Point>
std::string left_out(const Matrix& matrix, const Naming& naming, std::vector<Point> Row::* sweep,
                     std::uint32_t Point::* x) {
  std::string out;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const auto& points = matrix.rows[i].*sweep;
    bool named = false;
    for (std::size_t p = 0; p < points.size() && p < sweep_points_max && out.size() < 4 * text_max; ++p) {
      if (points[p].reason.empty()) continue;
      if (!named) out += (out.empty() ? "Left out: " : "; ") + naming.labels[i] + " at ";
      if (named) out += ", ";
      named = true;
      out += std::to_string(points[p].*x) + " (" + clean(points[p].reason) + ")";
    }
  }
  return out.empty() ? out : out + ".";
}

// One curve per row; `value` gives a point's figure, n = 0 where there is none. `marks`: rows whose requests had other
// lengths are marked; of a sweep over lengths they have the lengths of the axis.
template <class Point, class Value>
std::vector<Curve> curves_of(const Matrix& matrix, const Naming& naming, std::vector<Point> Row::* sweep,
                             std::uint32_t Point::* x, bool marks, const Value& value) {
  std::vector<Curve> out;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    Curve curve{.label = naming.labels[i], .series = naming.series[i]};
    if (marks || row.prompts == Prompts::cached) curve.mark = mark_of(matrix, row);
    bool any = false;
    const auto& points = row.*sweep;
    for (std::size_t p = 0; p < points.size() && p < sweep_points_max; ++p) {
      const Estimate e = value(points[p]);
      CurvePoint point{.x = static_cast<double>(points[p].*x)};
      if (any_value(e)) {
        point.y = e.median;
        point.n = e.n;
        point.coverage = e.coverage;
        if (e.n > 1) point.low = e.low;
        if (e.n > 1) point.high = e.high;
        any = true;
      }
      curve.points.push_back(point);
    }
    std::ranges::stable_sort(curve.points, {}, &CurvePoint::x);
    if (any) out.push_back(std::move(curve));
  }
  return out;
}

Estimate single(double value) {
  if (!std::isfinite(value)) return {};
  return {value, value, value, 1, 0};
}

double peak_bytes(const ContextPoint& point) {
  return static_cast<double>(point.memory_peak_bytes) + static_cast<double>(point.device_peak_bytes);
}
double peak_bytes(const StreamPoint& point) { return static_cast<double>(point.memory_peak_bytes); }

template <class Point>
Picture memory_over(const Matrix& matrix, const Naming& naming, std::vector<Point> Row::* sweep,
                    std::uint32_t Point::* x, bool marks, Picture picture, CurvePlot plot) {
  double largest = 0;
  for (const Row& row : matrix.rows) {
    for (const Point& point : row.*sweep) largest = std::max(largest, peak_bytes(point));
  }
  const double unit = bytes_unit(largest);
  Panel panel{.axis = std::string("peak footprint, ") + bytes_unit_name(unit), .unit = bytes_unit_name(unit)};
  panel.curves = curves_of(matrix, naming, sweep, x, marks, [&](const Point& point) {
    return peak_bytes(point) > 0 ? single(peak_bytes(point) / unit) : Estimate{};
  });
  plot.panels = {std::move(panel)};
  return with(std::move(picture), std::move(plot));
}

// The 99th percentile where there are values enough to have one, else the largest.
bool has_p99(const StreamPoint& point) { return point.rounds.size() >= percentile_values_min; }

double worst_ttft(const StreamPoint& point) { return has_p99(point) ? point.ttft_ms_p99 : point.ttft_ms_max; }

}  // namespace

PictureSection context_section(const Matrix& matrix, const Naming& naming) {
  PictureSection out{.id = "context", .heading = "Against context length"};
  const CurvePlot plot{.x_axis = "prompt tokens before decoding (log scale)", .x_unit = "tokens"};
  const std::string omitted = left_out(matrix, naming, &Row::context_sweep, &ContextPoint::depth);
  const auto add = [&](Picture picture, Panel panel, Estimate ContextPoint::* figure) {
    panel.curves = curves_of(matrix, naming, &Row::context_sweep, &ContextPoint::depth, false,
                             [&](const ContextPoint& point) { return point.*figure; });
    if (panel.curves.empty()) return;
    if (out.pictures.empty()) picture.caption = omitted;
    CurvePlot filled = plot;
    filled.panels = {std::move(panel)};
    out.pictures.push_back(with(std::move(picture), std::move(filled)));
  };
  add({.id = "decode-context", .title = "Decode speed behind a long prompt", .hint = "higher is better"},
      {.axis = "tokens per second", .unit = "tok/s"}, &ContextPoint::decode_tok_s);
  add({.id = "ttft-context", .title = "Time to first token", .hint = "lower is better"},
      {.axis = "milliseconds", .unit = "ms"}, &ContextPoint::ttft_ms);
  add({.id = "prefill-context", .title = "Prefill speed", .hint = "higher is better"},
      {.axis = "tokens per second", .unit = "tok/s"}, &ContextPoint::prefill_tok_s);
  const bool device = std::ranges::any_of(matrix.rows, [](const Row& row) {
    return std::ranges::any_of(row.context_sweep,
                               [](const ContextPoint& point) { return point.device_peak_bytes > 0; });
  });
  out.pictures.push_back(memory_over(matrix, naming, &Row::context_sweep, &ContextPoint::depth, false,
                                     {.id = "memory-context",
                                      .title = "Memory",
                                      .hint = "lower is better",
                                      .caption = device ? "Of the engine's processes and of the GPU together." : ""},
                                     plot));
  return out;
}

PictureSection streams_section(const Matrix& matrix, const Naming& naming) {
  PictureSection out{.id = "streams", .heading = "Several requests at once"};
  const auto curves = [&](Estimate StreamPoint::* figure) {
    return curves_of(matrix, naming, &Row::stream_sweep, &StreamPoint::streams, true,
                     [&](const StreamPoint& point) { return point.*figure; });
  };
  const CurvePlot plot{.x_axis = "requests at once (log scale)", .x_unit = "at once"};
  CurvePlot speed = plot;
  speed.panels = {
      {.axis = "all streams together, tokens per second", .unit = "tok/s", .curves = curves(&StreamPoint::total_tok_s)},
      {.axis = "one stream, tokens per second",
       .unit = "tok/s",
       .curves = curves(&StreamPoint::decode_tok_s),
       .height = 150}};
  out.pictures.push_back(with({.id = "streams-speed",
                               .title = "Output speed",
                               .hint = "higher is better",
                               .caption = left_out(matrix, naming, &Row::stream_sweep, &StreamPoint::streams)},
                              std::move(speed)));
  bool p99 = true;
  for (const Row& row : matrix.rows) {
    for (const StreamPoint& point : row.stream_sweep) p99 = p99 && (point.rounds.empty() || has_p99(point));
  }
  CurvePlot wait = plot;
  wait.panels = {{.axis = "median, milliseconds", .unit = "ms", .curves = curves(&StreamPoint::ttft_ms)},
                 {.axis = p99 ? "99th percentile, milliseconds" : "largest, milliseconds",
                  .unit = "ms",
                  .curves = curves_of(matrix, naming, &Row::stream_sweep, &StreamPoint::streams, true,
                                      [](const StreamPoint& point) { return single(worst_ttft(point)); }),
                  .height = 150}};
  out.pictures.push_back(with({.id = "streams-ttft",
                               .title = "Time to first token",
                               .hint = "lower is better",
                               .caption = std::string("Queue time is inside.") +
                                          (p99 ? ""
                                               : " Points with fewer than " + std::to_string(percentile_values_min) +
                                                     " requests have no 99th percentile: the largest is drawn.")},
                              std::move(wait)));
  out.pictures.push_back(memory_over(matrix, naming, &Row::stream_sweep, &StreamPoint::streams, true,
                                     {.id = "streams-memory", .title = "Memory", .hint = "lower is better"}, plot));
  return out;
}

}  // namespace assay::measure::report
