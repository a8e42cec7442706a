// The matrix as CSV and as a table for people; record_json.h has it as JSON.
#pragma once

#include <string>

#include "base/style.h"
#include "record/record.h"

namespace assay::measure {

// A line of names, then one line per row and one per point of its sweeps, open loop and soak: `part` says which, `at` where.
// Fields with a comma, quote or newline are quoted (RFC 4180).
std::string to_csv(const Matrix& matrix);

inline constexpr std::size_t table_columns = 80;  // that tables fit into; notes below them are broken there

// Fixed-width text; bold headings, failures stand out. With what is noisy, refused or failed said below it.
std::string to_table(const Matrix& matrix, const Style& style = Style());

}  // namespace assay::measure
