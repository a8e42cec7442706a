// Fields of a JSON object by type, with errors that say where, what was met and what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace assay {

// A view of one object; `where` stands in front of keys in errors ("rope_scaling." or "").
class JsonFields final {
 public:
  JsonFields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  const Json& object() const { return object_; }
  std::string name(std::string_view key) const;
  const Json* find(std::string_view key) const;  // nullptr: absent or null

  // nullopt: absent or null. Errc::bad_value: another type, or a number that does not fit.
  Result<std::optional<std::uint32_t>> whole(std::string_view key) const;
  Result<std::optional<double>> number(std::string_view key) const;
  Result<std::optional<bool>> flag(std::string_view key) const;
  Result<std::optional<std::string>> text(std::string_view key) const;

  // Assigns where the field is there.
  Result<void> read(std::string_view key, std::uint32_t& target) const;
  Result<void> read(std::string_view key, double& target) const;
  Result<void> read(std::string_view key, bool& target) const;
  Result<void> read(std::string_view key, std::string& target) const;
  // Errc::not_found where it is not.
  Result<std::uint32_t> needed(std::string_view key) const;

  std::unexpected<Error> refuse(Errc code, std::string_view key, std::string_view met_and_expected) const;

 private:
  const Json& object_;
  std::string where_;
};

// Whether two values are the same, whatever the order of the keys.
bool same_json(const Json& a, const Json& b);

// The value as it stands in the file, cut to 80 characters, for errors.
std::string shown(const Json& value);

}  // namespace assay
