// One line per engine: label, track, value. Narrow plots put label and value above the track, wide ones beside it.
#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/report/format.h"
#include "measure/report/plot_parts.h"

namespace assay::measure::report {
namespace {

struct Layout {
  bool wide = false;
  Span x{};
  double top = 0;
  double row_height = 0;
  double height = 0;
};

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
  out.top = plot.reference.label.empty() ? 8 : 26;
  const bool ticks = std::ranges::any_of(plot.rows, [](const DotRow& row) {
    return std::ranges::any_of(row.extra, [](const ExtraMark& m) { return m.shape == ExtraMark::Shape::tick; });
  });
  out.row_height = out.wide ? 46 : ticks ? 64 : 52;
  out.height = out.top + out.row_height * static_cast<double>(plot.rows.size()) + 46;
  return out;
}

Scale scale_for(const DotPlot& plot) {
  std::vector<double> values;
  for (const DotRow& row : plot.rows) {
    if (row.estimate.n > 0) {
      values.push_back(row.estimate.median);
      if (std::isfinite(row.estimate.low)) values.push_back(row.estimate.low);
      if (std::isfinite(row.estimate.high)) values.push_back(row.estimate.high);
    }
    values.insert(values.end(), row.each.begin(), row.each.end());
    for (const ExtraMark& mark : row.extra) values.push_back(mark.value);
  }
  values.push_back(plot.reference.value);
  if (plot.wish.kind == ScaleWish::Kind::logarithmic) std::erase_if(values, [](double v) { return !(v > 0); });
  return scale_of(values, plot.wish);
}

void draw_reference(Svg& svg, const Reference& reference, const Scale& scale, const Layout& layout, double bottom) {
  if (!std::isfinite(reference.value)) return;
  const double at = layout.x.at(scale.at(reference.value));
  if (layout.wide) {
    svg.line({at, layout.top - 6}, {at, bottom}, "reference");
  } else {  // labels and values stand above the tracks: the line leaves them room
    std::vector<Svg::Stroke> pieces{{{at, layout.top - 6}, {at, layout.top}}};
    for (double top = layout.top; top + 20 < bottom; top += layout.row_height) {
      pieces.push_back({{at, top + 21}, {at, std::min(bottom, top + layout.row_height)}});
    }
    svg.strokes(pieces, "reference");
  }
  const double half = text_width(reference.label, tick_size) / 2;
  const bool at_end = at + half > layout.x.to + (layout.wide ? 60 : 12);
  const bool at_start = at - half < layout.x.from;
  svg.text({at_end     ? at + 3
            : at_start ? at - 3
                       : at,
            layout.top - 11},
           reference.label, "reference-label",
           at_end     ? Anchor::end
           : at_start ? Anchor::start
                      : Anchor::middle);
}

void draw_row(Svg& svg, const DotRow& row, const DotPlot& plot, const Scale& scale, const Layout& layout, double top) {
  const double y = layout.wide ? top + layout.row_height / 2 : top + 34;
  const auto x_of = [&](double value) { return layout.x.at(scale.at(value)); };
  svg.open_series(row.series, row.faint ? "faint" : "");
  const double label_y = layout.wide ? y + (row.detail.empty() ? 4.5 : -2) : top + 15;
  svg.marker({6, label_y - 4.5}, row.series, 4.6, row.faint ? "mark hollow" : "mark");
  svg.text({17, label_y}, shortened(row.label, 24), "label halo");
  if (!row.detail.empty()) {
    const double x = layout.wide ? 17 : 17 + text_width(shortened(row.label, 24), label_size * 1.16) + 9;
    svg.text({x, layout.wide ? label_y + 14 : label_y}, shortened(row.detail, layout.wide ? 28 : 20), "detail");
  }
  if (!row.value_text.empty()) {
    svg.text(layout.wide ? XY{layout.x.to + 14, y + 4.5} : XY{layout.x.to + 6, label_y}, row.value_text, "value halo",
             layout.wide ? Anchor::start : Anchor::end);
  }
  svg.line({layout.x.from, y}, {layout.x.to, y}, "track");
  if (row.estimate.n > 0 && std::isfinite(row.estimate.median)) {
    const Estimate& e = row.estimate;
    const double at = x_of(e.median);
    if (plot.bars && !scale.logarithmic && scale.low <= 0 && e.median > 0) {
      svg.rectangle({x_of(0), y - 5}, at - x_of(0), 10, "bar");
    }
    std::vector<Svg::Stroke> each;
    for (const double value : row.each) {
      if (std::isfinite(value)) each.push_back({{x_of(value), y + 8}, {x_of(value), y + 13}});
    }
    svg.strokes(each, "each");
    if (e.n > 1 && std::isfinite(e.low) && std::isfinite(e.high)) {
      const double low = x_of(e.low);
      const double high = x_of(e.high);
      const Svg::Stroke whisker[] = {
          {{low, y}, {high, y}}, {{low, y - 5}, {low, y + 5}}, {{high, y - 5}, {high, y + 5}}};
      svg.strokes(whisker, "whisker");
    }
    svg.marker({at, y}, row.series, 5.2, row.faint ? "mark hollow" : "mark",
               row.label + ": " + row.value_text + " " + plot.axis);
  }
  for (const ExtraMark& mark : row.extra) {
    if (!std::isfinite(mark.value)) continue;
    const double at = x_of(mark.value);
    if (mark.shape == ExtraMark::Shape::tick) {
      svg.line({at, y - 11}, {at, y + 11}, "bound");
      svg.text({at > layout.x.at(0.8) ? at + 4 : at, y + 23}, mark.hint, "detail",
               at > layout.x.at(0.8) ? Anchor::end : Anchor::middle);
    } else {
      svg.marker({at, y}, row.series, 4.4, "mark hollow", row.label + ": " + mark.hint);
    }
  }
  svg.close();
}

}  // namespace

std::string draw(const DotPlot& plot, const Size& size) {
  const Layout layout = layout_of(plot, size);
  const Scale scale = scale_for(plot);
  const double bottom = layout.height - 42;
  std::string spoken;
  for (const DotRow& row : plot.rows) spoken += row.label + " " + row.value_text + "; ";
  Svg svg(size.width, layout.height, plot.title + ", " + plot.axis, spoken, size.css_class);
  draw_bottom_axis(svg, scale, layout.x, {layout.top, bottom}, axis_title(plot.axis, scale));
  draw_reference(svg, plot.reference, scale, layout, bottom);
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    draw_row(svg, plot.rows[i], plot, scale, layout, layout.top + layout.row_height * static_cast<double>(i));
  }
  return svg.finish();
}

}  // namespace assay::measure::report
