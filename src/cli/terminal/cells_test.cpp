#include "cli/terminal/cells.h"

#include <gtest/gtest.h>

namespace assay::cli {
namespace {

constexpr std::string_view family = "\U0001F468\u200D\U0001F469\u200D\U0001F467";  // three people joined
constexpr std::string_view flag = "\U0001F1E9\U0001F1EA";
constexpr std::string_view accent = "e\u0301";
constexpr std::string_view thumb = "\U0001F44D\U0001F3FD";  // with a skin tone

TEST(Cells, OneCharacterIsWhatAPersonSees) {
  for (const std::string_view one : {family, flag, accent, thumb, std::string_view("a"), std::string_view("\n"),
                                     std::string_view("\u4F60"), std::string_view("1\uFE0F\u20E3")}) {
    EXPECT_EQ(next_character(one, 0), one.size()) << one;
    EXPECT_EQ(previous_character(one, one.size()), 0U) << one;
    const std::string three = "x" + std::string(one) + "y";
    EXPECT_EQ(next_character(three, 1), 1 + one.size()) << one;
    EXPECT_EQ(previous_character(three, 1 + one.size()), 1U) << one;
  }
  EXPECT_EQ(next_character("", 0), 0U);
  EXPECT_EQ(previous_character("", 0), 0U);
}

TEST(Cells, FlagsInARowAreTakenInPairs) {
  const std::string two = std::string(flag) + std::string(flag);
  EXPECT_EQ(next_character(two, 0), flag.size());
  EXPECT_EQ(previous_character(two, two.size()), flag.size());
}

TEST(Cells, ACharacterAfterALineEndIsFoundBackwards) {
  EXPECT_EQ(previous_character("a\nb", 3), 2U);
  EXPECT_EQ(previous_character("a\nb", 2), 1U);
  EXPECT_EQ(previous_character("a\n\n", 3), 2U);
}

TEST(Cells, WidthsAreThoseOfTheWidestTerminal) {
  EXPECT_EQ(cells("abc"), 3U);
  EXPECT_EQ(cells("\u4F60\u597D"), 4U);
  EXPECT_EQ(cells(accent), 1U);
  EXPECT_EQ(cells(family), 6U);
  EXPECT_EQ(cells("\u2764"), 1U);
  EXPECT_EQ(cells("\u2764\uFE0F"), 2U);
  EXPECT_EQ(cells(""), 0U);
}

TEST(Cells, WordsAreLettersDigitsAndMarks) {
  for (const char* one : {"a", "Z", "7", "_", "\u00E9", "\u4F60", "\u0436"}) EXPECT_TRUE(in_word(one)) << one;
  for (const char* one : {" ", "-", "/", ".", "\n", "\U0001F600", ""}) EXPECT_FALSE(in_word(one)) << one;
}

TEST(Cells, TextFromOutsideIsMadeClean) {
  EXPECT_EQ(clean_text("a\r\nb\rc\nd"), "a\nb\nc\nd");
  EXPECT_EQ(clean_text("a\x1b[31mb\x07\x7f"), "a[31mb");
  EXPECT_EQ(clean_text("\tx"), "\tx");
  EXPECT_EQ(clean_text("\xff\xc3"), "\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\u0085\u00e9"), "\u00e9");
}

TEST(Cells, ACutCharacterIsLeftForLater) {
  EXPECT_EQ(whole_utf8("ab"), 2U);
  EXPECT_EQ(whole_utf8("a\xc3"), 1U);
  EXPECT_EQ(whole_utf8("a\xe4\xbd"), 1U);
  EXPECT_EQ(whole_utf8("a\xf0\x9f\x98"), 1U);
  EXPECT_EQ(whole_utf8("a\u4F60"), 4U);
  EXPECT_EQ(whole_utf8("\x80\x80\x80\x80"), 4U);  // none at all: nothing to wait for
}

}  // namespace
}  // namespace assay::cli
