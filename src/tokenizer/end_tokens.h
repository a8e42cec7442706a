// The tokens that end a turn or a text, known by their texts where a file does not say.
#pragma once

#include <span>
#include <vector>

#include "tokenizer/token_table.h"
#include "tokenizer/tokenizer.h"

namespace assay {

struct EndTokens {
  std::vector<Token> ends;    // rising
  std::vector<Token> shown;   // look like control tokens, but a reader of the text needs them
  std::vector<Token> normal;  // looks like the end, is an ordinary token in this vocabulary
};

// Completes special.eot and special.eom by text; every given role but bos, unk, sep, pad and mask ends generation too.
// `named`: ends that the model's files name, whatever their texts; the first that is not eos is eot where no text is.
EndTokens find_end_tokens(const TokenTable& by_text, SpecialTokens& special, std::span<const Token> named);

}  // namespace assay
