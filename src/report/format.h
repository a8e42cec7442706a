// Numbers and foreign text as a reader meets them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "record/record.h"
#include "record/statistics.h"
#include "report/limits.h"

namespace assay::measure::report {

// With the decimals of printed.h, as the terminal shows it, and as print sets it ("0.264", "61.2", "1425", "39 449"); with
// an exponent where that could not be read ("3.2×10⁻⁶"). What is not finite is an en dash.
std::string number(double value);
std::string fixed(double value, int decimals);

// "[60.1, 62.0]"; empty where there are fewer than two values.
std::string interval(const Estimate& estimate);

// The slow end of a distribution: the 99th percentile where there are values enough to have one, else the largest.
struct Tail {
  double ms = 0;       // NaN: nothing is known
  std::string name{};  // "p99", "max of 9"
};
Tail tail_of_delay(const Delay& delay);

std::string percent(double share);     // 0.863 -> "86.3 %"
std::string multiple(double ratio);    // 1.48 -> "1.48×"
std::string bytes(double count);       // "333 MiB"
std::string seconds(double value);     // "6 min 12 s"
std::string utc(std::int64_t unix_s);  // "23 Nov 2026, 12:27 UTC"; empty for 0

// Valid UTF-8 without control characters, marks that turn the reading direction, and more than bytes_max bytes; an
// ellipsis stands for the rest. Line breaks become spaces.
std::string clean(std::string_view text, std::size_t bytes_max = text_max);
// clean(), with & < > " ' as entities: fit for elements and quoted attributes of HTML and SVG.
std::string escaped(std::string_view text, std::size_t bytes_max = text_max);
// clean(), fit for a cell of a Markdown table: nothing in it is markup or calls a person.
std::string markdown(std::string_view text, std::size_t bytes_max = text_max);

// At most `characters` code points, an ellipsis for the middle: the ends of versions and paths tell them apart.
std::string shortened(std::string_view text, std::size_t characters);
std::size_t code_points(std::string_view text);

}  // namespace assay::measure::report
