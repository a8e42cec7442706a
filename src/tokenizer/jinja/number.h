// Numbers as Python reads and writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace assay::jinja {

// float("..."): surrounding whitespace, underscores between digits, inf and nan; nothing on other text.
std::optional<double> parse_float(std::string_view text);

// int("...", base): signs, underscores, prefixes where base (0 or 2..36) allows. Empty: not an integer.
// Errc::unsupported when it is one but does not fit in 64 bits.
Result<std::optional<std::int64_t>> parse_int(std::string_view text, int base);

// repr(value): the shortest digits that read back the same.
std::string float_repr(double value);

// value with `precision` places in C's format 'f', 'e' or 'g' (capitals too); `alternate` keeps the point.
std::string format_real(double value, char type, int precision, bool alternate);

// round(value, places), ties to even on the exact binary value.
double round_places(double value, int places);

std::unexpected<Error> int_overflow(std::string_view operation);

}  // namespace assay::jinja
