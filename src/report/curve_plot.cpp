// Curves with whiskers or bands, in panels over one x axis; each curve is named at its end.
#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/plot_parts.h"

namespace assay::measure::report {
namespace {

constexpr double panel_top = 26;     // room for the panel's title
constexpr double panel_gap = 16;     // between panels
constexpr double label_height = 15;  // between the names of two curves
constexpr std::size_t label_characters = 15;

Scale y_scale(const Panel& panel) {
  std::vector<double> values{panel.reference.value};
  for (const Curve& curve : panel.curves) {
    for (const CurvePoint& point : curve.points) values.insert(values.end(), {point.y, point.low, point.high});
  }
  return scale_of(values, panel.wish);
}

Scale x_scale(const CurvePlot& plot) {
  std::vector<double> values;
  for (const Panel& panel : plot.panels) {
    for (const Curve& curve : panel.curves) {
      for (const CurvePoint& point : curve.points) {
        if (std::isfinite(point.y)) values.push_back(point.x);
      }
    }
  }
  if (plot.x == CurvePlot::X::factors) return category_scale(values);
  if (plot.x == CurvePlot::X::values) {
    return scale_of(values, {.start = ScaleWish::Start::data, .kind = ScaleWish::Kind::linear, .ticks = 6});
  }
  Scale scale = scale_of(values, {.kind = ScaleWish::Kind::linear, .ticks = 6});
  double last = 0;  // time ends where the data end
  for (const double value : values) last = std::max(last, std::isfinite(value) ? value : 0);
  if (last > scale.low) scale.high = last;
  std::erase_if(scale.ticks, [&](const Tick& tick) { return tick.value > scale.high; });
  return scale;
}

struct Plotter {
  Svg& svg;
  const Scale& x;
  const Scale& y;
  Span across;
  Span inner;  // of the data: markers keep clear of the axis
  Span up;     // from the bottom to the top
  XY at(double x_value, double y_value) const { return {inner.at(x.at(x_value)), up.at(y.at(y_value))}; }
  bool drawable(double value) const { return std::isfinite(value) && (!y.logarithmic || value > 0); }
};

void draw_band(const Plotter& p, const Curve& curve) {
  std::vector<XY> upper;
  std::vector<XY> lower;
  const auto flush = [&] {
    if (upper.size() > 1) {
      std::ranges::reverse(lower);
      upper.insert(upper.end(), lower.begin(), lower.end());
      p.svg.polygon(upper, "band");
    }
    upper.clear();
    lower.clear();
  };
  for (const CurvePoint& point : curve.points) {
    if (!p.drawable(point.low) || !p.drawable(point.high)) {
      flush();
      continue;
    }
    upper.push_back(p.at(point.x, point.high));
    lower.push_back(p.at(point.x, point.low));
  }
  flush();
}

// "direct, at 512 tokens: 61.2 [60.1, 62.0] tok/s".
std::string hint_of(const Curve& curve, const CurvePoint& point, const std::string& x_unit, const std::string& unit) {
  const bool whole = point.x == std::floor(point.x) && std::abs(point.x) < 1e9;
  std::string out = shortened(curve.label, 30) + ", " + (whole ? fixed(point.x, 0) : number(point.x));
  if (!x_unit.empty()) out += " " + x_unit;
  out += ": " + number(point.y);
  if (std::isfinite(point.low) && std::isfinite(point.high) && point.high > point.low) {
    out += " [" + number(point.low) + ", " + number(point.high) + "]";
  }
  if (!unit.empty()) out += " " + unit;
  if (!point.note.empty()) out += ", " + point.note;
  return out;
}

void draw_curve(const Plotter& p, const Curve& curve, bool tell, const std::string& x_unit, const std::string& unit) {
  const std::string_view css_class = curve.mark == Mark::cached  ? "curve dashed"
                                     : curve.mark == Mark::limit ? "curve limits"
                                                                 : "curve";
  if (!curve.markers) draw_band(p, curve);
  std::vector<XY> run;
  std::vector<std::string> hints;  // where marks carry them, the line needs none
  const auto flush = [&] {
    if (run.size() == 1 && !curve.markers) p.svg.mark(run[0], curve.mark, curve.series, 2.4, tell ? hints[0] : "");
    if (run.size() > 1) p.svg.polyline(run, css_class, hints);
    run.clear();
    hints.clear();
  };
  for (const CurvePoint& point : curve.points) {
    if (!p.drawable(point.y)) {
      flush();
      continue;
    }
    run.push_back(p.at(point.x, point.y));
    if (!curve.markers && tell) hints.push_back(hint_of(curve, point, x_unit, unit));
  }
  flush();
  if (!curve.markers) {  // a curve of other requests than the others' is marked where it ends
    const auto last = std::ranges::find_if(curve.points.rbegin(), curve.points.rend(),
                                           [&](const CurvePoint& point) { return p.drawable(point.y); });
    if (last != curve.points.rend() && curve.mark != Mark::value) {
      p.svg.mark(p.at(last->x, last->y), curve.mark, curve.series, 4.2);
    }
    return;
  }
  for (const CurvePoint& point : curve.points) {
    if (!p.drawable(point.y)) continue;
    const XY centre = p.at(point.x, point.y);
    if (p.drawable(point.low) && p.drawable(point.high) && point.high > point.low) {
      const XY low = p.at(point.x, point.low);
      const XY high = p.at(point.x, point.high);
      const Svg::Stroke whisker[] = {
          {low, high}, {{low.x - 4, low.y}, {low.x + 4, low.y}}, {{high.x - 4, high.y}, {high.x + 4, high.y}}};
      p.svg.strokes(whisker, "whisker");
    }
    p.svg.mark(centre, curve.mark, curve.series, curve.points.size() > 40 ? 2.6 : 4.2,
               tell ? hint_of(curve, point, x_unit, unit) : "");
  }
}

struct EndLabel {
  const Curve* curve = nullptr;
  XY end{};
  double y = 0;
};

// Moves labels apart, keeping their order, within [top, bottom].
void spread(std::vector<EndLabel>& labels, double top, double bottom) {
  std::ranges::sort(labels, {}, &EndLabel::y);
  double floor = top;
  for (EndLabel& label : labels) {
    label.y = std::max(label.y, floor);
    floor = label.y + label_height;
  }
  double ceiling = bottom;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->y = std::min(label->y, ceiling);
    ceiling = label->y - label_height;
  }
}

struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
  bool holds(XY p) const { return p.x > left && p.x < right && p.y > top && p.y < bottom; }
  bool touches(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
};

// How much of the panel's curves and labels lies under a box.
int crowd(const Plotter& p, const Panel& panel, const Box& box, const std::vector<Box>& labels) {
  constexpr int samples = 24;  // of each piece of a curve
  int count = box.top < p.up.to - 4 || box.bottom > p.up.from + 4 ? 100 : 0;
  for (const Box& label : labels) count += box.touches(label) ? 50 : 0;
  for (const Curve& curve : panel.curves) {
    const CurvePoint* before = nullptr;
    for (const CurvePoint& point : curve.points) {
      if (p.drawable(point.y)) {
        const XY to = p.at(point.x, point.y);
        const XY from = before == nullptr ? to : p.at(before->x, before->y);
        for (int i = 0; i <= samples; ++i) {
          const double share = static_cast<double>(i) / samples;
          count += box.holds({from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share}) ? 1 : 0;
        }
      }
      before = p.drawable(point.y) ? &point : nullptr;
    }
  }
  return count;
}

// Names stand in a column at the right; a curve that ends early has its name where it ends.
void draw_labels(const Plotter& p, const Panel& panel, double x) {
  std::vector<EndLabel> at_right;
  std::vector<EndLabel> inside;
  for (const Curve& curve : panel.curves) {
    if (curve.label.empty() || !curve.named) continue;
    const auto last = std::ranges::find_if(curve.points.rbegin(), curve.points.rend(),
                                           [&](const CurvePoint& point) { return p.drawable(point.y); });
    if (last == curve.points.rend()) continue;
    const XY end = p.at(last->x, last->y);
    (end.x < p.inner.to - 30 ? inside : at_right).push_back({&curve, end, end.y});
  }
  spread(at_right, p.up.to, p.up.from);
  std::vector<Box> taken;
  for (const EndLabel& label : at_right) {
    p.svg.open_series(label.curve->series, label.curve->mark == Mark::limit ? "unnamed" : "");
    const XY from{label.end.x + 7, label.end.y};
    if (from.x < x - 6 || std::abs(label.y - from.y) > 2) p.svg.line(from, {x - 2, label.y}, "leader");
    p.svg.text({x + 1, label.y + 4}, shortened(label.curve->label, label_characters), "label");
    p.svg.close();
    taken.push_back({x, label.y - 8, x + 200, label.y + 8});
  }
  for (const EndLabel& label : inside) {
    const std::string text = shortened(label.curve->label, label_characters);
    const double width = text_width(text, label_size * 1.06);
    const auto box_at = [&](XY corner) { return Box{corner.x, corner.y - 11, corner.x + width, corner.y + 3}; };
    XY best{};
    int least = 1 << 30;
    for (const XY offset : {XY{9, 4.5}, XY{4, -9}, XY{4, 19}, XY{-width - 8, -5}, XY{-width - 8, 15}}) {
      const XY corner{label.end.x + offset.x, label.end.y + offset.y};
      const int here = crowd(p, panel, box_at(corner), taken);
      if (here < least) {
        least = here;
        best = corner;
      }
    }
    taken.push_back(box_at(best));
    p.svg.open_series(label.curve->series, label.curve->mark == Mark::limit ? "unnamed" : "");
    p.svg.text(best, text, "label halo");
    p.svg.close();
  }
}

double panel_height(const Panel& panel) {
  return std::max(panel.height, label_height * static_cast<double>(panel.curves.size()) + 10);
}

void draw_y_axis(const Plotter& p, const Panel& panel) {
  for (const Tick& tick : p.y.ticks) {
    const double at = p.up.at(p.y.at(tick.value));
    p.svg.line({p.across.from, at}, {p.across.to, at}, tick.label.empty() ? "grid minor" : "grid");
    if (!tick.label.empty()) p.svg.text({p.across.from - 6, at + 4}, tick.label, "tick", Anchor::end);
  }
  p.svg.text({4, p.up.to - 11}, axis_title(panel.axis, p.y), "panel-title");
}

}  // namespace

