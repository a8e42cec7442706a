#include "adapter/upstream/json_fields.h"

#include <limits>

#include "base/text.h"

namespace assay::adapter::upstream {
namespace {

const Json* find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::unexpected<Error> unlike(std::string_view where, const char* key, const Json& value, std::string_view expected) {
  return fail(Errc::engine_lost,
              std::string(where) + key + " is " + shown(value) + ", expected " + std::string(expected));
}

}  // namespace

std::string shown(const Json& value) {
  // A container is not written out: it may be large.
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>(), 60);
  return value.dump();
}

Result<std::optional<std::uint32_t>> count_field(const Json& object, const char* key, std::string_view where) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::nullopt;
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  if (!value->is_number_integer() || (!value->is_number_unsigned() && value->get<std::int64_t>() < 0) ||
      value->get<std::uint64_t>() > most) {
    return unlike(where, key, *value, "0.." + std::to_string(most));
  }
  return value->get<std::uint32_t>();
}

Result<std::optional<std::string>> text_field(const Json& object, const char* key, std::string_view where) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return unlike(where, key, *value, "text");
  return value->get<std::string>();
}

Result<std::optional<bool>> bool_field(const Json& object, const char* key, std::string_view where) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) return unlike(where, key, *value, "true or false");
  return value->get<bool>();
}

Result<const Json*> object_field(const Json& object, const char* key, std::string_view where) {
  const Json* value = find(object, key);
  if (value != nullptr && !value->is_object()) return unlike(where, key, *value, "an object");
  return value;
}

Result<const Json*> array_field(const Json& object, const char* key, std::string_view where) {
  const Json* value = find(object, key);
  if (value != nullptr && !value->is_array()) return unlike(where, key, *value, "an array");
  return value;
}

Result<Json> parse_object(std::string_view text, std::string_view what) {
  auto json = parse_json(text, what);
  if (!json) {
    return fail(Errc::engine_lost,
                std::string(what) + " is no JSON (" + json.error().detail + "): " + in_quotes(text, 60));
  }
  if (!json->is_object()) {
    return fail(Errc::engine_lost, std::string(what) + " is " + shown(*json) + ", expected an object");
  }
  return json;
}

}  // namespace assay::adapter::upstream
