// An upstream as a user names one on the command line.
#pragma once

#include <string>
#include <string_view>

#include "adapter/upstream/messages.h"
#include "adapter/upstream/upstream_engine.h"
#include "adapter/upstream/url.h"
#include "base/error.h"

namespace assay::adapter::upstream {

struct UpstreamChoice {
  Kind kind{};
  Url url;
  std::string model;  // empty: the only one that the server has

  bool operator==(const UpstreamChoice&) const = default;
};

// "KIND[=URL][#MODEL]": "llama-server=http://127.0.0.1:8080", "ollama#qwen3:4b", "openai=https://node/llm#big". Without a
// URL the kind's own place on this machine; openai has none. Errc::bad_value names what was met and the kinds.
Result<UpstreamChoice> parse_upstream(std::string_view text);

// For help texts: "llama-server, mlx_lm.server, ollama, lm-studio, openai".
std::string upstream_kinds();

// The first line of a file, or an environment variable; not both. Empty when neither is given. Errc::bad_value: both, an
// empty key, or one that no header can carry; Errc::not_found: no such file or variable. The key is in no error.
struct KeySource {
  std::string file;
  std::string variable;
};
Result<std::string> read_key(const KeySource& source);

// Options for a choice. Errc::bad_value: a key would go over plain http to another machine.
Result<UpstreamOptions> options_of(const UpstreamChoice& choice, std::string key);

}  // namespace assay::adapter::upstream
