// The matrix as JSON (docs/matrix.md has the schema), CSV and a table for people.
#pragma once

#include <string>

#include "base/json.h"
#include "measure/matrix.h"

namespace assay::measure {

Json to_json(const Estimate& estimate);  // {"median", "low", "high", "n"}; null where there is no value
Json to_json(const Parity& parity);
Json to_json(const device::HostFacts& facts);
Json to_json(const Matrix& matrix);

// One line per row after a header; fields with a comma, quote or newline are quoted (RFC 4180).
std::string to_csv(const Matrix& matrix);

// Fixed-width text, at most 120 columns, with what is noisy, refused or failed said below it.
std::string to_table(const Matrix& matrix);

}  // namespace assay::measure
