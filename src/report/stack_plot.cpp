// Predicted parts stacked above those that were seen, one pair of bars per engine, from zero on one linear axis: a bar
// from nowhere to somewhere would say nothing, and the values stand beside them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/format.h"
#include "report/plot_parts.h"

namespace assay::measure::report {
namespace {

constexpr double row_height = 58;
constexpr double top_room = 26;
constexpr std::string_view part_classes[] = {"part part0", "part part1", "part part2"};
constexpr std::string_view seen_classes[] = {"part seen0", "part seen1"};

double total(const std::vector<double>& parts) {
  return parts.empty() ? no_value : std::accumulate(parts.begin(), parts.end(), 0.0);
}

void draw_legend(Svg& svg, const StackPlot& plot) {
  double x = 4;
  const auto entry = [&](std::string_view css_class, std::string_view text) {
    svg.rectangle({x, 5}, 12, 9, css_class);
    svg.text({x + 16, 13.5}, text, "detail");
    x += 16 + text_width(text, tick_size) + 14;
  };
  const auto widest = [&](std::vector<double> StackRow::* parts) {
    std::size_t out = 0;
    for (const StackRow& row : plot.rows) out = std::max(out, (row.*parts).size());
    return out;
  };
  svg.open_series(0, "neutral");
  for (std::size_t i = 0; i < std::min({widest(&StackRow::parts), plot.part_names.size(), std::size(part_classes)});
       ++i) {
    entry(part_classes[i], plot.part_names[i]);
  }
  for (std::size_t i = 0; i < std::min({widest(&StackRow::seen), plot.seen_names.size(), std::size(seen_classes)});
       ++i) {
    entry(seen_classes[i], plot.seen_names[i]);
  }
  svg.close();
}

}  // namespace

std::string draw(const StackPlot& plot, const Size& size) {
  std::vector<double> values{0};
  std::string spoken;
  for (const StackRow& row : plot.rows) {
    values.insert(values.end(), {total(row.parts), total(row.seen)});
    spoken += row.label + " seen " + plot.text(total(row.seen)) + ", predicted " + plot.text(total(row.parts)) + "; ";
  }
  const Scale scale = scale_of(values, {.kind = ScaleWish::Kind::linear});
  const Span x{10, size.width - 16};
  const double bottom = top_room + row_height * static_cast<double>(plot.rows.size());
  Svg svg(size.width, bottom + 46, plot.title, spoken, size.css_class);
  draw_legend(svg, plot);
  draw_bottom_axis(svg, scale, x, {top_room, bottom}, axis_title(plot.axis, scale));
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    const StackRow& row = plot.rows[i];
    const double top = top_room + row_height * static_cast<double>(i);
    const auto x_of = [&](double value) { return x.at(scale.at(value)); };
    svg.open_series(row.series);
    svg.mark({6, top + 13.5}, row.mark, row.series, 4.6);
    svg.text({17, top + 18}, shortened(row.label, 24), "label halo");
    std::string text = row.seen.empty() ? "not told" : plot.text(total(row.seen)) + " seen";
    if (!row.parts.empty()) text += ", " + plot.text(total(row.parts)) + " predicted";
    svg.text({x.to + 6, top + 18}, text, "value halo", Anchor::end);
    const auto bars = [&](const std::vector<double>& parts, std::span<const std::string_view> classes,
                          const std::vector<std::string>& names, double y, std::string_view what) {
      double from = 0;
      for (std::size_t part = 0; part < std::min({parts.size(), classes.size(), names.size()}); ++part) {
        const double to = from + parts[part];
        svg.rectangle(
            {x_of(from), y}, x_of(to) - x_of(from), 12, classes[part],
            shortened(row.label, 30) + ", " + std::string(what) + names[part] + ": " + plot.text(parts[part]));
        from = to;
      }
    };
    bars(row.parts, part_classes, plot.part_names, top + 25, "predicted ");
    bars(row.seen, seen_classes, plot.seen_names, top + 39, "");
    svg.close();
  }
  return svg.finish();
}

}  // namespace assay::measure::report
