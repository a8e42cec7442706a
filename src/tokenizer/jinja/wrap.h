// Filling lines to a width, as Python's textwrap does with tabs and whitespace kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::jinja {

struct WrapOptions {
  std::int64_t width = 79;  // code points, > 0
  bool break_long_words = true;
  bool break_on_hyphens = true;
};
std::vector<std::string> wrap_line(std::string_view line, const WrapOptions& options);

}  // namespace assay::jinja
