// Kinds of plots, without knowing what a record is: values in, SVG out. Every plot has its unit at its axis, says so
// when the axis is logarithmic, and names its series beside them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "record/statistics.h"
#include "report/scale.h"
#include "report/svg.h"

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

// Beside the value of a row.
struct ExtraMark {
  Mark mark = Mark::cold;
  double value = no_value;
  std::string hint{};
};

struct DotRow {
  std::string label{};
  std::size_t series = 0;
  Mark mark = Mark::value;
  std::string group{};         // rows of one group are told from the others by a line with its name; empty: none
  Estimate estimate{};         // n = 0: nothing is drawn
  std::vector<double> each{};  // the single values behind it, in order
  std::vector<ExtraMark> extra{};
  double bound = no_value;   // an upright line
  std::string value_text{};  // at the right end
  std::string detail{};      // smaller, behind the label
};

struct DotPlot {
  std::string title{};
  std::string axis{};  // "tokens per second"
  std::string unit{};  // "tok/s", behind a single value
  std::vector<DotRow> rows{};
  Reference reference{};  // a line across wide plots, a row of its own in narrow ones
  bool bars = true;       // from zero to the value, on a linear axis
  ScaleWish wish{};
};
std::string draw(const DotPlot& plot, const Size& size);

// ---- curves; several panels share the x axis

struct CurvePoint {
  double x = 0;
  double y = no_value;
  double low = no_value;
  double high = no_value;
  std::size_t n = 0;    // values behind it
  double coverage = 0;  // of [low, high], as an Estimate's
  std::string note{};   // said of this point when it is looked at
};

struct Curve {
  std::string label{};
  std::size_t series = 0;
  Mark mark = Mark::value;  // of its points; a curve of cached prompts is dashed
  bool markers = true;      // with whiskers; otherwise the interval is a band
  bool named = true;        // at its end
  std::vector<CurvePoint> points{};
};

struct Panel {
  std::string axis{};  // what and its unit
  std::string unit{};  // behind a single value
  std::vector<Curve> curves{};
  Reference reference{};
  ScaleWish wish{};
  double height = 190;
};

struct CurvePlot {
  std::string title{};
  std::string x_axis{};
  std::string x_unit{};  // "at 512 TOKENS" of a single value
  // factors: counts that rise by factors, each with its tick. linear: from zero to the last. values: where the data lie.
  enum class X : std::uint8_t { factors, linear, values } x = X::factors;
  std::vector<Panel> panels{};
};
std::string draw(const CurvePlot& plot, const Size& size);

// ---- predicted parts stacked beside what was seen

struct StackRow {
  std::string label{};
  std::size_t series = 0;
  Mark mark = Mark::value;
  std::vector<double> parts{};  // of the prediction; empty: none
  std::vector<double> seen{};   // parts of what was seen; empty: none
};

struct StackPlot {
  std::string title{};
  std::string axis{};
  std::vector<std::string> part_names{};
  std::vector<std::string> seen_names{};
  std::vector<StackRow> rows{};
  std::string (*text)(double) = nullptr;  // of a value, with its unit
};
std::string draw(const StackPlot& plot, const Size& size);

}  // namespace assay::measure::report
