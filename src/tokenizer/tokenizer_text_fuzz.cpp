// Any text through a byte-level vocabulary with each scanner: what is encoded decodes to the text itself, with U+FFFD
// for each byte that is no UTF-8, and no control token appears unless asked for.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/pre_names.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace {

using assay::Tokenizer;
using assay::VocabularyData;

// All bytes, some pairs of them, and one control token.
Tokenizer make(std::string_view pre) {
  std::vector<std::string> texts;
  std::vector<std::int32_t> types;
  std::vector<std::string> merges;
  for (unsigned byte = 0; byte < 256; ++byte)
    texts.push_back(assay::bytes_to_letters(std::string(1, static_cast<char>(byte))));
  for (const auto& [left, right] :
       {std::pair("a", "a"), std::pair("aa", "aa"), std::pair(" ", "a"), std::pair(" ", " "), std::pair("  ", "  "),
        std::pair("\xEF", "\xBF"), std::pair("\n", "\n")}) {
    merges.push_back(assay::bytes_to_letters(left) + " " + assay::bytes_to_letters(right));
    texts.push_back(assay::bytes_to_letters(std::string(left) + right));
  }
  types.assign(texts.size(), VocabularyData::normal);
  texts.emplace_back("<|end|>");
  types.push_back(VocabularyData::control);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const std::vector<std::string_view> merge_views(merges.begin(), merges.end());
  VocabularyData data;
  data.model = "gpt2";
  data.pre = pre;
  data.tokens = views;
  data.types = types;
  data.merges = merge_views;
  data.add_bos = false;
  auto made = Tokenizer::from_vocabulary(data);
  if (!made) __builtin_trap();
  return std::move(*made);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Tokenizer>* all = [] {
    auto* out = new std::vector<Tokenizer>;
    for (const char* pre :
         {"default", "gpt-2", "llama-bpe", "qwen2", "qwen35", "starcoder", "falcon", "deepseek-llm", "deepseek-coder",
          "deepseek-v3", "tekken", "gpt-4o", "tiny_aya", "superbpe", "afmoe", "bloom", "kimi-k2"}) {
      out->push_back(make(pre));
    }
    return out;
  }();
  if (size == 0) return 0;
  const Tokenizer& tokenizer = (*all)[data[0] % all->size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto tokens = tokenizer.encode(text);
  if (!tokens) return 0;
  for (const assay::Token t : *tokens) {
    if (tokenizer.is_special(t)) __builtin_trap();
  }
  std::string buffer;
  const auto back = tokenizer.decode(*tokens);
  if (!back || *back != assay::unicode::sanitize(text, buffer)) __builtin_trap();
  return 0;
}
