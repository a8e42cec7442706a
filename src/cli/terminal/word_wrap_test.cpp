#include "cli/terminal/word_wrap.h"

#include <gtest/gtest.h>

#include "cli/terminal/cells.h"

namespace assay::cli {
namespace {

std::string wrapped(std::string_view text, std::size_t columns, std::size_t piece = 1) {
  WordWrap wrap;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) out += wrap.push(text.substr(at, piece), columns);
  return out + wrap.finish(columns);
}

TEST(WordWrap, LinesBreakBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 8), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 6), "one\ntwo\nthree");
  EXPECT_EQ(wrapped("one two three", 0), "one two three");
}

TEST(WordWrap, TheSameHoweverTheTextComes) {
  const std::string text =
      "Once upon a time,\n\n  a fox  met \u4F60\u597D\u3002 e\u0301t\u00E9 \U0001F468\u200D\U0001F469 end";
  for (std::size_t columns = 1; columns < 30; ++columns) {
    const std::string whole = wrapped(text, columns, text.size());
    for (std::size_t piece = 1; piece < 7; ++piece)
      EXPECT_EQ(wrapped(text, columns, piece), whole) << columns << ' ' << piece;
  }
}

TEST(WordWrap, NothingIsLostAndNoRowIsTooWide) {
  const std::string text = "Once upon a time there was a fox, \u4F60\u597D\u4E16\u754C and a bear; they said: hello!";
  for (std::size_t columns = 8; columns < 60; ++columns) {
    const std::string out = wrapped(text, columns);
    std::string letters;
    std::string row;
    for (const char c : out + "\n") {
      if (c == '\n') {
        EXPECT_LE(cells(row), columns) << row;
        row.clear();
      } else {
        row += c;
        if (c != ' ') letters += c;
      }
    }
    std::string expected;
    for (const char c : text) {
      if (c != ' ') expected += c;
    }
    EXPECT_EQ(letters, expected) << columns;
  }
}

TEST(WordWrap, IndentsAndLineEndsOfTheTextStay) {
  EXPECT_EQ(wrapped("a\n    b\n\tc\n", 20), "a\n    b\n\tc\n");
  EXPECT_EQ(wrapped("a  b", 20), "a  b");
}

TEST(WordWrap, AWordWiderThanTheTerminalBeginsALine) {
  EXPECT_EQ(wrapped("see https://example.org/long now", 10),
            "see\nhttps://example.org/long now");  // 4 cells of its third row
}

TEST(WordWrap, IdeographsBreakAnywhereButBeforeWhatCloses) {
  EXPECT_EQ(wrapped("\u4F60\u597D\u4E16\u754C", 4), "\u4F60\u597D\n\u4E16\u754C");
  EXPECT_EQ(wrapped("\u4F60\u597D\u3002\u4E16", 4), "\u4F60\n\u597D\u3002\n\u4E16");
  EXPECT_EQ(wrapped("\u4F60\u300C\u597D\u300D", 6), "\u4F60\n\u300C\u597D\u300D");
}

TEST(WordWrap, AnotherWidthHoldsFromThenOn) {
  WordWrap wrap;
  std::string out = wrap.push("one two three four five six ", 100);
  out += wrap.push("seven eight nine", 40);
  out += wrap.finish(40);
  EXPECT_EQ(out, "one two three four five six seven eight\nnine");
}

TEST(WordWrap, AWordGoesOutWhenItsEndIsKnown) {
  WordWrap wrap;
  EXPECT_EQ(wrap.push("one", 10), "");
  EXPECT_EQ(wrap.push(" t", 10), "one");
  EXPECT_EQ(wrap.push("wo", 10), "");
  EXPECT_EQ(wrap.finish(10), " two");
}

}  // namespace
}  // namespace assay::cli
