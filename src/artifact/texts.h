// The texts that come with weights, whatever the format: tokenizer and chat templates.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "tokenizer/folder_tokens.h"
#include "tokenizer/tokenizer.h"

namespace assay::artifact {

// The files of a folder that a tokenizer is made of, as they are on the disk.
struct TokenizerTexts {
  std::string tokenizer, tokenizer_config, special_tokens_map, added_tokens, generation_config, config;

  TokenizerFiles files() const {
    return {tokenizer, tokenizer_config, special_tokens_map, added_tokens, generation_config, config};
  }
};

// `path`: a folder, or a tokenizer.json; what lies beside it is read too. Errc::not_found: there is no tokenizer.json,
// and which other tokenizer lies there instead.
Result<TokenizerTexts> read_tokenizer_texts(const std::string& path);

// A GGUF's metadata, or a folder's tokenizer.json and what lies beside it. Errors as Tokenizer's.
Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint);

// By name, the one that is used by itself under "default". A GGUF's tokenizer.chat_template and
// tokenizer.chat_template.NAME; a folder's chat_template.jinja and additional_chat_templates/NAME.jinja, else the text,
// list or object under "chat_template" in tokenizer_config.json, else in chat_template.json. Errc::bad_value: it is none
// of these.
Result<std::map<std::string, std::string>> find_chat_templates(const Checkpoint& checkpoint);

// The default one; nullopt: there is none at all. Errc::bad_value: there are only others, which are named.
Result<std::optional<std::string>> find_chat_template(const Checkpoint& checkpoint);

}  // namespace assay::artifact
