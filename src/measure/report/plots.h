// Kinds of plots, without knowing what a record is: values in, SVG out. Every plot has its unit at its axis, says so
// when the axis is logarithmic, and names its series beside them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "measure/report/scale.h"
#include "measure/statistics.h"

namespace assay::measure::report {

inline constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

struct Size {
  double width = 440;  // narrow ones stand beside each other on a desk and alone on a telephone
  std::string css_class{};
};
inline constexpr double wide_from = 600;  // plots this wide put labels beside their rows

// A value that a thin line marks across a plot.
struct Reference {
  double value = no_value;
  std::string label{};
};

// ---- one line per engine, a value with its interval on a common axis

struct ExtraMark {
  enum class Shape : std::uint8_t { hollow, tick } shape = Shape::hollow;
  double value = no_value;
  std::string hint{};
};

struct DotRow {
  std::string label{};
  std::size_t series = 0;
  bool faint = false;          // a variant of the row of the same colour: drawn hollow
  Estimate estimate{};         // n = 0: nothing is drawn
  std::vector<double> each{};  // the single values behind it
  std::vector<ExtraMark> extra{};
  std::string value_text{};  // at the right end
  std::string detail{};      // smaller, behind the label
};

struct DotPlot {
  std::string title{};
  std::string axis{};  // "tokens per second"
  std::vector<DotRow> rows{};
  Reference reference{};
  bool bars = true;  // from zero to the value, on a linear axis
  ScaleWish wish{};
};
std::string draw(const DotPlot& plot, const Size& size);

// ---- curves; several panels share the x axis

struct CurvePoint {
  double x = 0;
  double y = no_value;
  double low = no_value;
  double high = no_value;
};

struct Curve {
  std::string label{};
  std::size_t series = 0;
  bool dashed = false;  // a second figure of the same series
  bool markers = true;  // with whiskers; otherwise the interval is a band
  std::vector<CurvePoint> points{};
};

struct Panel {
  std::string axis{};  // what and its unit
  std::vector<Curve> curves{};
  Reference reference{};
  ScaleWish wish{};
  double height = 190;
};

struct CurvePlot {
  std::string title{};
  std::string x_axis{};
  enum class X : std::uint8_t { factors, linear } x = X::factors;
  std::vector<Panel> panels{};
};
std::string draw(const CurvePlot& plot, const Size& size);

// ---- predicted parts stacked beside what was seen

struct StackRow {
  std::string label{};
  std::size_t series = 0;
  std::vector<double> parts{};  // of the prediction; empty: none
  double seen = no_value;
};

struct StackPlot {
  std::string title{};
  std::string axis{};
  std::vector<std::string> part_names{};
  std::vector<StackRow> rows{};
  std::string (*text)(double) = nullptr;  // of a value, with its unit
};
std::string draw(const StackPlot& plot, const Size& size);

}  // namespace assay::measure::report
