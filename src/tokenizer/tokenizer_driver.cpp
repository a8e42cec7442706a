// For tools/tokenizer_differential.py: tokenizes texts in bulk. Arguments: a .gguf or tokenizer.json file, then flags.
// Input: texts, each a 32-bit little-endian size and its bytes. Output: for each text a line of ids, then a line with the
// hexadecimal bytes of what the ids decode to, or a line that begins with "error". With --seconds only: for each text the
// seconds of CPU time that encoding it took.
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include "tokenizer/from_gguf.h"

namespace {

assay::Result<assay::Tokenizer> load(const std::string& path) {
  if (path.ends_with(".gguf")) {
    const auto gguf = assay::Gguf::open(path);
    if (!gguf) return std::unexpected(gguf.error());
    return assay::tokenizer_from_gguf(*gguf);
  }
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return assay::Tokenizer::from_json(text);
}

}  // namespace

int main(int argc, char** argv) {
  assay::EncodeOptions options;
  std::string path;
  bool seconds = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--no-special") == 0) {
      options.add = assay::AddSpecial::no;
    } else if (std::strcmp(argv[i], "--parse-special") == 0) {
      options.parse = assay::ParseSpecial::as_tokens;
    } else if (std::strcmp(argv[i], "--seconds") == 0) {
      seconds = true;
    } else {
      path = argv[i];
    }
  }
  const auto tokenizer = load(path);
  if (!tokenizer) {
    std::cerr << assay::to_string(tokenizer.error()) << "\n";
    return 1;
  }
  std::uint32_t size = 0;
  std::string text;
  while (std::cin.read(reinterpret_cast<char*>(&size), 4)) {
    text.resize(size);
    std::cin.read(text.data(), size);
    const std::clock_t start = std::clock();
    const auto tokens = tokenizer->encode(text, options);
    const std::clock_t took = std::clock() - start;
    if (!tokens) {
      std::cout << "error " << assay::to_string(tokens.error()) << "\n\n";
      continue;
    }
    if (seconds) {
      std::cout << static_cast<double>(took) / CLOCKS_PER_SEC << ' ' << tokens->size() << std::endl;
      continue;
    }
    for (const assay::Token t : *tokens) std::cout << t << ' ';
    std::cout << '\n';
    const auto back = tokenizer->decode(*tokens);
    for (const char c : back.value_or("")) std::cout << "0123456789abcdef"[(c >> 4) & 15] << "0123456789abcdef"[c & 15];
    std::cout << '\n';
  }
  return 0;
}
