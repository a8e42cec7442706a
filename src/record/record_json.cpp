#include "record/record_json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/mapped_file.h"
#include "base/text.h"
#include "record/record_fields.h"
#include "record/record_in_page.h"

namespace assay::measure {
namespace {

constexpr std::size_t list_max = 100'000;
constexpr std::size_t text_max = std::size_t{64} << 10;

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;
template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;
template <class T>
concept Named = requires { fields::EnumNames<T>::names; };

// ---- writing

template <class T>
Json write(const T& value);

struct Writer {
  Json out = Json::object();

  template <class T>
  void operator()(const char* key, const T& value, const char*) {
    out[key] = write(value);
  }
  template <class T>
  void added(const char* key, const T& value, const char*) {
    out[key] = write(value);
  }
  void nullable(const char* key, const std::string& value, const char*) {
    out[key] = value.empty() ? Json(nullptr) : Json(value);
  }
  template <class T>
  void derived(const char* key, T value, const char*) {
    out[key] = write(value);
  }
  void version() { out["version"] = record_version; }
};

template <class T>
Json write(const T& value) {
  if constexpr (std::is_same_v<T, double>) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (Named<T>) {
    return fields::EnumNames<T>::names[static_cast<std::size_t>(value)];
  } else if constexpr (is_optional<T>) {
    return value ? write(*value) : Json(nullptr);
  } else if constexpr (is_vector<T>) {
    Json out = Json::array();
    for (const auto& item : value) out.push_back(write(item));
    return out;
  } else {
    if constexpr (std::is_same_v<T, Estimate>) {
      if (value.n == 0) return nullptr;
    }
    Writer writer;
    fields::visit(writer, value);
    return std::move(writer.out);
  }
}

// ---- reading

std::string kind_of(const Json& json) {
  if (json.is_string()) {
    const std::string text = json.get<std::string>();
    return text.size() <= 40 ? in_quotes(text) : "a text of " + std::to_string(text.size()) + " bytes";
  }
  return json.is_primitive() ? json.dump() : std::string("an ") + (json.is_array() ? "array" : "object");
}

template <class T>
Result<void> read(const Json& json, const std::string& path, T& value);

Result<void> wrong(const std::string& path, const Json& met, const std::string& expected) {
  return fail(Errc::bad_value, path + ": met " + kind_of(met) + ", expected " + expected);
}

// Takes the fields of one object; remembers the first error and skips the rest.
struct Reader {
  const Json& in;
  const std::string& path;
  std::size_t taken = 0;  // keys of `in` that a field asked for
  Result<void> result{};
  std::vector<std::string_view> known{};

