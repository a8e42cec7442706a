// Pairs of text and tokens that the models' own tokenizers made (../shared/tokenizers), and what the decoder gives back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tokenizer/from_gguf.h"

namespace assay {
namespace {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> vocabularies() {
  std::vector<std::string> out;
  const std::filesystem::path folder = std::filesystem::path(ASSAY_SHARED_DIR) / "tokenizers";
  if (!std::filesystem::exists(folder)) return out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".gguf") out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(TokenizerPairs, every_text_becomes_the_tokens_of_its_line) {
  const auto files = vocabularies();
  if (files.empty()) GTEST_SKIP() << "no ../shared/tokenizers here";
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    const auto gguf = Gguf::open(file);
    ASSERT_TRUE(gguf) << to_string(gguf.error());
    const auto tokenizer = tokenizer_from_gguf(*gguf);
    ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
    const std::string texts = read_text(file + ".inp");
    std::istringstream lines(read_text(file + ".out"));
    const std::string separator = "\n__ggml_vocab_test__\n";
    std::size_t pairs = 0;
    std::string line;
    for (std::size_t at = 0; at < texts.size() && std::getline(lines, line); ++pairs) {
      const std::size_t end = std::min(texts.find(separator, at), texts.size());
      const std::string text = texts.substr(at, end - at);
      at = end + separator.size();
      std::vector<Token> expected;
      std::istringstream numbers(line);
      for (Token t = 0; numbers >> t;) expected.push_back(t);
      const auto met = tokenizer->encode(text, {.add = AddSpecial::no, .parse = ParseSpecial::as_tokens});
      ASSERT_TRUE(met) << to_string(met.error());
      EXPECT_EQ(*met, expected) << "text: '" << text << "'";
      const auto back = tokenizer->decode(*met);
      ASSERT_TRUE(back) << to_string(back.error());
      EXPECT_EQ(*back, text);
    }
    EXPECT_GT(pairs, 40U);
  }
}

}  // namespace
}  // namespace assay
