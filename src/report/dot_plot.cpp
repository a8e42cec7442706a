// One line per engine: label, track, value. Narrow plots put label and value above the track, wide ones beside it.
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "report/format.h"
#include "report/plot_parts.h"

namespace assay::measure::report {
namespace {

constexpr double group_room = 24;      // above the first row of a named group
constexpr double reference_room = 40;  // of the reference's own row

struct Layout {
  bool wide = false;
  Span x{};
  double row_height = 0;
  double reference_top = 0;
  std::vector<double> tops{};  // of the rows
  double bottom = 0;
};

bool begins_group(const DotPlot& plot, std::size_t i) {
  return i == 0 ? !plot.rows[0].group.empty() : plot.rows[i].group != plot.rows[i - 1].group;
}

bool has_reference(const DotPlot& plot) { return std::isfinite(plot.reference.value); }

Layout layout_of(const DotPlot& plot, const Size& size) {
  Layout out;
  out.wide = size.width >= wide_from;
  double label_room = 0;
  double value_room = 0;
  for (const DotRow& row : plot.rows) {
    label_room = std::max({label_room, text_width(shortened(row.label, 24), label_size * 1.06) + 22,
                           text_width(shortened(row.detail, 28), tick_size) + 22});
    value_room = std::max(value_room, text_width(row.value_text, label_size) + 14);
  }
  out.x = out.wide ? Span{label_room + 10, size.width - value_room - 10} : Span{10, size.width - 16};
  const bool bounds = std::ranges::any_of(plot.rows, [](const DotRow& row) { return std::isfinite(row.bound); });
  out.row_height = out.wide ? 46 : bounds ? 64 : 52;
  double top = out.wide && has_reference(plot) ? 26 : 8;
  out.reference_top = top;
  if (!out.wide && has_reference(plot)) top += reference_room;
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    if (begins_group(plot, i)) top += group_room;
    out.tops.push_back(top);
    top += out.row_height;
  }
  out.bottom = top + 4;
  return out;
}

Scale scale_for(const DotPlot& plot) {
  std::vector<double> values;
  for (const DotRow& row : plot.rows) {
    if (row.estimate.n > 0) {
      for (const double value : {row.estimate.median, row.estimate.low, row.estimate.high}) values.push_back(value);
    }
    values.insert(values.end(), row.each.begin(), row.each.end());
    for (const ExtraMark& mark : row.extra) values.push_back(mark.value);
    values.push_back(row.bound);
  }
  values.push_back(plot.reference.value);
  if (plot.wish.kind == ScaleWish::Kind::logarithmic) std::erase_if(values, [](double v) { return !(v > 0); });
  return scale_of(values, plot.wish);
}

// Wide: a line through all rows, whose labels stand beside it. Narrow: labels stand above the tracks, where a line would
// run through them, so the reference is a row of its own.
void draw_reference(Svg& svg, const DotPlot& plot, const Scale& scale, const Layout& layout) {
  if (!has_reference(plot)) return;
  const Reference& reference = plot.reference;
  const double at = layout.x.at(scale.at(reference.value));
  if (!layout.wide) {
    const double y = layout.reference_top + 27;
    svg.text({1, layout.reference_top + 14}, reference.label, "reference-label");
    svg.line({layout.x.from, y}, {layout.x.to, y}, "track");
    svg.tick({at, y - 8}, {at, y + 8}, "reference solid", reference.label);
    return;
  }
  svg.tick({at, layout.reference_top - 6}, {at, layout.bottom}, "reference", reference.label);
  const double half = text_width(reference.label, tick_size) / 2;
  const bool at_end = at + half > layout.x.to + 60;
  const bool at_start = at - half < layout.x.from;
  svg.text({at_end     ? at + 3
            : at_start ? at - 3
                       : at,
            layout.reference_top - 11},
           reference.label, "reference-label",
           at_end     ? Anchor::end
           : at_start ? Anchor::start
                      : Anchor::middle);
}

void draw_name(Svg& svg, const DotRow& row, const Layout& layout, double y, double label_y) {
  svg.mark({6, label_y - 4.5}, row.mark, row.series, 4.6);
  svg.text({17, label_y}, shortened(row.label, 24), "label halo");
  if (!row.detail.empty()) {
    const double x = layout.wide ? 17 : 17 + text_width(shortened(row.label, 24), label_size * 1.16) + 9;
    svg.text({x, layout.wide ? label_y + 14 : label_y}, shortened(row.detail, layout.wide ? 28 : 20), "detail");
  }
  if (row.value_text.empty()) return;
  svg.text(layout.wide ? XY{layout.x.to + 14, y + 4.5} : XY{layout.x.to + 6, label_y}, row.value_text, "value halo",
           layout.wide ? Anchor::start : Anchor::end);
}

// Whether every single value can be told by itself; too many are drawn as one element that tells none.
bool tells_each(const DotPlot& plot) {
  std::size_t count = 0;
  for (const DotRow& row : plot.rows) count += row.each.size();
  return count <= told_max;
}

void draw_each(Svg& svg, const DotRow& row, bool tell, double y, const std::string& unit,
               const std::function<double(double)>& x_of, const std::function<bool(double)>& drawable) {
  std::vector<Svg::Stroke> untold;
  for (std::size_t i = 0; i < row.each.size(); ++i) {
    if (!drawable(row.each[i])) continue;
    const Svg::Stroke stroke{{x_of(row.each[i]), y + 8}, {x_of(row.each[i]), y + 13}};
    if (!tell) {
      untold.push_back(stroke);
      continue;
    }
    svg.tick(stroke.from, stroke.to, "each",
             shortened(row.label, 30) + ", round " + std::to_string(i + 1) + ": " + number(row.each[i]) + unit);
  }
  svg.strokes(untold, "each");
}

void draw_row(Svg& svg, const DotRow& row, const DotPlot& plot, const Scale& scale, const Layout& layout, double top) {
  const double y = layout.wide ? top + layout.row_height / 2 : top + 34;
  const auto x_of = [&](double value) { return layout.x.at(scale.at(value)); };
  const auto drawable = [&](double value) { return std::isfinite(value) && (!scale.logarithmic || value > 0); };
  const std::string name = shortened(row.label, 30);
  const std::string unit = plot.unit.empty() ? "" : " " + plot.unit;
  svg.open_series(row.series);
  draw_name(svg, row, layout, y, layout.wide ? y + (row.detail.empty() ? 4.5 : -2) : top + 15);
  svg.line({layout.x.from, y}, {layout.x.to, y}, "track");
  if (row.estimate.n > 0 && drawable(row.estimate.median)) {
    const Estimate& e = row.estimate;
    const double at = x_of(e.median);
    if (plot.bars && !scale.logarithmic && scale.low <= 0 && e.median > 0) {
      svg.rectangle({x_of(0), y - 5}, at - x_of(0), 10, "bar");
    }
    draw_each(svg, row, tells_each(plot), y, unit, x_of, drawable);
    if (e.n > 1 && drawable(e.low) && drawable(e.high)) {
      const double low = x_of(e.low);
      const double high = x_of(e.high);
      const Svg::Stroke whisker[] = {
          {{low, y}, {high, y}}, {{low, y - 5}, {low, y + 5}}, {{high, y - 5}, {high, y + 5}}};
      svg.strokes(whisker, "whisker");
    }
    svg.mark({at, y}, row.mark, row.series, 5.2, name + ": " + row.value_text + unit);
  }
  for (const ExtraMark& extra : row.extra) {
    if (drawable(extra.value)) svg.mark({x_of(extra.value), y}, extra.mark, row.series, 5.2, name + ": " + extra.hint);
  }
  if (drawable(row.bound)) {
    const double at = x_of(row.bound);
    const std::string text = "bound " + number(row.bound);
    svg.tick({at, y - 11}, {at, y + 11}, "bound", name + ": " + text);
    svg.text({at > layout.x.at(0.8) ? at + 4 : at, y + 23}, text, "detail",
             at > layout.x.at(0.8) ? Anchor::end : Anchor::middle);
  }
  svg.close();
}

}  // namespace

std::string draw(const DotPlot& plot, const Size& size) {
  const Layout layout = layout_of(plot, size);
  const Scale scale = scale_for(plot);
  std::string spoken;
  for (const DotRow& row : plot.rows) spoken += row.label + " " + row.value_text + "; ";
  Svg svg(size.width, layout.bottom + 42, plot.title + ", " + plot.axis, spoken, size.css_class);
  const double axis_from = layout.tops.empty() ? layout.reference_top : layout.tops[0];
  draw_bottom_axis(svg, scale, layout.x, {std::min(axis_from, layout.reference_top), layout.bottom},
                   axis_title(plot.axis, scale));
  draw_reference(svg, plot, scale, layout);
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    if (begins_group(plot, i)) {
      const double y = layout.tops[i] - group_room;
      if (i > 0) svg.line({1, y + 5}, {size.width - 1, y + 5}, "axis");
      svg.text({1, y + 19}, plot.rows[i].group, "group halo");
    }
    draw_row(svg, plot.rows[i], plot, scale, layout, layout.tops[i]);
  }
  return svg.finish();
}

}  // namespace assay::measure::report
