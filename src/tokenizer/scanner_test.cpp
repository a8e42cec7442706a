// Every hand-written scanner against its own expression, run by PCRE2.
#include "tokenizer/scanner.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/unicode.h"

namespace assay {
namespace {

// Characters that sit on the borders of the classes: cases, modifiers, marks, numbers of all kinds, spaces, signs,
// unassigned and private ones.
constexpr std::uint32_t borders[] = {
    'a',    'z',    's',    't',     'r',     'e',     'l',     'v',     'd',     'm',     'S',    'T',    'L',
    'A',    'Z',    '\'',   '\'',    '\'',    ' ',     ' ',     ' ',     '\n',    '\n',    '\r',   '\t',   '0',
    '9',    '1',    '.',    ',',     '!',     '/',     '-',     '_',     '$',     '+',     '<',    '`',    '~',
    '^',    '|',    '[',    0,       0x7F,    0x85,    0xA0,    0xAA,    0xB2,    0xBC,    0xC9,   0xE9,   0x17F,
    0x1C5,  0x2B0,  0x300,  0x301,   0x3042,  0x30A2,  0x4E2D,  0x6587,  0xAC00,  0x660,   0x966,  0x1680, 0x180E,
    0x200B, 0x200D, 0x2028, 0x202F,  0x2075,  0x2160,  0x2203,  0x20AC,  0x212A,  0x24B6,  0x3000, 0xFEFF, 0xFFFD,
    0xE000, 0x0378, 0x903,  0x1F600, 0x1F999, 0x10400, 0x10428, 0x1D7CE, 0xE0100, 0x10FFFF};

std::string random_text(Random& random, std::size_t characters) {
  std::string out;
  const bool narrow = random.below(2) == 0;  // few different characters make long runs
  const std::size_t first = random.below(std::size(borders));
  for (std::size_t i = 0; i < characters; ++i) {
    const std::size_t at = narrow ? first + random.below(3) : random.below(std::size(borders));
    std::uint32_t c = borders[at % std::size(borders)];
    if (random.below(20) == 0)
      c = static_cast<std::uint32_t>(random.below(0x600));  // the same in every Unicode since 14
    unicode::append(out, c);
  }
  return out;
}

std::vector<std::string> pieces_of(const SplitStep& step, std::string_view text) {
  PreScratch scratch;
  const auto words = pre_tokenize({step}, text, true, scratch);
  std::vector<std::string> out;
  EXPECT_TRUE(words) << to_string(words.error());
  if (!words) return out;
  for (const Piece p : scratch.pieces) out.emplace_back(words->text.substr(p.begin, p.end - p.begin));
  return out;
}

class Scanner_ : public testing::TestWithParam<std::size_t> {};

TEST_P(Scanner_, gives_the_pieces_of_its_expression) {
  const std::string_view pattern = scanned_patterns()[GetParam()];
  SCOPED_TRACE(pattern);
  auto fast = split_step(pattern);
  ASSERT_TRUE(fast) << to_string(fast.error());
  ASSERT_NE(fast->scanner, nullptr);
  SplitStep plain = *fast;
  plain.scanner = nullptr;
  Random random(GetParam() + 1);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random_text(random, 1 + random.below(30));
    const auto met = pieces_of(*fast, text);
    const auto expected = pieces_of(plain, text);
    ASSERT_EQ(met, expected) << "text: " << testing::PrintToString(text);
  }
}

INSTANTIATE_TEST_SUITE_P(all, Scanner_, testing::Range(std::size_t{0}, scanned_patterns().size()));

}  // namespace
}  // namespace assay
