// A run record as something to read and to show: one HTML page that needs no network, or a Markdown table for an issue.
// Both are pure functions of the record, so a saved one can be drawn again anywhere. Names and reasons in a record come
// from foreign engines: all text is escaped and cut, and the page forbids itself everything but its own style.
#pragma once

#include <string>

#include "record/record.h"

namespace assay::measure {

// A whole HTML document: light, dark, narrow and printed, with the record in it (record_in_page.h), so that
// read_record(the page) is the matrix again. Sections without data are left out. At most page_bytes_max
// whatever the record holds: rows, points and texts beyond the limits of report/limits.h are counted, not drawn.
std::string to_html(const Matrix& matrix);

// A record larger than this is not kept inside its page, and the page says so.
inline constexpr std::size_t embedded_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t page_bytes_max = (std::size_t{8} << 20) + embedded_bytes_max;

// GitHub-flavoured Markdown: a headline, the table, what is to be said of its rows, and how to repeat it.
std::string to_markdown(const Matrix& matrix);

}  // namespace assay::measure
