// The matrix as CSV and as a table for people; record_json.h has it as JSON.
#pragma once

#include <string>

#include "measure/record.h"

namespace assay::measure {

// One line per row after a header; fields with a comma, quote or newline are quoted (RFC 4180).
std::string to_csv(const Matrix& matrix);

// Fixed-width text, at most 120 columns, with what is noisy, refused or failed said below it.
std::string to_table(const Matrix& matrix);

}  // namespace assay::measure
