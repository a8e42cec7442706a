// Added tokens as a folder's files add them one behind the other: who gets which id, and whose flags count.
// The rules are those of Hugging Face's tokenizers (0.23) and transformers (5): a text keeps the id that it has, a new
// one gets the next, and the id that a file states is not looked at there. Here it is: another one is an error.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "tokenizer/added_tokens.h"

namespace assay {

// A token that a file adds. Without `normalized`, special tokens are looked for in the text as it is given, others in the
// normalized one.
struct AddedEntry {
  std::string text;
  Token id = -1;         // as the file states it; -1: it does not
  bool is_text = false;  // the file has the text alone, without flags
  bool special = false;
  bool strips_left = false;
  bool strips_right = false;
  bool whole_word = false;
  std::optional<bool> normalized;
  std::string where;  // for errors: "tokenizer_config.json: added_tokens_decoder"

  bool is_normalized() const { return normalized.value_or(!special); }
};
bool same_flags(const AddedEntry& a, const AddedEntry& b);

class AddedVocabulary {
 public:
  // The model's own tokens. Borrows the texts.
  explicit AddedVocabulary(std::span<const std::pair<std::string, Token>> model);

  // Adds a file's tokens in order. Errc::bad_value: an id that is stated and is not the one that the token gets, or that
  // is another token's; a text above 4096 bytes.
  Result<void> add(std::span<const AddedEntry> entries);

  // Special ones first, each kind in the order in which its texts came: of two that read the same, the first counts.
  std::vector<AddedToken> listed() const;

 private:
  Result<Token> id_of(const AddedEntry& entry) const;

  std::size_t model_tokens_;
  std::unordered_map<std::string_view, Token> model_;
  std::unordered_set<Token> model_ids_;
  std::vector<AddedEntry> entries_;                     // one for each text, with its id; the last with it counts
  std::unordered_map<std::string, std::size_t> index_;  // by text
  Token last_ = -1;                                     // the largest id of an added token
};

}  // namespace assay
