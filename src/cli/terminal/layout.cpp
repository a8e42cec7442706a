#include "cli/terminal/layout.h"

#include <algorithm>

#include "cli/terminal/cells.h"

namespace assay::cli {

Layout lay_out(std::string_view prompt, std::string_view indent, std::string_view text, std::size_t cursor,
               std::size_t columns) {
  constexpr std::size_t tab = 4;
  const std::size_t most = std::max<std::size_t>(columns, 4) - 1;
  Layout out;
  std::string row;
  std::size_t width = 0;
  const auto begin = [&](std::string_view with) {
    row = cells(with) < most ? with : std::string_view();
    width = cells(row);
  };
  const auto mark = [&] {
    out.cursor_row = out.rows.size();
    out.before_cursor = row;
  };
  begin(prompt);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = next_character(text, at);
    const std::string_view character = text.substr(at, end - at);
    if (character == "\n") {
      if (at == cursor) mark();
      out.rows.push_back(row);
      begin(indent);
      at = end;
      continue;
    }
    const std::size_t wide = character == "\t" ? tab - width % tab : cells(character);
    if (width + wide > most && width > 0) {
      out.rows.push_back(row);
      begin("");
    }
    if (at == cursor) mark();
    if (character == "\t") {
      row.append(std::min(wide, most), ' ');
    } else {
      row += character;
    }
    width += wide;
    at = end;
  }
  if (cursor >= text.size()) mark();
  out.rows.push_back(row);
  return out;
}

}  // namespace assay::cli
