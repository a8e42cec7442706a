// WordPiece: a word is cut from the left into the longest tokens that fit; a word that does not fit is unknown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/token_table.h"

namespace assay {

using Token = std::int32_t;

struct WordPieceOptions {
  Token unk = 0;
  std::string first_prefix;               // written before a word's first token (GGUF: U+2581)
  std::string continuing_prefix = "##";   // and before the others
  std::size_t word_characters_max = 100;  // longer words are unknown
  bool whole_words = false;               // WordLevel: a word is a token or unknown
};

class WordPiece {
 public:
  WordPiece(WordPieceOptions options, TokenTable known);

  // Appends the tokens of a word; `word` is valid UTF-8 and not empty.
  void encode(std::string_view word, std::string& scratch, std::vector<Token>& out) const;

 private:
  WordPieceOptions options_;
  TokenTable known_;
};

}  // namespace assay
