#include "report/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "report/format.h"

namespace assay::measure::report {

Svg::Svg(double width, double height, std::string_view title, std::string_view description,
         std::string_view extra_class) {
  put("<svg class=\"plot ");
  put(extra_class);
  put("\" viewBox=\"0 0 ");
  put(width);
  put(" ");
  put(height);
  put("\" role=\"img\" aria-label=\"");
  out_ += escaped(std::string(title) + (description.empty() ? "" : ". ") + std::string(description), 2000);
  put("\">");
}

Svg::Svg(double width, double height) {
  put("<svg class=\"key\" viewBox=\"0 0 ");
  put(width);
  put(" ");
  put(height);
  put("\" aria-hidden=\"true\">");
}

void Svg::put(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", std::isfinite(value) ? value : 0.0);
  std::string_view text = buffer.data();
  if (text.ends_with(".0")) text.remove_suffix(2);
  out_ += text == "-0" ? "0" : text;
}

void Svg::hint(std::string_view element, std::string_view text) {
  if (text.empty()) {
    put("/>");
    return;
  }
  put("><title>");
  out_ += escaped(text);
  put("</title></");
  put(element);
  put(">");
}

void Svg::line(XY from, XY to, std::string_view css_class) {
  put("<line class=\"");
  put(css_class);
  put("\" x1=\"");
  put(from.x);
  put("\" y1=\"");
  put(from.y);
  put("\" x2=\"");
  put(to.x);
  put("\" y2=\"");
  put(to.y);
  put("\"/>");
}

void Svg::strokes(std::span<const Stroke> strokes, std::string_view css_class) {
  if (strokes.empty()) return;
  put("<path class=\"");
  put(css_class);
  put("\" d=\"");
  for (const Stroke& stroke : strokes) {
    put("M");
    put(stroke.from.x);
    put(" ");
    put(stroke.from.y);
    if (stroke.from.x == stroke.to.x) {
      put("V");
      put(stroke.to.y);
    } else if (stroke.from.y == stroke.to.y) {
      put("H");
      put(stroke.to.x);
    } else {
      put("L");
      put(stroke.to.x);
      put(" ");
      put(stroke.to.y);
    }
  }
  put("\"/>");
}

void Svg::rectangle(XY corner, double width, double height, std::string_view css_class, std::string_view text) {
  put("<rect class=\"");
  put(css_class);
  put("\" x=\"");
  put(corner.x);
  put("\" y=\"");
  put(corner.y);
  put("\" width=\"");
  put(std::max(0.0, width));
  put("\" height=\"");
  put(height);
  put("\"");
  hint("rect", text);
}

void Svg::polyline(std::span<const XY> points, std::string_view css_class, std::span<const std::string> hints) {
  if (points.empty()) return;
  put("<polyline class=\"");
  put(css_class);
  put("\" points=\"");
  for (const XY& point : points) {
    put(point.x);
    put(",");
    put(point.y);
    put(" ");
  }
  put("\"");
  if (!hints.empty()) {
    put(" data-hints=\"");
    for (std::size_t i = 0; i < hints.size(); ++i) {
      if (i > 0) put("|");
      std::string text = escaped(hints[i]);
      std::ranges::replace(text, '|', '/');
      out_ += text;
    }
    put("\"");
  }
  put("/>");
}

void Svg::polygon(std::span<const XY> points, std::string_view css_class) {
  if (points.empty()) return;
  put("<polygon class=\"");
  put(css_class);
  put("\" points=\"");
  for (const XY& point : points) {
    put(point.x);
    put(",");
    put(point.y);
    put(" ");
  }
  put("\"/>");
}

void Svg::dot(XY centre, double radius, std::string_view css_class) {
  put("<circle class=\"");
  put(css_class);
  put("\" cx=\"");
  put(centre.x);
  put("\" cy=\"");
  put(centre.y);
  put("\" r=\"");
  put(radius);
  put("\"/>");
}

void Svg::number(std::string_view attribute, double value) {
  put(" ");
  put(attribute);
  put("=\"");
  put(value);
  put("\"");
}

void Svg::shape(XY c, std::size_t series, double radius, std::string_view css_class) {
  const auto corners = [&](std::span<const XY> points) {
    std::vector<XY> moved;
    for (const XY& point : points) moved.push_back({c.x + point.x * radius, c.y + point.y * radius});
    polygon(moved, css_class);
  };
  switch (series % 5) {  // areas are about equal
    case 0:
      return dot(c, radius, css_class);
    case 1:
      return corners(std::array<XY, 4>{{{-.9, -.9}, {.9, -.9}, {.9, .9}, {-.9, .9}}});
    case 2:
      return corners(std::array<XY, 3>{{{0, -1.3}, {1.2, .85}, {-1.2, .85}}});
    case 3:
      return corners(std::array<XY, 4>{{{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}}});
    default:
      return corners(std::array<XY, 3>{{{0, 1.3}, {1.2, -.85}, {-1.2, -.85}}});
  }
}

void Svg::mark(XY c, Mark mark, std::size_t series, double radius, std::string_view text) {
  put("<g class=\"m\"");
  number("data-x", c.x);
  number("data-y", c.y);
  put(">");
  if (!text.empty()) {
    put("<title>");
    out_ += escaped(text);
    put("</title>");
  }
  const double r = radius * 0.85;
  switch (mark) {
    case Mark::cold:
      dot(c, r, "mark hollow");
      break;
    case Mark::rms: {
      const Stroke plus[] = {{{c.x - r, c.y}, {c.x + r, c.y}}, {{c.x, c.y - r}, {c.x, c.y + r}}};
      strokes(plus, "mark thin");
      break;
    }
    case Mark::pages: {
      const Stroke cross[] = {{{c.x - r, c.y - r}, {c.x + r, c.y + r}}, {{c.x - r, c.y + r}, {c.x + r, c.y - r}}};
      strokes(cross, "mark thin");
      break;
    }
    case Mark::limit:
      line({c.x - radius * 1.5, c.y}, {c.x + radius * 1.5, c.y}, "limit");
      break;
    case Mark::value:
      shape(c, series, radius, "mark");
      break;
    case Mark::cached:
      shape(c, series, radius * 0.62, "mark");
      dot(c, radius * 1.2, "halo-ring");
      break;
    case Mark::shorter:
      shape(c, series, radius * 1.1, "mark");
      line({c.x - radius * 1.3, c.y + radius * 1.3}, {c.x + radius * 1.3, c.y - radius * 1.3}, "cut");
      break;
  }
  put("</g>");
}

void Svg::tick(XY from, XY to, std::string_view css_class, std::string_view text) {
  put("<line class=\"");
  put(css_class);
  put("\"");
  number("x1", from.x);
  number("y1", from.y);
  number("x2", to.x);
  number("y2", to.y);
  hint("line", text);
}

void Svg::text(XY at, std::string_view text, std::string_view css_class, Anchor anchor) {
  put("<text class=\"");
  put(css_class);
  if (anchor != Anchor::start) put(anchor == Anchor::middle ? " mid" : " end");
  put("\" x=\"");
  put(at.x);
  put("\" y=\"");
  put(at.y);
  put("\">");
  out_ += escaped(text);
  put("</text>");
}

void Svg::open_series(std::size_t index, std::string_view css_class) {
  put("<g class=\"s");
  put(static_cast<double>(index % series_colours));
  if (!css_class.empty()) put(" ");
  put(css_class);
  put("\">");
}

void Svg::close() { put("</g>"); }

std::string Svg::finish() {
  put("</svg>");
  return std::move(out_);
}

double text_width(std::string_view text, double font_size) {
  double width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) continue;  // the rest of a code point
    const bool thin = std::string_view("iljtfI.,:;|'!()[] ").find(c) != std::string_view::npos;
    const bool wide = std::string_view("mwMW@%").find(c) != std::string_view::npos;
    width += thin ? 0.34 : wide ? 0.86 : 0.57;
  }
  return width * font_size;
}

}  // namespace assay::measure::report
