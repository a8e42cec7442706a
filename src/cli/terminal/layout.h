// A text with its prompt broken into the rows of a terminal, and where the cursor stands. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct Layout {
  std::vector<std::string> rows;  // as they are printed, each of fewer cells than the terminal has columns
  std::size_t cursor_row = 0;
  std::string before_cursor;  // the beginning of that row, up to the cursor
};

// prompt stands before the first line, `indent` before each other one. A row leaves the last column free, so that the
// cursor can stand behind it and no terminal begins a new row by itself. columns >= 4.
Layout lay_out(std::string_view prompt, std::string_view indent, std::string_view text, std::size_t cursor,
               std::size_t columns);

}  // namespace assay::cli
