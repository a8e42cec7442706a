#include "measure/report/figures.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/report/figures_drift.h"
#include "measure/report/format.h"
#include "measure/report/plots.h"

namespace assay::measure::report {
namespace {

constexpr std::string_view whiskers = "Whiskers: 95\u202f% interval of the median.";

bool any_value(const Estimate& e) { return e.n > 0 && std::isfinite(e.median); }

std::string value_with_interval(const Estimate& e) {
  const std::string range = interval(e);
  return number(e.median) + (range.empty() ? "" : " " + range);
}

DotRow row_of(const Naming& naming, const Matrix& matrix, std::size_t i) {
  return {.label = naming.labels[i], .series = naming.series[i], .faint = matrix.rows[i].prompts == Prompts::cached};
}

// ---- speed of each engine

DotPlot decode_plot(const Matrix& matrix, const Naming& naming) {
  DotPlot plot{.title = "Decode speed", .axis = "decode, tokens per second"};
  const Row* limited = nullptr;  // of several devices the fastest one's limit is drawn
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!any_value(row.decode_tok_s) || row.prompts == Prompts::cached) continue;
    DotRow dots = row_of(naming, matrix, i);
    dots.estimate = row.decode_tok_s;
    dots.value_text = value_with_interval(row.decode_tok_s);
    if (dots.label.find(row.subject.device) == std::string::npos) dots.detail = row.subject.device;
    if (!row.subject.version.empty() && dots.label.find(row.subject.version) == std::string::npos) {
      dots.detail += (dots.detail.empty() ? "" : ", ") + row.subject.version;
    }
    for (const Timing& timing : row.rounds) {
      if (dots.each.size() < rounds_max) dots.each.push_back(timing.decode_tok_s());
    }
    if (read_limit_applies(row) &&
        (limited == nullptr || read_limit_tok_s(matrix, row) > read_limit_tok_s(matrix, *limited)))
      limited = &row;
    plot.rows.push_back(std::move(dots));
  }
  const double limit_tok_s = limited == nullptr ? not_told : read_limit_tok_s(matrix, *limited);
  const bool on_cpu = limited != nullptr && limited->subject.device == "cpu";
  if (std::isfinite(limit_tok_s) && !(on_cpu && weights_fit_cache(matrix))) {
    plot.reference = {limit_tok_s, "reading limit " + number(limit_tok_s) + " tok/s"};
  }
  return plot;
}

Picture first_token_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "ttft", .title = "Time to first token", .hint = "lower is better"};
  DotPlot plot{.title = out.title, .axis = "TTFT, milliseconds"};
  bool cold = false;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!any_value(row.ttft_ms)) continue;
    DotRow dots = row_of(naming, matrix, i);
    dots.estimate = row.ttft_ms;
    dots.value_text = value_with_interval(row.ttft_ms);
    for (const Timing& timing : row.rounds) {
      if (dots.each.size() < rounds_max) dots.each.push_back(timing.ttft_ms());
    }
    if (row.cold && row.prompts == Prompts::fresh) {
      dots.extra.push_back({.value = row.cold->ttft_ms(), .hint = "cold round " + number(row.cold->ttft_ms()) + " ms"});
      cold = true;
    }
    plot.rows.push_back(std::move(dots));
  }
  if (plot.rows.empty()) return out;
  out.svg = draw(plot, Size{});
  out.caption = std::string(whiskers) + " Ticks below: single rounds." + (cold ? " Hollow: the cold round." : "");
  return out;
}

Picture prefill_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "prefill", .title = "Prefill speed", .hint = "higher is better"};
  DotPlot plot{.title = out.title, .axis = "prefill, tokens per second"};
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!any_value(row.prefill_tok_s) || row.prompts == Prompts::cached) continue;
    DotRow dots = row_of(naming, matrix, i);
    dots.estimate = row.prefill_tok_s;
    dots.value_text = value_with_interval(row.prefill_tok_s);
    for (const Timing& timing : row.rounds) {
      if (dots.each.size() < rounds_max) dots.each.push_back(timing.prefill_tok_s());
    }
    plot.rows.push_back(std::move(dots));
  }
  if (plot.rows.empty()) return out;
  out.svg = draw(plot, Size{});
  out.caption = "Uncached prompt tokens over (TTFT less one decode step). " + std::string(whiskers);
  return out;
}

// ---- against context and streams

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
      if (!named) out += (out.empty() ? " Left out: " : "; ") + naming.labels[i] + " at ";
      if (named) out += ", ";
      named = true;
      out += std::to_string(points[p].*x) + " (" + clean(points[p].reason) + ")";
    }
  }
  return out.empty() ? out : out + ".";
}

