#include "tokenizer/json_parts.h"

namespace assay {
namespace {

std::string path_of(std::string_view where, std::string_view key) {
  return std::string(where) + "." + std::string(key);
}

}  // namespace

const Json* json_find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::unexpected<Error> json_refuse(std::string_view where, std::string_view what) {
  return fail(Errc::unsupported, std::string(where) + ": " + std::string(what) + " is not done");
}

std::unexpected<Error> json_wrong(std::string_view where, std::string_view expected) {
  return fail(Errc::bad_value, std::string(where) + ": expected " + std::string(expected));
}

Result<std::string> json_text(const Json& object, std::string_view key, std::string_view where) {
  const Json* value = json_find(object, key);
  if (value == nullptr || !value->is_string()) return json_wrong(path_of(where, key), "a text");
  return value->get<std::string>();
}

Result<bool> json_bool(const Json& object, std::string_view key, bool fallback, std::string_view where) {
  const Json* value = json_find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return json_wrong(path_of(where, key), "true or false");
  return value->get<bool>();
}

Result<std::int64_t> json_integer(const Json& object, std::string_view key, std::int64_t fallback,
                                  std::string_view where) {
  const Json* value = json_find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) return json_wrong(path_of(where, key), "an integer");
  return value->get<std::int64_t>();
}

Result<const Json*> json_list(const Json& object, std::string_view key, std::string_view where) {
  const Json* value = json_find(object, key);
  if (value == nullptr || !value->is_array()) return json_wrong(path_of(where, key), "a list");
  return value;
}

Result<Regex> json_pattern(const Json& object, std::string_view where) {
  const Json* pattern = json_find(object, "pattern");
  if (pattern != nullptr) {
    const std::string path = path_of(where, "pattern");
    if (json_find(*pattern, "String") != nullptr) {
      auto text = json_text(*pattern, "String", path);
      if (!text) return std::unexpected(text.error());
      return Regex::literal(*text);
    }
    if (json_find(*pattern, "Regex") != nullptr) {
      const auto text = json_text(*pattern, "Regex", path);
      if (!text) return std::unexpected(text.error());
      return Regex::compile(*text);
    }
  }
  return json_wrong(path_of(where, "pattern"), "{\"String\": ..} or {\"Regex\": ..}");
}

}  // namespace assay
