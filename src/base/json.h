// JSON by nlohmann-json, parsed without exceptions and with a bound on depth. Objects keep their order.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"

namespace assay {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t json_depth_max = 128;  // deeper than any real config; keeps recursion off the stack's end

// Errc::bad_value with the byte offset; `what` names the document in the error.
Result<Json> parse_json(std::string_view text, std::string_view what);

inline constexpr std::size_t json_keys_max = 20'000;  // ordered objects are searched key by key: n^2 when they grow

// The same for documents with small objects: Errc::bad_value where an object has a key twice or more than json_keys_max.
Result<Json> parse_json_unique(std::string_view text, std::string_view what);

}  // namespace assay
