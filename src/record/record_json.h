// A Matrix as a JSON document and back. docs/record.md has the fields, docs/record.schema.json the JSON Schema.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "record/record.h"

namespace assay::measure {

inline constexpr int record_version = 2;        // fields may be added, never renamed without another
inline constexpr int record_version_least = 1;  // still read: its figures are derived again from its requests
inline constexpr std::size_t record_bytes_max = std::size_t{64} << 20;

Json to_json(const Estimate& estimate);  // {"median", "low", "high", "n", "coverage"}; null where there is no value
Json to_json(const Parity& parity);
Json to_json(const host::HostFacts& facts);
Json to_json(const Matrix& matrix);

// Errc::bad_value names the key by its path ("rows[1].ttft_ms.low"): unknown, missing, of another type, out of range.
// Keys that may be null, and those that are `added` in record_fields.h, may be missing: they were added later. Values that the writer derives from others are checked
// for their type and computed again.
Result<Matrix> matrix_from_json(const Json& json);

// Text of a record, or of a report's page with one in it (record_in_page.h). Errc::bad_value also for more than record_bytes_max and for a key that stands twice.
Result<Matrix> parse_record(std::string_view text, std::string_view name);
Result<Matrix> read_record(const std::string& path);

// The JSON Schema (draft 2020-12) of to_json(Matrix).
Json record_schema();

}  // namespace assay::measure