std::string draw(const CurvePlot& plot, const Size& size) {
  const Scale x = x_scale(plot);
  double height = 44 - panel_gap;
  double label_room = 14;
  double tick_room = 20;
  std::size_t points = 0;
  for (const Panel& panel : plot.panels) {
    height += panel_top + panel_height(panel) + panel_gap;
    for (const Curve& curve : panel.curves) {
      points += curve.points.size();
      if (!curve.label.empty() && curve.named)
        label_room = std::max(label_room, text_width(shortened(curve.label, label_characters), label_size * 1.06) + 24);
    }
    for (const Tick& tick : y_scale(panel).ticks)
      tick_room = std::max(tick_room, text_width(tick.label, tick_size) + 12);
  }
  const Span across{tick_room, size.width - label_room};
  const bool markers = std::ranges::any_of(plot.panels, [](const Panel& panel) {
    return std::ranges::any_of(panel.curves, [](const Curve& curve) { return curve.markers; });
  });
  const double padding = markers ? 9 : 0;  // marks keep clear of the axis
  const Span inner{across.from + padding, across.to - padding};
  std::string spoken = plot.x_axis;
  for (const Panel& panel : plot.panels) spoken += "; " + panel.axis;
  Svg svg(size.width, height, plot.title, spoken, size.css_class);
  const bool tell = points <= told_max;
  double top = 0;
  for (std::size_t i = 0; i < plot.panels.size(); ++i) {
    const Panel& panel = plot.panels[i];
    const Scale y = y_scale(panel);
    const double bottom = top + panel_top + panel_height(panel);
    const Plotter plotter{svg, x, y, across, inner, {bottom, top + panel_top}};
    draw_y_axis(plotter, panel);
    if (i + 1 == plot.panels.size()) {
      draw_bottom_axis(svg, x, inner, {bottom, bottom}, plot.x_axis);
      svg.line({across.from, bottom}, {across.to, bottom}, "axis");
    } else {
      svg.line({across.from, bottom}, {across.to, bottom}, "axis");
    }
    if (std::isfinite(panel.reference.value)) {
      const double at = plotter.up.at(y.at(panel.reference.value));
      svg.tick({across.from, at}, {across.to, at}, "reference", panel.reference.label);
      svg.text({across.from + 6, at - 5}, panel.reference.label, "reference-label halo");
    }
    for (const Curve& curve : panel.curves) {
      svg.open_series(curve.series);
      draw_curve(plotter, curve, tell, plot.x_unit, panel.unit);
      svg.close();
    }
    draw_labels(plotter, panel, across.to + 14);
    top = bottom + panel_gap;
  }
  return svg.finish();
}

}  // namespace assay::measure::report
