#include "report/figures.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/figures_parts.h"
#include "report/format.h"

namespace assay::measure::report {
namespace {

// ---- speed of each engine

// One line for each row that has the figure, group by group.
DotPlot speeds(const Matrix& matrix, const Naming& naming, DotPlot plot, Estimate Row::* figure,
               double (*value)(const Timing&), bool cached) {
  std::vector<std::size_t> drawn;
  for (const std::size_t i : in_groups(matrix, naming)) {
    const Row& row = matrix.rows[i];
    if (!any_value(row.*figure) || (!cached && row.prompts == Prompts::cached)) continue;
    DotRow dots = row_of(matrix, naming, i);
    dots.estimate = row.*figure;
    dots.value_text = value_with_interval(row.*figure);
    for (const Timing& timing : row.rounds) {
      if (dots.each.size() < rounds_max) dots.each.push_back(value(timing));
    }
    plot.rows.push_back(std::move(dots));
    drawn.push_back(i);
  }
  name_groups(matrix, plot, drawn);
  return plot;
}

Picture first_token_picture(const Matrix& matrix, const Naming& naming) {
  DotPlot plot = speeds(
      matrix, naming, {.axis = "TTFT, milliseconds", .unit = "ms"}, &Row::ttft_ms,
      [](const Timing& timing) { return timing.ttft_ms(); }, true);
  std::size_t line = 0;
  for (const std::size_t i : in_groups(matrix, naming)) {
    const Row& row = matrix.rows[i];
    if (!any_value(row.ttft_ms)) continue;
    DotRow& dots = plot.rows[line++];
    if (!row.cold || row.prompts != Prompts::fresh) continue;
    dots.extra.push_back({.mark = Mark::cold,
                          .value = row.cold->ttft_ms(),
                          .hint = "the cold round " + number(row.cold->ttft_ms()) + " ms"});
  }
  return with({.id = "ttft", .title = "Time to first token", .hint = "lower is better"}, std::move(plot));
}

Picture prefill_picture(const Matrix& matrix, const Naming& naming) {
  DotPlot plot = speeds(
      matrix, naming, {.axis = "prefill, tokens per second", .unit = "tok/s"}, &Row::prefill_tok_s,
      [](const Timing& timing) { return timing.prefill_tok_s(); }, false);
  return with({.id = "prefill",
               .title = "Prefill speed",
               .hint = "higher is better",
               .caption = "Uncached prompt tokens over TTFT."},
              std::move(plot));
}

// ---- memory, parity, foreground

double predicted_bytes(const MemoryUse& use) {
  return static_cast<double>(use.weights) + static_cast<double>(use.kv) + static_cast<double>(use.scratch);
}

double seen_bytes(const Memory& memory) {
  return static_cast<double>(memory.peak_bytes) + static_cast<double>(memory.device_peak_bytes);
}

Picture memory_picture(const Matrix& matrix, const Naming& naming) {
  double largest = 0;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Memory& memory = matrix.rows[i].memory;
    largest = std::max(largest, seen_bytes(memory));
    if (memory.predicted) largest = std::max(largest, predicted_bytes(*memory.predicted));
  }
  const double unit = bytes_unit(largest);
  bool device = false;
  StackPlot plot{.title = "Memory predicted and seen",
                 .axis = std::string("peak footprint, ") + bytes_unit_name(unit),
                 .part_names = {"weights", "keys and values", "scratch"}};
  plot.text = unit > 0x1p20 ? +[](double value) { return bytes(value * 0x1p30); }
                            : +[](double value) { return bytes(value * 0x1p20); };
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (row.prompts == Prompts::cached || (!(seen_bytes(row.memory) > 0) && !row.memory.predicted)) continue;
    StackRow bars{.label = naming.labels[i], .series = naming.series[i], .mark = mark_of(matrix, row)};
    if (row.memory.predicted) {
      const MemoryUse& use = *row.memory.predicted;
      for (const std::uint64_t part : {use.weights, use.kv, use.scratch}) {
        bars.parts.push_back(static_cast<double>(part) / unit);
      }
    }
    if (seen_bytes(row.memory) > 0) {
      bars.seen.push_back(static_cast<double>(row.memory.peak_bytes) / unit);
      if (row.memory.device_peak_bytes > 0) {
        bars.seen.push_back(static_cast<double>(row.memory.device_peak_bytes) / unit);
        device = true;
      }
    }
    plot.rows.push_back(std::move(bars));
  }
  Picture out{.id = "memory", .title = plot.title, .hint = "lower is better"};
  if (plot.rows.empty()) return out;
  plot.seen_names = {device ? "seen, host" : "seen", "seen, GPU"};
  out.caption =
      "Upper bar: predicted before anything was loaded, for this row's requests. Lower bar: largest footprint of the "
      "engine's processes as the system counts it; a mapped file counts where its pages are resident.";
  if (device) out.caption += " What they held of the GPU's memory is added to it.";
  out.drawing = [plot](const Size& size) { return draw(plot, size); };
  return out;
}

