#include "base/json.h"

#include <string>
#include <unordered_set>
#include <vector>

#include "base/text.h"

namespace assay {
namespace {

// Builds nothing: finds the place of a syntax error and the depth, so that the real parse cannot run deep or throw.
struct Probe final : nlohmann::json_sax<Json> {
  std::size_t depth = 0;
  std::size_t error_at = 0;
  std::string message;
  bool unique = false;                             // refuse a key that stands twice in an object
  std::vector<std::unordered_set<string_t>> keys;  // of the objects around this place, when unique

  bool enter() {
    if (++depth <= json_depth_max) return true;
    message = "nested deeper than " + std::to_string(json_depth_max);
    return false;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    if (unique) keys.emplace_back();
    return enter();
  }
  bool key(string_t& text) override {
    if (!unique) return true;
    if (!keys.back().insert(text).second) {
      message = "key " + in_quotes(text) + " stands twice";
      return false;
    }
    if (keys.back().size() <= json_keys_max) return true;
    message = "an object with more than " + std::to_string(json_keys_max) + " keys";
    return false;
  }
  bool end_object() override {
    if (unique) keys.pop_back();
    --depth;
    return true;
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override {
    --depth;
    return true;
  }
  bool parse_error(std::size_t position, const std::string& last_token, const nlohmann::detail::exception&) override {
    error_at = position;
    message = "expected JSON, met \"" + last_token.substr(last_token.size() > 40 ? last_token.size() - 40 : 0) + "\"";
    return false;
  }
};

Result<Json> parse(std::string_view text, std::string_view what, bool unique) {
  Probe probe;
  probe.unique = unique;
  if (!Json::sax_parse(text, &probe))
    return fail(Errc::bad_value, std::string(what) + ": " + probe.message, probe.error_at);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) { return parse(text, what, /*unique=*/false); }

Result<Json> parse_json_unique(std::string_view text, std::string_view what) {
  return parse(text, what, /*unique=*/true);
}

}  // namespace assay
