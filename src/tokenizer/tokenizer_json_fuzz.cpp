// Any bytes as tokenizer.json: an error or a tokenizer that encodes and decodes without a crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = assay::Tokenizer::from_json(bytes);
  if (!tokenizer) return 0;
  for (const std::string_view text :
       {std::string_view("Hello, w\xC3\xB6rld 123 <s>\n\n  \xE2\x96\x81 \xF0\x9F\xA6\x99"), bytes.substr(0, 256)}) {
    const auto tokens = tokenizer->encode(text, {.parse = assay::ParseSpecial::as_tokens});
    if (!tokens) continue;
    for (const assay::Token t : *tokens) {
      if (t < 0 || static_cast<std::size_t>(t) >= tokenizer->size()) __builtin_trap();
    }
    if (!tokenizer->decode(*tokens, {.skip_special = false})) __builtin_trap();
  }
  return 0;
}
