// Text that crosses the border: UTF-8 that a terminal, a log and a report can show as it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::adapter {

// Valid UTF-8 without control characters (C0, DEL, C1) and without the marks that turn the direction of writing.
bool is_plain_text(std::string_view text);

// Made so: each run of line breaks, tabs and blanks is one blank, every other byte that may not be is '?'; cut to at most
// `bytes_max` bytes between characters.
std::string plain_text(std::string_view text, std::size_t bytes_max);

}  // namespace assay::adapter