  const Json* find(const char* key, bool may_be_missing) {
    known.emplace_back(key);
    if (!result) return nullptr;
    const auto at = in.find(key);
    if (at != in.end()) {
      ++taken;
      return &*at;
    }
    if (!may_be_missing) result = fail(Errc::bad_value, path + key + ": is missing");
    return nullptr;
  }
  template <class T>
  void operator()(const char* key, T& value, const char*) {
    constexpr bool nullable = is_optional<T> || std::is_same_v<T, double> || std::is_same_v<T, Estimate>;
    const Json* json = find(key, nullable);
    if (json == nullptr) {
      if constexpr (std::is_same_v<T, double>) value = not_told;
      return;
    }
    result = read(*json, path + key, value);
  }
  // A field that records of an earlier assay lack: it keeps its default.
  template <class T>
  void added(const char* key, T& value, const char*) {
    if (const Json* json = find(key, true)) result = read(*json, path + key, value);
  }
  void nullable(const char* key, std::string& value, const char*) {
    const Json* json = find(key, true);
    if (json != nullptr && !json->is_null()) result = read(*json, path + key, value);
  }
  template <class T>
  void derived(const char* key, T, const char*) {
    const Json* json = find(key, true);
    if (json == nullptr || json->is_null()) return;
    if (is_optional<T> ? !json->is_boolean() : !json->is_number()) {
      result = wrong(path + key, *json, is_optional<T> ? "true or false" : "a number");
    }
  }
  void version() {
    const Json* json = find("version", false);
    if (json != nullptr && *json != record_version && *json != record_version_least) {
      result = wrong(path + "version", *json,
                     std::to_string(record_version_least) + " or " + std::to_string(record_version));
    }
  }
  Result<void> finish() {
    if (!result || taken == in.size()) return result;
    for (const auto& [key, value] : in.items()) {
      if (std::ranges::find(known, key) == known.end()) {
        return fail(Errc::bad_value, path + key + ": no such field in records of version " +
                                         std::to_string(record_version) + "; was it made by a newer assay?");
      }
    }
    return {};
  }
};

template <class T>
Result<void> read_integer(const Json& json, const std::string& path, T& value) {
  const auto expected = [] {
    return "an integer of " + std::to_string(std::numeric_limits<T>::min()) + ".." +
           std::to_string(std::numeric_limits<T>::max());
  };
  if (!json.is_number_integer()) return wrong(path, json, expected());
  if (json.is_number_unsigned()) {
    const auto met = json.get<std::uint64_t>();
    if (!std::in_range<T>(met)) return wrong(path, json, expected());
    value = static_cast<T>(met);
    return {};
  }
  const auto met = json.get<std::int64_t>();
  if (!std::in_range<T>(met)) return wrong(path, json, expected());
  value = static_cast<T>(met);
  return {};
}

template <class T>
Result<void> read_list(const Json& json, const std::string& path, std::vector<T>& values) {
  if (!json.is_array()) return wrong(path, json, "an array");
  if (json.size() > list_max) {
    return fail(Errc::bad_value, path + ": has " + std::to_string(json.size()) + " elements, expected at most " +
                                     std::to_string(list_max));
  }
  values.resize(json.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSAY_TRY(read(json[i], path + "[" + std::to_string(i) + "]", values[i]));
  }
  return {};
}

template <class T>
Result<void> read_name(const Json& json, const std::string& path, T& value) {
  std::string expected;
  for (std::size_t i = 0; i < fields::EnumNames<T>::names.size(); ++i) {
    const std::string name = fields::EnumNames<T>::names[i];
    if (json.is_string() && json.get_ref<const std::string&>() == name) {
      value = static_cast<T>(i);
      return {};
    }
    expected += (i == 0 ? "" : ", ") + name;
  }
  return wrong(path, json, "one of " + expected);
}

template <class T>
Result<void> read(const Json& json, const std::string& path, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) return wrong(path, json, "true or false");
    value = json.get<bool>();
    return {};
  } else if constexpr (std::is_same_v<T, double>) {
    if (json.is_null()) {
      value = not_told;
      return {};
    }
    if (!json.is_number()) return wrong(path, json, "a number or null");
    value = json.get<double>();
    return {};
  } else if constexpr (std::is_integral_v<T>) {
    return read_integer(json, path, value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) return wrong(path, json, "a text");
    value = json.get<std::string>();
    return value.size() <= text_max ? Result<void>()
                                    : wrong(path, json, "at most " + std::to_string(text_max) + " bytes");
  } else if constexpr (Named<T>) {
    return read_name(json, path, value);
  } else if constexpr (is_optional<T>) {
    if (json.is_null()) return {};
    return read(json, path, value.emplace());
  } else if constexpr (is_vector<T>) {
    return read_list(json, path, value);
  } else {
    if (std::is_same_v<T, Estimate> && json.is_null()) return {};
    if (!json.is_object()) return wrong(path.empty() ? "record" : path, json, "an object");
    const std::string prefix = path.empty() ? "" : path + ".";
    Reader reader{json, prefix};
    fields::visit(reader, value);
    return reader.finish();
  }
}

// ---- schema

template <class T>
Json schema_of();

Json or_null(Json schema) { return {{"anyOf", {std::move(schema), {{"type", "null"}}}}}; }

struct SchemaMaker {
  Json properties = Json::object();
  Json required = Json::array();

  void add(const char* key, Json schema, const char* meaning, bool always) {
    if (*meaning != '\0') schema["description"] = meaning;
    properties[key] = std::move(schema);
    if (always) required.push_back(key);
  }
  template <class T>
  void operator()(const char* key, const T&, const char* meaning) {
    constexpr bool nullable = is_optional<T> || std::is_same_v<T, double> || std::is_same_v<T, Estimate>;
    add(key, schema_of<T>(), meaning, !nullable);
  }
  template <class T>
  void added(const char* key, const T&, const char* meaning) {
    add(key, schema_of<T>(), meaning, false);
  }
  void nullable(const char* key, const std::string&, const char* meaning) {
    add(key, {{"type", {"string", "null"}}}, meaning, false);
  }
  template <class T>
  void derived(const char* key, T, const char* meaning) {
    add(key, {{"type", {is_optional<T> ? "boolean" : "number", "null"}}}, meaning, false);
  }
  void version() { add("version", {{"const", record_version}}, "of this schema", true); }
};

