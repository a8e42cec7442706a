// What happens to a stretch of text before it is cut into words. Names are those of tokenizer.json.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/regex.h"
#include "tokenizer/unicode.h"

namespace assay {

struct ReplaceStep {
  Regex pattern;
  std::string content;  // taken as it is: no references to groups
};
struct PrependStep {
  std::string text;
};
// Of GGUF's SentencePiece vocabularies: a space before text that begins a text or follows a control token.
struct SpacePrefixStep {};
struct TrimStep {
  bool left = true;
  bool right = true;
};
struct BertStep {
  bool clean = true;      // drops control characters, every white space becomes a space
  bool space_han = true;  // spaces around CJK ideographs
  bool strip_accents = false;
  bool lowercase = true;
};
// SentencePiece's compiled map and its white-space rules, as GGUF's "t5" vocabularies carry them.
struct SentencePieceStep {
  std::optional<Charsmap> charsmap;
  bool add_space_prefix = true;
  bool remove_extra_spaces = false;
};
struct StripAccentsStep {};
struct LowercaseStep {};
struct ByteLettersStep {};
struct GraphemeMapStep {  // tokenizer.json's "Precompiled"
  Charsmap charsmap;
};

using NormalStep =
    std::variant<unicode::Form, LowercaseStep, StripAccentsStep, ReplaceStep, PrependStep, SpacePrefixStep, TrimStep,
                 BertStep, SentencePieceStep, ByteLettersStep, GraphemeMapStep>;

// Where the stretch stands.
struct NormalPlace {
  bool after_special = true;  // at the text's begin or after a token found in the text
};

struct NormalScratch {
  std::string text;
  std::string other;
  RegexScratch regex;
};

// A view of `text` or of a buffer of the scratch. Errc::full as Regex::search(), or where the result would pass
// tokenize_bytes_max.
Result<std::string_view> normalize(const std::vector<NormalStep>& steps, std::string_view text, NormalPlace place,
                                   NormalScratch& scratch);

}  // namespace assay