// One curve per row; `value` gives a point's figure, n = 0 where there is none.
template <class Point, class Value>
std::vector<Curve> curves_of(const Matrix& matrix, const Naming& naming, std::vector<Point> Row::* sweep,
                             std::uint32_t Point::* x, const Value& value) {
  std::vector<Curve> out;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    Curve curve{
        .label = naming.labels[i], .series = naming.series[i], .dashed = matrix.rows[i].prompts == Prompts::cached};
    bool any = false;
    const auto& points = matrix.rows[i].*sweep;
    for (std::size_t p = 0; p < points.size() && p < sweep_points_max; ++p) {
      const Estimate e = value(points[p]);
      CurvePoint point{.x = static_cast<double>(points[p].*x)};
      if (any_value(e)) {
        point.y = e.median;
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
  return {value, value, value, 1};
}

double bytes_unit(double largest) { return largest >= 2.0 * (1 << 30) ? 0x1p30 : 0x1p20; }
const char* bytes_unit_name(double unit) { return unit > 0x1p20 ? "GiB" : "MiB"; }

template <class Point>
Picture memory_over(const Matrix& matrix, const Naming& naming, std::vector<Point> Row::* sweep,
                    std::uint32_t Point::* x, Picture picture, std::string x_axis) {
  double largest = 0;
  for (const Row& row : matrix.rows) {
    for (const Point& point : row.*sweep) largest = std::max(largest, static_cast<double>(point.memory_peak_bytes));
  }
  const double unit = bytes_unit(largest);
  Panel panel{.axis = std::string("peak footprint, ") + bytes_unit_name(unit)};
  panel.curves = curves_of(matrix, naming, sweep, x, [&](const Point& point) {
    return point.memory_peak_bytes == 0 ? Estimate{} : single(static_cast<double>(point.memory_peak_bytes) / unit);
  });
  if (!panel.curves.empty()) {
    picture.svg = draw(CurvePlot{.title = picture.title, .x_axis = std::move(x_axis), .panels = {panel}}, Size{});
  }
  return picture;
}

PictureSection context_section(const Matrix& matrix, const Naming& naming) {
  PictureSection out{.id = "context", .heading = "Against context length"};
  const std::string x_axis = "prompt tokens before decoding (log scale)";
  const std::string omitted = left_out(matrix, naming, &Row::context_sweep, &ContextPoint::depth);
  const auto picture = [&](Picture p, std::string axis, Estimate ContextPoint::* figure) {
    Panel panel{.axis = std::move(axis)};
    panel.curves = curves_of(matrix, naming, &Row::context_sweep, &ContextPoint::depth,
                             [&](const ContextPoint& point) { return point.*figure; });
    if (panel.curves.empty()) return;
    p.caption = std::string(whiskers) + (out.pictures.empty() ? omitted : "");
    p.svg = draw(CurvePlot{.title = p.title, .x_axis = x_axis, .panels = {panel}}, Size{});
    out.pictures.push_back(std::move(p));
  };
  picture({.id = "decode-context", .title = "Decode speed behind a long prompt", .hint = "higher is better"},
          "tokens per second", &ContextPoint::decode_tok_s);
  picture({.id = "ttft-context", .title = "Time to first token", .hint = "lower is better"}, "milliseconds",
          &ContextPoint::ttft_ms);
  picture({.id = "prefill-context", .title = "Prefill speed", .hint = "higher is better"}, "tokens per second",
          &ContextPoint::prefill_tok_s);
  Picture memory = memory_over(matrix, naming, &Row::context_sweep, &ContextPoint::depth,
                               {.id = "memory-context", .title = "Memory", .hint = "lower is better"}, x_axis);
  if (!memory.svg.empty()) out.pictures.push_back(std::move(memory));
  return out;
}

PictureSection streams_section(const Matrix& matrix, const Naming& naming) {
  PictureSection out{.id = "streams", .heading = "Several requests at once"};
  const auto curves = [&](Estimate StreamPoint::* figure) {
    return curves_of(matrix, naming, &Row::stream_sweep, &StreamPoint::streams,
                     [&](const StreamPoint& point) { return point.*figure; });
  };
  const std::string x_axis = "requests at once (log scale)";
  Picture speed{.id = "streams-speed", .title = "Output speed", .hint = "higher is better"};
  std::vector<Panel> panels{
      {.axis = "all streams together, tokens per second", .curves = curves(&StreamPoint::total_tok_s)},
      {.axis = "one stream, tokens per second", .curves = curves(&StreamPoint::decode_tok_s), .height = 150}};
  std::erase_if(panels, [](const Panel& panel) { return panel.curves.empty(); });
  if (!panels.empty()) {
    speed.svg = draw(CurvePlot{.title = speed.title, .x_axis = x_axis, .panels = std::move(panels)}, Size{});
    speed.caption = std::string(whiskers) + left_out(matrix, naming, &Row::stream_sweep, &StreamPoint::streams);
    out.pictures.push_back(std::move(speed));
  }
  Picture wait{.id = "streams-ttft", .title = "Time to first token", .hint = "lower is better"};
  Panel median{.axis = "median, milliseconds", .curves = curves(&StreamPoint::ttft_ms)};
  Panel worst{.axis = "99th percentile, milliseconds", .height = 150};
  worst.curves = curves_of(matrix, naming, &Row::stream_sweep, &StreamPoint::streams,
                           [](const StreamPoint& point) { return single(point.ttft_ms_p99); });
  panels = {std::move(median), std::move(worst)};
  std::erase_if(panels, [](const Panel& panel) { return panel.curves.empty(); });
  if (!panels.empty()) {
    wait.svg = draw(CurvePlot{.title = wait.title, .x_axis = x_axis, .panels = std::move(panels)}, Size{});
    wait.caption = std::string(whiskers) + " Queue time is inside.";
    out.pictures.push_back(std::move(wait));
  }
  Picture memory = memory_over(matrix, naming, &Row::stream_sweep, &StreamPoint::streams,
                               {.id = "streams-memory", .title = "Memory", .hint = "lower is better"}, x_axis);
  if (!memory.svg.empty()) out.pictures.push_back(std::move(memory));
  return out;
}

// ---- memory, parity, foreground

double predicted_bytes(const MemoryUse& use) {
  return static_cast<double>(use.weights) + static_cast<double>(use.kv) + static_cast<double>(use.scratch);
}

// Weights and keys of an accelerator's row lie in its memory, not in that of the engine's processes.
double seen_bytes(const Memory& memory) {
  return static_cast<double>(memory.device_peak_bytes > 0 ? memory.device_peak_bytes : memory.peak_bytes);
}

Picture memory_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "memory", .title = "Memory predicted and seen", .hint = "lower is better"};
  double largest = 0;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Memory& memory = matrix.rows[i].memory;
    largest = std::max(largest, seen_bytes(memory));
    if (memory.predicted) largest = std::max(largest, predicted_bytes(*memory.predicted));
  }
  const double unit = bytes_unit(largest);
  StackPlot plot{.title = out.title,
                 .axis = std::string("peak footprint, ") + bytes_unit_name(unit),
                 .part_names = {"weights", "keys and values", "scratch"}};
  plot.text = unit > 0x1p20 ? +[](double value) { return bytes(value * 0x1p30); }
                            : +[](double value) { return bytes(value * 0x1p20); };
  bool device = false;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (row.prompts == Prompts::cached || (!(seen_bytes(row.memory) > 0) && !row.memory.predicted)) continue;
    StackRow bars{.label = naming.labels[i], .series = naming.series[i]};
    if (row.memory.predicted) {
      const MemoryUse& use = *row.memory.predicted;
      for (const std::uint64_t part : {use.weights, use.kv, use.scratch}) {
        bars.parts.push_back(static_cast<double>(part) / unit);
      }
    }
    if (seen_bytes(row.memory) > 0) bars.seen = seen_bytes(row.memory) / unit;
    device = device || row.memory.device_peak_bytes > 0;
    plot.rows.push_back(std::move(bars));
  }
  if (plot.rows.empty()) return out;
  out.svg = draw(plot, Size{});
  out.caption =
      "Upper bar: what the engine accounts for. Lower bar: largest footprint of its processes as the system "
      "counts it; a mapped file counts where its pages are resident.";
  if (device) out.caption += " Rows of an accelerator: the most of its memory that they used.";
  return out;
}

