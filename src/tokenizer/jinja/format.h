// "%..." % values and "{...}".format(values), as Python formats.
#pragma once

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

// format.is_text(). values: a tuple of values, a dict for %(name)s, or one value.
Result<Value> percent_format(Machine& machine, const Value& format, const Value& values);
Result<Value> brace_format(Machine& machine, const Value& format, const Arguments& arguments);

// A parsed [[fill]align][sign][z][#][0][width][grouping][.precision][type].
struct FormatSpec {
  std::string fill = " ";
  char align = 0;  // '<', '>', '^', '=' or 0: by type
  char sign = '-';
  bool alternate = false;
  char grouping = 0;  // ',' or '_'
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = 0;
};
Result<Value> format_value(Machine& machine, const Value& value, std::string_view spec);

// text to `width` code points with `fill`, `left` of it before the text.
enum class Align : std::uint8_t { left, right, centre };
std::string pad(std::string_view text, std::int64_t width, std::string_view fill, Align align);

}  // namespace assay::jinja