Picture parity_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "parity", .title = "Distance from the reference", .hint = "lower is better"};
  DotPlot plot{.axis = "difference of a logit", .bars = false};
  plot.wish.kind = ScaleWish::Kind::logarithmic;
  std::size_t positions = 0;
  bool any = false;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!row.subject.parity || row.prompts == Prompts::cached) continue;
    const Parity& parity = *row.subject.parity;
    DotRow dots{.label = naming.labels[i], .series = naming.series[i]};  // its text has one length for all rows
    if (parity.max_abs > 0) dots.estimate = {parity.max_abs, parity.max_abs, parity.max_abs, 1, 0};
    dots.value_text = number(parity.max_abs) + (parity.holds() ? ", pass" : ", FAILS");
    if (parity.rms > 0) {
      dots.extra.push_back({.mark = Mark::rms, .value = parity.rms, .hint = "root mean square " + number(parity.rms)});
    }
    if (parity.bound > 0) dots.bound = parity.bound;
    positions = std::max(positions, parity.positions);
    any = any || !dots.extra.empty() || dots.estimate.n > 0 || parity.bound > 0;
    plot.rows.push_back(std::move(dots));
  }
  if (!any) return out;  // equal to the last bit and without a bound: the table says it
  out.caption = "Against our double-precision reference, over " + std::to_string(positions) +
                " positions and the whole vocabulary. The bound is what rounding this model's inputs did to the "
                "reference itself when it was tried.";
  return with(std::move(out), std::move(plot), "largest difference");
}

Picture foreground_picture(const Matrix& matrix, const Naming& naming) {
  Picture out{.id = "foreground", .title = "An editor beside the model", .hint = "lower is better"};
  DotPlot plot{.unit = "ms", .bars = false};
  bool largest = false;
  const auto tail_of = [&](const Delay& delay) {
    const Tail tail = tail_of_delay(delay);
    largest = largest || tail.name != "p99";
    return tail;
  };
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    const Tail timer = tail_of(row.foreground.timer);
    const Tail pages = tail_of(row.foreground.pages);
    if ((!std::isfinite(timer.ms) && !std::isfinite(pages.ms)) || row.prompts == Prompts::cached) continue;
    DotRow dots{.label = naming.labels[i], .series = naming.series[i]};
    if (std::isfinite(timer.ms)) {
      dots.estimate = {timer.ms, timer.ms, timer.ms, 1, 0};
      dots.value_text = number(timer.ms) + " wake-up" + (timer.name == "p99" ? "" : " (" + timer.name + ")");
    }
    if (std::isfinite(pages.ms)) {
      const std::string text = number(pages.ms) + " pages" + (pages.name == "p99" ? "" : " (" + pages.name + ")");
      dots.extra.push_back({.mark = Mark::pages, .value = pages.ms, .hint = text});
      dots.value_text += (dots.value_text.empty() ? "" : ", ") + text;
    }
    plot.rows.push_back(std::move(dots));
  }
  if (plot.rows.empty()) return out;
  const Tail idle = tail_of(matrix.environment.idle.timer);
  if (std::isfinite(idle.ms)) {
    plot.reference = {
        idle.ms, "idle machine: " + number(idle.ms) + " wake-up" + (idle.name == "p99" ? "" : " (" + idle.name + ")")};
  }
  plot.axis = "99th percentile of delays, milliseconds";
  out.caption =
      "How late a thread woke that asks for it every 5 ms, and the time to touch 32 pages, half of them fresh. Above "
      "about 16 ms a screen misses a frame.";
  if (largest) {
    out.caption += " Where there are fewer than " + std::to_string(percentile_values_min) +
                   " values, the largest of them is shown.";
  }
  return with(std::move(out), std::move(plot), "late wake-up");
}

void add_section(std::vector<PictureSection>& out, PictureSection section) {
  std::erase_if(section.pictures, [](const Picture& picture) { return !picture.drawing; });
  if (!section.pictures.empty()) out.push_back(std::move(section));
}

}  // namespace

Picture decode_picture(const Matrix& matrix, const Naming& naming) {
  DotPlot plot = speeds(
      matrix, naming, {.axis = "decode, tokens per second", .unit = "tok/s"}, &Row::decode_tok_s,
      [](const Timing& timing) { return timing.decode_tok_s(); }, false);
  const Row* limited = nullptr;  // of several devices the fastest one's limit is drawn
  std::size_t line = 0;
  for (const std::size_t i : in_groups(matrix, naming)) {
    const Row& row = matrix.rows[i];
    if (!any_value(row.decode_tok_s) || row.prompts == Prompts::cached) continue;
    DotRow& dots = plot.rows[line++];
    for (const std::string& part : {row.subject.device, row.subject.version}) {
      if (!part.empty() && dots.label.find(part) == std::string::npos)
        dots.detail += (dots.detail.empty() ? "" : ", ") + part;
    }
    const double limit = read_limit_tok_s(matrix, row);
    if (std::isfinite(limit) && (limited == nullptr || limit > read_limit_tok_s(matrix, *limited))) limited = &row;
  }
  Picture out{.id = "decode", .title = "Decode speed", .hint = "higher is better"};
  if (limited != nullptr) {
    const double limit = read_limit_tok_s(matrix, *limited);
    const auto kv = static_cast<double>(limited->kv_bytes_per_token);
    const double read = static_cast<double>(matrix.artifact.bytes_per_token) + kv;
    plot.reference = {limit, "reading limit " + number(limit) + " tok/s"};
    out.caption = "Reading limit: " + number(limit * read * 1e-9) + " GB/s, the median of what was measured in the " +
                  "rounds, over the " + bytes(read) + " that one token reads (weights" +
                  (kv > 0 ? ", and " + bytes(kv) + " of keys and values" : "") + ").";
  }
  return with(std::move(out), std::move(plot));
}

std::vector<PictureSection> sections_of(const Matrix& matrix, const Naming& naming) {
  std::vector<PictureSection> out;
  add_section(out, {.id = "speed",
                    .heading = "Reading the prompt",
                    .pictures = {first_token_picture(matrix, naming), prefill_picture(matrix, naming)}});
  add_section(out, rounds_section(matrix, naming));
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
