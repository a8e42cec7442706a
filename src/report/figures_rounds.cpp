// Every round in its order, and how the rounds are spread.
#include <algorithm>
#include <cmath>
#include <utility>

#include "report/figures_parts.h"
#include "report/format.h"

namespace assay::measure::report {
namespace {

using Value = double (*)(const Timing&);

constexpr std::size_t in_order_min = 3;       // fewer rounds show nothing that the table does not
constexpr std::size_t distribution_min = 12;  // and fewer have no shape
constexpr std::size_t marks_max = 40;         // beyond, a line alone

// Cached prompts would only stretch the axis: their rounds are in the table.
bool drawn(const Row& row) { return row.rounds.size() >= in_order_min && row.prompts == Prompts::fresh; }

// Round by round; the cold round stands at 0.
std::vector<Curve> in_order(const Matrix& matrix, const Naming& naming, Value value) {
  std::vector<Curve> out;
  for (const std::size_t i : in_groups(matrix, naming)) {
    const Row& row = matrix.rows[i];
    if (!drawn(row)) continue;
    Curve curve{.label = naming.labels[i],
                .series = naming.series[i],
                .mark = mark_of(matrix, row),
                .markers = row.rounds.size() <= marks_max};
    bool any = false;
    for (std::size_t r = 0; r < row.rounds.size() && r < rounds_max; ++r) {
      const double y = value(row.rounds[r]);
      any = any || std::isfinite(y);
      curve.points.push_back({.x = static_cast<double>(r + 1), .y = y});
    }
    if (!any) continue;
    const bool cold = row.cold && std::isfinite(value(*row.cold));
    out.push_back(std::move(curve));
    if (!cold) continue;
    out.push_back({.label = naming.labels[i],
                   .series = naming.series[i],
                   .mark = Mark::cold,
                   .named = false,
                   .points = {{.x = 0, .y = value(*row.cold), .note = "the cold round"}}});
  }
  return out;
}

// The reading limit as it was in each round, of the first row that has one: rows of one device differ in the type of
// their keys and values only.
void add_limit(const Matrix& matrix, const Naming& naming, Panel& panel) {
  for (const std::size_t i : in_groups(matrix, naming)) {
    const std::vector<double> limits = read_limits_tok_s(matrix, matrix.rows[i]);
    if (!drawn(matrix.rows[i]) || limits.empty()) continue;
    Curve curve{.label = "limit", .mark = Mark::limit};
    for (std::size_t r = 0; r < limits.size(); ++r) {
      curve.points.push_back({.x = static_cast<double>(r + 1), .y = limits[r], .note = "reading limit in this round"});
    }
    panel.curves.push_back(std::move(curve));
    return;
  }
}

// Share of the rounds at or below each value, as steps.
std::vector<Curve> spread_of(const Matrix& matrix, const Naming& naming, Value value) {
  std::vector<Curve> out;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (group_of(matrix, row) != Group::workload || row.rounds.size() < distribution_min) continue;
    std::vector<double> values;
    for (const Timing& timing : row.rounds) {
      if (std::isfinite(value(timing)) && values.size() < paired_rounds_max) values.push_back(value(timing));
    }
    if (values.size() < distribution_min) continue;
    std::ranges::sort(values);
    Curve curve{.label = naming.labels[i], .series = naming.series[i], .markers = false};
    const auto n = static_cast<double>(values.size());
    for (std::size_t v = 0; v < values.size(); ++v) {
      curve.points.push_back({.x = values[v], .y = static_cast<double>(v) / n * 100});
      curve.points.push_back({.x = values[v], .y = static_cast<double>(v + 1) / n * 100});
    }
    out.push_back(std::move(curve));
  }
  return out;
}

double decode(const Timing& timing) { return timing.decode_tok_s(); }
double ttft(const Timing& timing) { return timing.ttft_ms(); }

}  // namespace

PictureSection rounds_section(const Matrix& matrix, const Naming& naming) {
  PictureSection out{.id = "rounds", .heading = "Round by round"};
  std::size_t most = 0;
  for (std::size_t i = 0; i < naming.shown(); ++i) most = std::max(most, matrix.rows[i].rounds.size());
  const std::string cut =
      most > rounds_max ? "The first " + std::to_string(rounds_max) + " of " + std::to_string(most) + " rounds." : "";
  const auto over_rounds = [&](Picture picture, Panel panel, Value value, bool limit) {
    panel.curves = in_order(matrix, naming, value);
    if (limit && !panel.curves.empty()) add_limit(matrix, naming, panel);
    picture.caption = cut;
    out.pictures.push_back(with(std::move(picture), CurvePlot{.x_axis = "round, in the order of the run",
                                                              .x_unit = "in order",
                                                              .x = CurvePlot::X::linear,
                                                              .panels = {std::move(panel)}}));
  };
  over_rounds({.id = "decode-rounds", .title = "Decode speed of every round", .hint = "flat is better"},
              {.axis = "tokens per second", .unit = "tok/s"}, decode, true);
  over_rounds({.id = "ttft-rounds", .title = "Time to first token of every round", .hint = "flat is better"},
              {.axis = "milliseconds", .unit = "ms"}, ttft, false);
  const auto over_values = [&](Picture picture, std::string x_axis, std::string x_unit, Value value) {
    Panel panel{.axis = "% of the rounds at or below", .unit = "% of the rounds at or below it"};
    panel.curves = spread_of(matrix, naming, value);
    out.pictures.push_back(with(std::move(picture), CurvePlot{.x_axis = std::move(x_axis),
                                                              .x_unit = std::move(x_unit),
                                                              .x = CurvePlot::X::values,
                                                              .panels = {std::move(panel)}}));
  };
  over_values({.id = "decode-spread", .title = "How decode speeds are spread", .hint = "steep is steady"},
              "decode, tokens per second", "tok/s", decode);
  over_values({.id = "ttft-spread", .title = "How times to first token are spread", .hint = "steep is steady"},
              "TTFT, milliseconds", "ms", ttft);
  return out;
}

}  // namespace assay::measure::report
