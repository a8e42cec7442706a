#include "adapter/upstream/upstream_choice.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "base/mapped_file.h"
#include "base/text.h"

namespace assay::adapter::upstream {
namespace {

constexpr std::array kinds{Kind::llama_server, Kind::mlx_lm, Kind::ollama, Kind::lm_studio, Kind::openai};
constexpr std::size_t key_file_bytes_max = 64 << 10;

// Where each listens unless told otherwise.
std::string_view own_place(Kind kind) {
  switch (kind) {
    case Kind::llama_server:
    case Kind::mlx_lm:
      return "http://127.0.0.1:8080";
    case Kind::ollama:
      return "http://127.0.0.1:11434";
    case Kind::lm_studio:
      return "http://127.0.0.1:1234";
    case Kind::openai:
      break;
  }
  return {};
}

}  // namespace

std::string upstream_kinds() {
  std::string out;
  for (const Kind kind : kinds) out += (out.empty() ? "" : ", ") + std::string(name(kind));
  return out;
}

Result<UpstreamChoice> parse_upstream(std::string_view text) {
  UpstreamChoice choice;
  const std::size_t hash = text.find('#');
  if (hash != std::string_view::npos) {
    choice.model = std::string(text.substr(hash + 1));
    if (choice.model.empty()) return fail(Errc::bad_value, "upstream " + in_quotes(text) + ": no model after #");
  }
  const std::string_view rest = text.substr(0, hash);
  const std::size_t equals = rest.find('=');
  const std::string_view kind = rest.substr(0, equals);
  const auto found = std::ranges::find_if(kinds, [&](Kind one) { return name(one) == kind; });
  if (found == kinds.end()) {
    return fail(Errc::bad_value, "upstream " + in_quotes(text) + ": " + in_quotes(kind) +
                                     " is not known, expected one of " + upstream_kinds() +
                                     ", as in llama-server=http://127.0.0.1:8080");
  }
  choice.kind = *found;
  const std::string_view place = equals == std::string_view::npos ? own_place(choice.kind) : rest.substr(equals + 1);
  if (place.empty()) return fail(Errc::bad_value, "upstream " + in_quotes(text) + ": expected a URL after =");
  auto url = parse_url(place);
  if (!url) return std::unexpected(with_context("upstream " + in_quotes(text), std::move(url.error())));
  choice.url = std::move(*url);
  // "http://127.0.0.1:8080/v1" is how many programs name the same place.
  if (choice.url.path.ends_with("/v1")) choice.url.path.resize(choice.url.path.size() - 3);
  return choice;
}

Result<std::string> read_key(const KeySource& source) {
  if (source.file.empty() && source.variable.empty()) return std::string();
  if (!source.file.empty() && !source.variable.empty()) {
    return fail(Errc::bad_value, "a key from a file and from a variable: expected one of the two");
  }
  std::string key;
  std::string from;
  if (!source.file.empty()) {
    from = source.file;
    auto text = read_text_file(source.file, key_file_bytes_max);
    if (!text) return std::unexpected(std::move(text.error()));
    key = text->substr(0, text->find_first_of("\r\n"));
  } else {
    from = "$" + source.variable;
    const char* value = std::getenv(source.variable.c_str());
    if (value == nullptr) return fail(Errc::not_found, from + " is not set");
    key = value;
  }
  while (key.ends_with(' ') || key.ends_with('\t')) key.pop_back();
  if (key.empty()) return fail(Errc::bad_value, from + ": the key is empty");
  if (std::ranges::any_of(key, [](char c) { return c <= ' ' || c >= 0x7F; })) {
    return fail(Errc::bad_value, from + ": the key has a space, a control character or one outside ASCII");
  }
  return key;
}

Result<UpstreamOptions> options_of(const UpstreamChoice& choice, std::string key) {
  if (!key.empty() && !choice.url.tls && !is_loopback(choice.url)) {
    return fail(Errc::bad_value, to_string(choice.url) + ": the key would cross the network readable: use https");
  }
  UpstreamOptions options;
  options.kind = choice.kind;
  options.http.url = choice.url;
  options.http.key = std::move(key);
  options.model = choice.model;
  return options;
}

}  // namespace assay::adapter::upstream
