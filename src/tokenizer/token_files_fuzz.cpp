// Any bytes as the files beside a tokenizer.json: an error, or a tokenizer that a GGUF can keep and give back the same.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/stored_json.h"
#include "tokenizer/tokenizer.h"

namespace {

using assay::Tokenizer;

constexpr std::string_view tokenizer_json = R"({"added_tokens": [{"id": 0, "content": "<s>", "special": true}],
  "decoder": {"type": "Fuse"}, "model": {"type": "BPE", "vocab": {"<s>": 0, "a": 1, "b": 2, " ": 3, "ab": 4}, "merges": ["a b"]}})";

// What the vocabulary of a GGUF would hold.
void keep_and_read(const assay::TokenizerFiles& files, const Tokenizer& before) {
  const auto stored = assay::stored_json(files);
  if (!stored) __builtin_trap();
  std::vector<std::string_view> texts;
  std::vector<std::int32_t> types;
  for (assay::Token t = 0; static_cast<std::size_t>(t) < before.size(); ++t) {
    texts.push_back(before.text(t));
    types.push_back(texts.back().empty() ? assay::VocabularyData::unused : assay::VocabularyData::normal);
  }
  const std::array<std::string_view, 1> merges{"a b"};
  const auto after =
      Tokenizer::from_stored({.json = stored->json, .tokens = texts, .types = types, .merges = merges, .ends = {}});
  if (!after || after->size() != before.size()) __builtin_trap();
  for (const std::string_view text : {std::string_view("ab <s> a"), std::string_view("a<s>b  ab")}) {
    const assay::EncodeOptions options{.parse = assay::ParseSpecial::as_tokens};
    const auto one = before.encode(text, options);
    const auto other = after->encode(text, options);
    if (one.has_value() != other.has_value() || (one && *one != *other)) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Five files between bytes of 0.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 5> part;
  for (std::string_view& one : part) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const assay::TokenizerFiles files{tokenizer_json, part[0], part[1], part[2], part[3], part[4]};
  const auto tokenizer = Tokenizer::from_files(files);
  if (tokenizer) keep_and_read(files, *tokenizer);
  // And as the kept text itself.
  const std::array<std::string_view, 2> texts{"a", "b"};
  (void)Tokenizer::from_stored({.json = part[0], .tokens = texts, .types = {}, .merges = {}, .ends = {}});
  return 0;
}
