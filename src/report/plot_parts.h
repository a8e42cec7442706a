// What the plots share: axes at the bottom and the names of scales.
#pragma once

#include <string>
#include <string_view>

#include "report/plots.h"
#include "report/scale.h"
#include "report/svg.h"

namespace assay::measure::report {

inline constexpr double label_size = 13;  // font sizes of style.cpp
inline constexpr double tick_size = 11.5;

struct Span {
  double from = 0;
  double to = 0;
  double at(double share) const { return from + (to - from) * share; }
};

inline std::string axis_title(std::string_view title, const Scale& scale) {
  return std::string(title) + (scale.logarithmic ? " (log scale)" : "");
}

// Grid lines from top to bottom and numbers below; numbers that would touch the one before are left out.
void draw_bottom_axis(Svg& svg, const Scale& scale, Span x, Span y, std::string_view title);

}  // namespace assay::measure::report
