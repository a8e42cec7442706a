#include "adapter/worker/members.h"

#include <algorithm>

#include "adapter/worker/plain_text.h"
#include "base/text.h"

namespace assay::adapter {
namespace {

std::string met(const Json& value) {
  if (value.is_string()) return "met " + in_quotes(value.get_ref<const std::string&>());
  if (value.is_structured()) return value.is_object() ? "met an object" : "met a list";
  return "met " + value.dump();
}

const Json& no_members() {
  static const Json none = Json::object();
  return none;
}

}  // namespace

Members::Members(const Json& json, std::string_view where)
    : json_(json.is_object() ? json : no_members()), where_(where) {
  if (!json.is_object()) result_ = fail(Errc::bad_value, where_ + ": " + met(json) + ", expected an object");
}

void Members::complain(std::string_view key, const std::string& what) {
  if (result_) result_ = fail(Errc::bad_value, "key " + in_quotes(where_ + std::string(key)) + ": " + what);
}

const Json* Members::take(std::string_view key) {
  taken_.emplace_back(key);
  const auto found = json_.find(taken_.back());
  if (found != json_.end()) return &*found;
  complain(key, "is missing");
  return nullptr;
}

void Members::take_whole(std::string_view key, std::uint64_t& target, std::uint64_t least, std::uint64_t most) {
  const Json* value = take(key);
  if (value == nullptr) return;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() < least || value->get<std::uint64_t>() > most) {
    complain(key,
             met(*value) + ", expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return;
  }
  target = value->get<std::uint64_t>();
}

void Members::flag(std::string_view key, bool& target) {
  const Json* value = take(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return complain(key, met(*value) + ", expected true or false");
  target = value->get<bool>();
}

void Members::text(std::string_view key, std::string& target, std::size_t bytes_max) {
  const Json* value = take(key);
  if (value == nullptr) return;
  const auto* text = value->get_ptr<const std::string*>();
  if (text == nullptr || text->size() > bytes_max || !is_plain_text(*text)) {
    return complain(key, met(*value) + ", expected plain text of at most " + std::to_string(bytes_max) + " bytes");
  }
  target = *text;
}

void Members::one_of(std::string_view key, std::string& target, std::span<const std::string_view> words) {
  const Json* value = take(key);
  if (value == nullptr) return;
  const auto* text = value->get_ptr<const std::string*>();
  if (text == nullptr || std::ranges::find(words, *text) == words.end()) {
    std::string expected;
    for (const auto word : words) expected += (expected.empty() ? "" : ", ") + std::string(word);
    return complain(key, met(*value) + ", expected one of " + expected);
  }
  target = *text;
}

void Members::texts(std::string_view key, std::vector<std::string>& target, std::size_t count_max,
                    std::size_t bytes_max) {
  const Json* value = take(key);
  if (value == nullptr) return;
  if (!value->is_array() || value->size() > count_max) {
    return complain(key, met(*value) + ", expected a list of at most " + std::to_string(count_max) + " texts");
  }
  target.clear();
  for (const Json& item : *value) {
    const auto* text = item.get_ptr<const std::string*>();
    if (text == nullptr || text->size() > bytes_max || !is_plain_text(*text)) {
      return complain(key, met(item) + ", expected plain text of at most " + std::to_string(bytes_max) + " bytes");
    }
    target.push_back(*text);
  }
}

const Json& Members::object(std::string_view key) {
  const Json* value = take(key);
  return value == nullptr ? no_members() : *value;
}

Result<void> Members::end() {
  if (!result_) return result_;
  for (const auto& [key, value] : json_.items()) {
    if (std::ranges::find(taken_, key) == taken_.end()) {
      complain(key, "is not known");
      return result_;
    }
  }
  return result_;
}

}  // namespace assay::adapter