Picture parity_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "parity", .title = "Distance from the reference", .hint = "lower is better"};
  DotPlot plot{.title = out.title, .axis = "difference of a logit", .bars = false};
  plot.wish.kind = ScaleWish::Kind::logarithmic;
  std::size_t positions = 0;
  bool any = false;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!row.subject.parity || row.prompts == Prompts::cached) continue;
    const Parity& parity = *row.subject.parity;
    DotRow dots = row_of(naming, matrix, i);
    if (parity.max_abs > 0) dots.estimate = {parity.max_abs, parity.max_abs, parity.max_abs, 1};
    dots.value_text = (parity.holds() ? "pass" : "FAILS") + std::string(", top-1 ") +
                      std::to_string(parity.top1_equal) + "/" + std::to_string(parity.positions) + ", KL " +
                      number(parity.kl_mean);
    if (parity.rms > 0) {
      dots.extra.push_back({.value = parity.rms, .hint = "root mean square " + number(parity.rms)});
    }
    if (parity.bound > 0) {
      dots.extra.push_back(
          {.shape = ExtraMark::Shape::tick, .value = parity.bound, .hint = "bound " + number(parity.bound)});
    }
    positions = std::max(positions, parity.positions);
    any = any || !dots.extra.empty() || dots.estimate.n > 0;
    plot.rows.push_back(std::move(dots));
  }
  if (!any) return out;  // equal to the last bit and without a bound: the table says it
  out.svg = draw(plot, Size{});
  out.caption = "Against our double-precision reference. Filled: largest over " + std::to_string(positions) +
                " positions and the whole vocabulary. Hollow: root mean square. Upright line: the bound, computed from "
                "sizes and types.";
  return out;
}

