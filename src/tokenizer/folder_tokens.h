// What the files beside tokenizer.json add to its tokens: texts, flags, roles and ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/added_vocabulary.h"

namespace assay {

// The texts of a model folder that say something about tokens; empty: the file is not there.
struct TokenizerFiles {
  std::string_view tokenizer;           // tokenizer.json; needed
  std::string_view tokenizer_config;    // tokenizer_config.json
  std::string_view special_tokens_map;  // special_tokens_map.json
  std::string_view added_tokens;        // added_tokens.json
  std::string_view generation_config;   // generation_config.json
  std::string_view config;              // config.json
};

struct FolderTokens {
  std::vector<AddedEntry> later;  // to add behind tokenizer.json's own, in this order
  // Texts of the tokens with a role.
  std::optional<std::string> bos, eos, unk, sep, pad, mask;
};

// The added_tokens of a tokenizer.json. An id may be left out where `ids` says so.
enum class Ids : std::uint8_t { needed, optional };
Result<std::vector<AddedEntry>> read_added_tokens(const Json& root, std::string_view where, Ids ids = Ids::needed);

// `root`: tokenizer.json; `own`: its added tokens. What transformers 5 makes of the files together: added_tokens_decoder
// of tokenizer_config.json where it is there, else special_tokens_map.json (whose roles win), added_tokens.json and
// tokenizer.json's own again; then the tokens with a role and the extra ones that none of them has. Errc::unsupported:
// split_special_tokens; Errc::bad_value names file and key.
Result<FolderTokens> read_folder_tokens(const TokenizerFiles& files, const std::vector<AddedEntry>& own);

// Ids that generation_config.json and config.json give as eos_token_id, a number or a list, also below text_config.
struct NamedEnds {
  std::vector<Token> generation;
  std::vector<Token> config;
};
// Errc::bad_value: no id below `tokens` and vocab_size; -1 means none.
Result<NamedEnds> read_named_ends(const TokenizerFiles& files, std::size_t tokens);

}  // namespace assay
