// Strings as Python sees them: sequences of code points with Unicode's properties and case mappings (from utf8proc).
// Every std::string here is valid UTF-8; every position and count is in code points unless a name says bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::jinja {

using Point = std::int32_t;

bool is_utf8(std::string_view bytes);
std::size_t count_points(std::string_view bytes);

// The code point at byte `at`; `at` moves past it. at < bytes.size().
Point next_point(std::string_view bytes, std::size_t& at);
// The code point that ends before byte `at`; `at` moves to its first byte. at > 0.
Point previous_point(std::string_view bytes, std::size_t& at);
void append_point(std::string& out, Point point);
std::vector<Point> points_of(std::string_view bytes);
// Byte offset of the code point with this index; bytes.size() past the end.
std::size_t byte_offset(std::string_view bytes, std::size_t index);

bool is_space(Point point);
bool is_alpha(Point point);
bool is_alnum(Point point);
bool is_decimal(Point point);  // str.isdecimal
bool is_digit(Point point);    // str.isdigit: decimals and superscripts
bool is_numeric(Point point);  // str.isnumeric
bool is_upper(Point point);
bool is_lower(Point point);
bool is_title(Point point);
bool is_printable(Point point);  // repr shows it as it is
bool is_identifier_start(Point point);
bool is_identifier_part(Point point);
int decimal_value(Point point);  // 0..9, or -1

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string casefold(std::string_view text);
std::string title(std::string_view text);
std::string capitalize(std::string_view text);
std::string swapcase(std::string_view text);

enum class Side : std::uint8_t { left, right, both };
// Without the outer code points that are whitespace, or that are in `set`.
std::string_view strip(std::string_view text, Side side);
std::string_view strip(std::string_view text, std::string_view set, Side side);

}  // namespace assay::jinja
