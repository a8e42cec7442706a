// The pre-tokenizers that GGUF files name ("tokenizer.ggml.pre"), as chains of expressions, and the rules that come
// with a name rather than with a key of its own.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/pretokenizer.h"

namespace assay {

struct PreRules {
  std::vector<PreStep> steps;
  bool ignore_merges = false;  // a word that is a token is that token
  bool add_bos = false;        // unless the file says otherwise
  bool add_sep = false;
  bool always_bos = false;  // whatever the file says
  bool raw = false;         // characters, not bytes; spaces are written U+2581
};

// Errc::unsupported names the pre-tokenizer. An empty name is "default".
Result<PreRules> pre_rules(std::string_view name);

// The name under which exactly these expressions stand, in this order and with this rule; nullopt: no such name.
std::optional<std::string_view> pre_name(std::span<const std::string> patterns, bool ignore_merges);

// All names, for the documentation and for tests.
std::vector<std::string_view> pre_names();

}  // namespace assay
