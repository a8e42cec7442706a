// Fields of a JSON object from outside: each absent, or of the expected type, or an error that names both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace assay::adapter::upstream {

// Null counts as absent. Errc::engine_lost: "usage.prompt_tokens is \"x\", expected 0..2147483647".
Result<std::optional<std::uint32_t>> count_field(const Json& object, const char* key, std::string_view where);
Result<std::optional<std::string>> text_field(const Json& object, const char* key, std::string_view where);
Result<std::optional<bool>> bool_field(const Json& object, const char* key, std::string_view where);
// The object or array behind a key; null where it is absent or null. Errc::engine_lost where it is something else.
Result<const Json*> object_field(const Json& object, const char* key, std::string_view where);
Result<const Json*> array_field(const Json& object, const char* key, std::string_view where);

// A value as an error shows it: at most 60 bytes of its JSON, printable.
std::string shown(const Json& value);

// A server's JSON document that must be an object. Errc::engine_lost otherwise, with its beginning.
Result<Json> parse_object(std::string_view text, std::string_view what);

}  // namespace assay::adapter::upstream
