// What the marks of a plot mean: one line of pictures with words, only of those that the plot has.
#pragma once

#include <string>

#include "report/plots.h"

namespace assay::measure::report {

// What a whisker or a bracket is, of these estimates: "96.9 % interval of the median", "range of 3".
// Empty where none of them has one.
std::string interval_meaning(const std::vector<const Estimate*>& estimates);

// HTML of a list; empty where there is nothing to explain. `value` says what the filled shape is: "median".
std::string legend(const DotPlot& plot, std::string_view value = "median");
std::string legend(const CurvePlot& plot, std::string_view band);

}  // namespace assay::measure::report
