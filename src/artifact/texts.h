// The texts that come with weights, whatever the format: tokenizer and chat template.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "tokenizer/tokenizer.h"

namespace assay::artifact {

// A GGUF's metadata or a folder's tokenizer.json. Errc::not_found: there is none; others as Tokenizer's.
Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint);

// A GGUF's tokenizer.chat_template, a folder's chat_template.jinja or the one in its tokenizer_config.json (of several
// named ones "default"); nullopt: none. Errc::bad_value: it is no text.
Result<std::optional<std::string>> find_chat_template(const Checkpoint& checkpoint);

}  // namespace assay::artifact