Picture foreground_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "foreground", .title = "An editor beside the model", .hint = "lower is better"};
  DotPlot plot{.title = out.title, .axis = "99th percentile of delays, milliseconds", .bars = false};
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    const Foreground& seen = row.foreground;
    if ((!std::isfinite(seen.timer.p99_ms) && !std::isfinite(seen.pages.p99_ms)) || row.prompts == Prompts::cached) {
      continue;
    }
    DotRow dots = row_of(naming, matrix, i);
    dots.estimate = single(seen.timer.p99_ms);
    dots.value_text = number(seen.timer.p99_ms) + " wake-up";
    if (std::isfinite(seen.pages.p99_ms)) {
      dots.extra.push_back({.value = seen.pages.p99_ms, .hint = "page touches " + number(seen.pages.p99_ms) + " ms"});
      dots.value_text += ", " + number(seen.pages.p99_ms) + " pages";
    }
    plot.rows.push_back(std::move(dots));
  }
  if (plot.rows.empty()) return out;
  const double idle = matrix.environment.idle.timer.p99_ms;
  if (std::isfinite(idle)) plot.reference = {idle, "idle machine " + number(idle)};
  out.svg = draw(plot, Size{});
  out.caption =
      "Filled: how late a thread woke that asks for it every 5 ms. Hollow: time to touch 32 pages, half of "
      "them fresh. Above about 16 ms a screen misses a frame.";
  return out;
}

void add_section(std::vector<PictureSection>& out, PictureSection section) {
  std::erase_if(section.pictures, [](const Picture& picture) { return picture.svg.empty(); });
  if (!section.pictures.empty()) out.push_back(std::move(section));
}

}  // namespace

Hero hero_of(const Matrix& matrix, const Naming& naming) {
  const DotPlot plot = decode_plot(matrix, naming);
  if (plot.rows.empty()) return {};
  Hero out{.wide = draw(plot, Size{.width = 1000, .css_class = "only-wide"}),
           .narrow = draw(plot, Size{.css_class = "only-narrow"})};
  out.caption = std::string(whiskers) + " Ticks below: single rounds.";
  if (!plot.reference.label.empty()) {
    const double gb_s = plot.reference.value * static_cast<double>(matrix.artifact.bytes_per_token) * 1e-9;
    out.caption += " Reading limit: " + number(gb_s) + " GB/s, measured in this run, over the " +
                   bytes(static_cast<double>(matrix.artifact.bytes_per_token)) + " that one token reads.";
  }
  return out;
}

std::vector<PictureSection> sections_of(const Matrix& matrix, const Naming& naming) {
  std::vector<PictureSection> out;
  add_section(out, {.id = "speed",
                    .heading = "Reading the prompt",
                    .pictures = {first_token_picture(matrix, naming), prefill_picture(matrix, naming)}});
  add_section(out, context_section(matrix, naming));
  add_section(out, streams_section(matrix, naming));
  add_section(out, drift_section(matrix, naming));
  add_section(out, {.id = "memory-parity",
                    .heading = "Memory, parity, and work beside it",
                    .pictures = {memory_picture(matrix, naming), parity_picture(matrix, naming),
                                 foreground_picture(matrix, naming)}});
  return out;
}

}  // namespace assay::measure::report
