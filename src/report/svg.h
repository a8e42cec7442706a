// Writes SVG elements. Colours and fonts are classes of the page's style (style.h), so that one drawing serves light,
// dark and paper; coordinates are in units of about one pixel.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace assay::measure::report {

struct XY {
  double x = 0;
  double y = 0;
};

// What a mark says, each by its look alone; legend.h explains those that a plot has.
enum class Mark : unsigned char {
  value,    // the series' shape, filled: a median
  cached,   // ... small in a ring: prompts seen just before
  shorter,  // ... cut across: requests of other lengths
  cold,     // hollow circle: the cold round
  rms,      // plus: root mean square
  pages,    // cross: touching pages
  limit,    // short level line: what reading memory allows
};

enum class Anchor : unsigned char { start, middle, end };

class Svg final {
 public:
  // title and description are read aloud and are plain text; they are escaped here, as all text is.
  Svg(double width, double height, std::string_view title, std::string_view description, std::string_view extra_class);

  // A small picture beside words that say the same: not read aloud.
  Svg(double width, double height);

  void line(XY from, XY to, std::string_view css_class);
  // Several lines of one class as one element.
  struct Stroke {
    XY from;
    XY to;
  };
  void strokes(std::span<const Stroke> strokes, std::string_view css_class);
  void rectangle(XY corner, double width, double height, std::string_view css_class, std::string_view hint = {});
  // hints: none, or one for each point; they stand in an attribute, '|' between them.
  void polyline(std::span<const XY> points, std::string_view css_class, std::span<const std::string> hints = {});
  void polygon(std::span<const XY> points, std::string_view css_class);
  // The shape belongs to the series as its colour does, so that colour is never needed to tell two apart. `hint` is what
  // a reader sees who points at it or goes there by keyboard.
  void mark(XY centre, Mark mark, std::size_t series, double radius, std::string_view hint = {});
  // A short line that is a value: a single round, a bound.
  void tick(XY from, XY to, std::string_view css_class, std::string_view hint);
  void dot(XY centre, double radius, std::string_view css_class);
  void text(XY at, std::string_view text, std::string_view css_class, Anchor anchor = Anchor::start);
  // Everything until close() has the colour of this series.
  void open_series(std::size_t index, std::string_view css_class = {});
  void close();

  std::string finish();

 private:
  void put(std::string_view text) { out_ += text; }
  void put(double value);
  void hint(std::string_view element, std::string_view text);
  void number(std::string_view attribute, double value);
  void shape(XY centre, std::size_t series, double radius, std::string_view css_class);

  std::string out_;
};

inline constexpr std::size_t series_colours = 8;

// Width of a text in the page's sans-serif at this size; good to about a tenth.
double text_width(std::string_view text, double font_size);

}  // namespace assay::measure::report
