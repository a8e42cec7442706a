// The components of tokenizer.json, each read into the parts that do its work.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/parts.h"

namespace assay {

// Reading fields with errors that name them; `where` is the path of the object, e.g. "model".
const Json* json_find(const Json& object, std::string_view key);  // nullptr: absent or null
Result<std::string> json_text(const Json& object, std::string_view key, std::string_view where);
Result<bool> json_bool(const Json& object, std::string_view key, bool fallback, std::string_view where);
Result<std::int64_t> json_integer(const Json& object, std::string_view key, std::int64_t fallback,
                                  std::string_view where);
Result<const Json*> json_list(const Json& object, std::string_view key, std::string_view where);
std::unexpected<Error> json_refuse(std::string_view where, std::string_view what);     // Errc::unsupported
std::unexpected<Error> json_wrong(std::string_view where, std::string_view expected);  // Errc::bad_value

// {"String": s} or {"Regex": s} of a field "pattern".
Result<Regex> json_pattern(const Json& object, std::string_view where);

// `json` is the component, or null.
Result<void> read_normalizer(const Json& json, std::string_view where, std::vector<NormalStep>& out);
// Sets `bytes` where the words are bytes in the end (ByteLevel).
Result<void> read_pre_tokenizer(const Json& json, std::string_view where, std::vector<PreStep>& out, bool& bytes);

// Model: texts and ids first, then the model itself (which needs parts.bytes).
struct JsonVocabulary {
  std::vector<std::pair<std::string, Token>> entries;
  std::vector<double> scores;                               // Unigram: by entry
  std::vector<std::pair<std::string, std::string>> merges;  // BPE: best first
};
Result<JsonVocabulary> read_vocabulary(const Json& model);
// `model` without vocab and merges is enough.
Result<void> read_model(const Json& model, const JsonVocabulary& vocabulary, Tokenizer::Parts& parts);

// Tokens before and after a single text, outermost first.
Result<void> read_post_processor(const Json& json, std::string_view where, Tokenizer::Parts& parts);

// Fills parts.pieces from parts.texts, and the rules for a text's first and last piece.
Result<void> read_decoder(const Json& json, Tokenizer::Parts& parts);

}  // namespace assay
