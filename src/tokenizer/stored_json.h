// What a GGUF keeps of a tokenizer.json so that the tokenizer is the same after a conversion: everything that the format
// has no keys for. Tokens and merges stay in tokenizer.ggml.*, the rest is one text under tokenizer.assay.rest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/folder_tokens.h"

namespace assay {

inline constexpr std::string_view stored_json_key = "tokenizer.assay.rest";
inline constexpr std::string_view end_tokens_key = "tokenizer.assay.end_token_ids";

// {"version": 1, "tokenizer": tokenizer.json without vocab and merges, "later": [tokens], "roles": {"eos_token": text},
// "outside": [ids that the model's own vocabulary lacks]}; borrowed until Tokenizer::from_stored() returns.
struct StoredJson {
  std::string_view json;
  std::span<const std::string_view> tokens;  // (vocab,)
  std::span<const std::int32_t> types;       // (vocab,) VocabularyData::TokenType; unused ones are no tokens
  std::span<const std::string_view> merges;  // "left right"
  std::span<const std::int64_t> ends;        // tokens that end generation
};

struct ToStore {
  std::string json;               // for tokenizer.assay.rest
  std::vector<AddedToken> added;  // every added token
};
// Errors as Tokenizer::from_files().
Result<ToStore> stored_json(const TokenizerFiles& files);

}  // namespace assay