template <class T>
Json schema_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (std::is_same_v<T, double>) {
    return {{"type", {"number", "null"}}};
  } else if constexpr (std::is_integral_v<T>) {
    Json out{{"type", "integer"}};
    if (std::is_unsigned_v<T>) out["minimum"] = 0;
    return out;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return {{"type", "string"}};
  } else if constexpr (Named<T>) {
    return {{"enum", fields::EnumNames<T>::names}};
  } else if constexpr (is_optional<T>) {
    return or_null(schema_of<typename T::value_type>());
  } else if constexpr (is_vector<T>) {
    return {{"type", "array"}, {"maxItems", list_max}, {"items", schema_of<typename T::value_type>()}};
  } else {
    SchemaMaker maker;
    T value{};
    fields::visit(maker, value);
    Json out{{"type", "object"}};
    out["additionalProperties"] = false;
    out["properties"] = std::move(maker.properties);
    out["required"] = std::move(maker.required);
    return std::is_same_v<T, Estimate> ? or_null(std::move(out)) : out;
  }
}

// What version 1 did not write, or wrote with another meaning.
void from_version_1(Matrix& matrix) {
  const auto percentile = [](Delay& delay) {
    if (delay.samples < percentile_values_min) delay.p99_ms = not_told;
  };
  const auto no_interval = [](Estimate& e) { e = {e.median, not_told, not_told, e.n, 0}; };
  percentile(matrix.environment.idle.timer);
  percentile(matrix.environment.idle.pages);
  for (Row& row : matrix.rows) {
    percentile(row.foreground.timer);
    percentile(row.foreground.pages);
    row.memory.accounted = std::exchange(row.memory.predicted, std::nullopt);  // it was read after the rounds
    if (row.open_loop) {
      no_interval(row.open_loop->ttft_ms);  // of a bootstrap over neighbours as if they were independent
      no_interval(row.open_loop->decode_tok_s);
      percentile(row.open_loop->late);
    }
    if (!row.subject.text_only) continue;
    for (Timing& timing : row.rounds) timing.first_tokens = 0;  // a piece of text, of an unknown count of tokens
    for (std::optional<Timing>* timing : {&row.first, &row.cold}) {
      if (*timing) (*timing)->first_tokens = 0;
    }
    for (ContextPoint& point : row.context_sweep) {
      for (Timing& timing : point.rounds) timing.first_tokens = 0;
    }
    for (StreamPoint& point : row.stream_sweep) {
      for (Timing& timing : point.rounds) timing.first_tokens = 0;
    }
  }
}

}  // namespace

Json to_json(const Estimate& estimate) { return write(estimate); }
Json to_json(const Parity& parity) { return write(parity); }
Json to_json(const host::HostFacts& facts) { return write(facts); }
Json to_json(const Matrix& matrix) { return write(matrix); }

Result<Matrix> matrix_from_json(const Json& json) {
  Matrix out;
  ASSAY_TRY(read(json, "", out));
  if (json["version"] != record_version) {
    from_version_1(out);
    derive(out);
  }
  return out;
}

Result<Matrix> parse_record(std::string_view text, std::string_view name) {
  if (text.size() > record_bytes_max) {
    return fail(Errc::bad_value, std::string(name) + ": has " + std::to_string(text.size()) +
                                     " bytes, expected at most " + std::to_string(record_bytes_max));
  }
  if (is_page(text)) {
    const auto embedded = record_in_page(text, name);
    if (!embedded) return std::unexpected(embedded.error());
    text = *embedded;
  }
  const auto json = parse_json_unique(text, name);
  if (!json) return std::unexpected(json.error());
  auto out = matrix_from_json(*json);
  if (!out) return std::unexpected(with_context(name, std::move(out.error())));
  return out;
}

Result<Matrix> read_record(const std::string& path) {
  const auto text = read_text_file(path, record_bytes_max);
  if (!text) return std::unexpected(text.error());
  return parse_record(*text, path);
}

Json record_schema() {
  Json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "assay matrix record"}};
  out.update(schema_of<Matrix>());
  return out;
}

}  // namespace assay::measure
