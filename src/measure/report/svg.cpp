#include "measure/report/svg.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "measure/report/format.h"

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

void Svg::polyline(std::span<const XY> points, std::string_view css_class) {
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
  put("\"/>");
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

void Svg::marker(XY c, std::size_t shape, double radius, std::string_view css_class, std::string_view text) {
  const auto corners = [&](std::span<const XY> points) {
    put("<polygon class=\"");
    put(css_class);
    put("\" points=\"");
    for (const XY& point : points) {
      put(c.x + point.x * radius);
      put(",");
      put(c.y + point.y * radius);
      put(" ");
    }
    put("\"");
    hint("polygon", text);
  };
  switch (shape % 5) {  // areas are about equal
    case 0:
      put("<circle class=\"");
      put(css_class);
      put("\" cx=\"");
      put(c.x);
      put("\" cy=\"");
      put(c.y);
      put("\" r=\"");
      put(radius);
      put("\"");
      hint("circle", text);
      return;
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
