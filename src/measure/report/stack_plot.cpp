// Predicted parts stacked above what was seen, one pair of bars per engine. Where engines differ by too much for bars,
// two marks on a logarithmic axis: a bar from nowhere to somewhere would say nothing.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/report/format.h"
#include "measure/report/plot_parts.h"

namespace assay::measure::report {
namespace {

constexpr double row_height = 58;
constexpr double top_room = 26;

double total(const StackRow& row) {
  return row.parts.empty() ? no_value : std::accumulate(row.parts.begin(), row.parts.end(), 0.0);
}

void draw_legend(Svg& svg, const StackPlot& plot, bool bars, bool any_parts) {
  double x = 4;
  const auto entry = [&](std::string_view css_class, std::string_view text) {
    svg.rectangle({x, 5}, 12, 9, css_class);
    svg.text({x + 16, 13.5}, text, "detail");
    x += 16 + text_width(text, tick_size) + 14;
  };
  svg.open_series(0, "neutral");
  if (bars) {
    if (any_parts) {
      constexpr std::string_view classes[] = {"part part0", "part part1", "part part2"};
      for (std::size_t i = 0; i < plot.part_names.size() && i < 3; ++i) entry(classes[i], plot.part_names[i]);
    }
    entry("seen", "seen");
  } else {
    svg.marker({x + 5, 9.5}, 0, 4.4, "mark hollow");
    svg.text({x + 16, 13.5}, "predicted", "detail");
    svg.marker({x + 95, 9.5}, 0, 4.4, "mark");
    svg.text({x + 106, 13.5}, "seen", "detail");
  }
  svg.close();
}

}  // namespace

std::string draw(const StackPlot& plot, const Size& size) {
  std::vector<double> values;
  std::string spoken;
  bool any_parts = false;
  for (const StackRow& row : plot.rows) {
    values.insert(values.end(), {total(row), row.seen});
    any_parts = any_parts || !row.parts.empty();
    spoken += row.label + " seen " + plot.text(row.seen) + ", predicted " + plot.text(total(row)) + "; ";
  }
  const Scale scale = scale_of(values, {});
  const Span x{10, size.width - 16};
  const double bottom = top_room + row_height * static_cast<double>(plot.rows.size());
  Svg svg(size.width, bottom + 46, plot.title, spoken, size.css_class);
  draw_legend(svg, plot, !scale.logarithmic, any_parts);
  draw_bottom_axis(svg, scale, x, {top_room, bottom}, axis_title(plot.axis, scale));
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    const StackRow& row = plot.rows[i];
    const double top = top_room + row_height * static_cast<double>(i);
    const auto x_of = [&](double value) { return x.at(scale.at(value)); };
    svg.open_series(row.series);
    svg.marker({6, top + 13.5}, row.series, 4.6, "mark");
    svg.text({17, top + 18}, shortened(row.label, 24), "label");
    std::string text = std::isfinite(row.seen) ? plot.text(row.seen) + " seen" : "not told";
    if (!row.parts.empty()) text += ", " + plot.text(total(row)) + " predicted";
    svg.text({x.to + 6, top + 18}, text, "value", Anchor::end);
    if (scale.logarithmic) {
      svg.line({x.from, top + 36}, {x.to, top + 36}, "track");
      if (std::isfinite(total(row))) svg.marker({x_of(total(row)), top + 36}, row.series, 5.2, "mark hollow");
      if (std::isfinite(row.seen)) svg.marker({x_of(row.seen), top + 36}, row.series, 5.2, "mark");
    } else {
      double from = 0;
      constexpr std::string_view classes[] = {"part part0", "part part1", "part part2"};
      for (std::size_t part = 0; part < row.parts.size() && part < 3; ++part) {
        const double to = from + row.parts[part];
        svg.rectangle({x_of(from), top + 25}, x_of(to) - x_of(from), 12, classes[part],
                      row.label + ", predicted " + plot.part_names.at(part) + ": " + plot.text(row.parts[part]));
        from = to;
      }
      if (std::isfinite(row.seen)) {
        svg.rectangle({x_of(0), top + 39}, x_of(row.seen) - x_of(0), 12, "seen",
                      row.label + ", seen: " + plot.text(row.seen));
      }
    }
    svg.close();
  }
  return svg.finish();
}

}  // namespace assay::measure::report
