#include "report/figures_parts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/format.h"
#include "report/legend.h"

namespace assay::measure::report {

bool any_value(const Estimate& e) { return e.n > 0 && std::isfinite(e.median); }

std::string value_with_interval(const Estimate& e) {
  const std::string range = interval(e);
  return number(e.median) + (range.empty() ? "" : " " + range);
}

Mark mark_of(const Matrix& matrix, const Row& row) {
  switch (group_of(matrix, row)) {
    case Group::workload:
      return Mark::value;
    case Group::other_lengths:
      return Mark::shorter;
    case Group::cached:
      return Mark::cached;
  }
  return Mark::value;
}

DotRow row_of(const Matrix& matrix, const Naming& naming, std::size_t i) {
  DotRow out{.label = naming.labels[i], .series = naming.series[i], .mark = mark_of(matrix, matrix.rows[i])};
  if (group_of(matrix, matrix.rows[i]) == Group::other_lengths) out.detail = lengths_of(matrix.rows[i]);
  return out;
}

void name_groups(const Matrix& matrix, DotPlot& plot, const std::vector<std::size_t>& rows) {
  const auto group = [&](std::size_t i) { return group_of(matrix, matrix.rows[rows[i]]); };
  bool several = false;
  for (std::size_t i = 0; i < rows.size(); ++i) several = several || group(i) != Group::workload;
  if (!several) return;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    plot.rows[i].group = group(i) == Group::workload ? std::to_string(matrix.settings.prompt_tokens) + " + " +
                                                           std::to_string(matrix.settings.output_tokens) + " tokens"
                                                     : std::string(title_of(group(i)));
  }
}

Picture with(Picture picture, DotPlot plot, std::string_view value) {
  if (plot.rows.empty()) return picture;
  plot.title = picture.title;
  picture.legend = legend(plot, value);
  picture.drawing = [plot = std::move(plot)](const Size& size) { return draw(plot, size); };
  return picture;
}

Picture with(Picture picture, CurvePlot plot, std::string_view band) {
  std::erase_if(plot.panels, [](const Panel& panel) { return panel.curves.empty(); });
  if (plot.panels.empty()) return picture;
  plot.title = picture.title;
  picture.legend = legend(plot, band);
  picture.drawing = [plot = std::move(plot)](const Size& size) { return draw(plot, size); };
  return picture;
}

double bytes_unit(double largest) { return largest >= 2.0 * (1 << 30) ? 0x1p30 : 0x1p20; }
const char* bytes_unit_name(double unit) { return unit > 0x1p20 ? "GiB" : "MiB"; }

}  // namespace assay::measure::report
