#include "checkpoint/json_fields.h"

#include <cmath>

#include "base/text.h"

namespace assay {

bool same_json(const Json& a, const Json& b) { return nlohmann::json(a) == nlohmann::json(b); }

std::string shown(const Json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return value.dump();
}

std::string JsonFields::name(std::string_view key) const { return in_quotes(where_ + std::string(key)); }

const Json* JsonFields::find(std::string_view key) const {
  const auto found = object_.find(std::string(key));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::unexpected<Error> JsonFields::refuse(Errc code, std::string_view key, std::string_view met_and_expected) const {
  return fail(code, "key " + name(key) + ": " + std::string(met_and_expected));
}

Result<std::optional<std::uint32_t>> JsonFields::whole(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::optional<std::uint32_t>();
  if (value->is_number_unsigned() && value->get<std::uint64_t>() <= UINT32_MAX)
    return std::optional(static_cast<std::uint32_t>(value->get<std::uint64_t>()));
  if (value->is_number_float()) {  // 8192.0 as some tools write it
    const double number = value->get<double>();
    if (number >= 0 && number <= UINT32_MAX && number == std::floor(number))
      return std::optional(static_cast<std::uint32_t>(number));
  }
  return refuse(Errc::bad_value, key, "met " + shown(*value) + ", expected a whole number from 0 to 4294967295");
}

Result<std::optional<double>> JsonFields::number(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::optional<double>();
  if (value->is_number()) return std::optional(value->get<double>());
  return refuse(Errc::bad_value, key, "met " + shown(*value) + ", expected a number");
}

Result<std::optional<bool>> JsonFields::flag(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::optional<bool>();
  if (value->is_boolean()) return std::optional(value->get<bool>());
  return refuse(Errc::bad_value, key, "met " + shown(*value) + ", expected true or false");
}

Result<std::optional<std::string>> JsonFields::text(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::optional<std::string>();
  if (value->is_string()) return std::optional(value->get<std::string>());
  return refuse(Errc::bad_value, key, "met " + shown(*value) + ", expected a string");
}

namespace {

template <class T>
Result<void> assign(Result<std::optional<T>> value, T& target) {
  if (!value) return std::unexpected(std::move(value.error()));
  if (*value) target = std::move(**value);
  return {};
}

}  // namespace

Result<void> JsonFields::read(std::string_view key, std::uint32_t& target) const { return assign(whole(key), target); }
Result<void> JsonFields::read(std::string_view key, double& target) const { return assign(number(key), target); }
Result<void> JsonFields::read(std::string_view key, bool& target) const { return assign(flag(key), target); }
Result<void> JsonFields::read(std::string_view key, std::string& target) const { return assign(text(key), target); }

Result<std::uint32_t> JsonFields::needed(std::string_view key) const {
  auto value = whole(key);
  if (!value) return std::unexpected(std::move(value.error()));
  if (*value) return **value;
  return refuse(Errc::not_found, key, "is missing");
}

}  // namespace assay
