#include "cli/terminal/layout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/terminal/cells.h"

namespace assay::cli {
namespace {

using Rows = std::vector<std::string>;

TEST(Layout, LinesBeginWithPromptOrIndent) {
  const Layout got = lay_out("> ", "  ", "ab\ncd", 5, 80);
  EXPECT_EQ(got.rows, (Rows{"> ab", "  cd"}));
  EXPECT_EQ(got.cursor_row, 1U);
  EXPECT_EQ(got.before_cursor, "  cd");
}

TEST(Layout, ALongLineGoesOnInTheNextRowAndTheLastColumnStaysFree) {
  const Layout got = lay_out("> ", "  ", "abcdefghijklm", 13, 10);
  EXPECT_EQ(got.rows, (Rows{"> abcdefg", "hijklm"}));
  EXPECT_EQ(got.before_cursor, "hijklm");
  const Layout full = lay_out("> ", "  ", "abcdefg", 7, 10);
  EXPECT_EQ(full.rows, (Rows{"> abcdefg"}));
  EXPECT_EQ(full.before_cursor, "> abcdefg");
}

TEST(Layout, AWideCharacterIsNeverCut) {
  const Layout got = lay_out("> ", "  ", "\u4F60\u597D\u4F60\u597D", 12, 8);
  EXPECT_EQ(got.rows, (Rows{"> \u4F60\u597D", "\u4F60\u597D"}));
}

TEST(Layout, TheCursorStandsBeforeTheCharacterItIsOn) {
  EXPECT_EQ(lay_out("> ", "  ", "ab", 0, 80).before_cursor, "> ");
  EXPECT_EQ(lay_out("> ", "  ", "ab\ncd", 2, 80).before_cursor, "> ab");
  EXPECT_EQ(lay_out("> ", "  ", "ab\ncd", 3, 80).before_cursor, "  ");
  const Layout wrapped = lay_out("> ", "  ", "abcdefghi", 7, 10);  // the first of the second row
  EXPECT_EQ(wrapped.cursor_row, 1U);
  EXPECT_EQ(wrapped.before_cursor, "");
  EXPECT_EQ(lay_out("> ", "  ", "", 0, 80).rows, (Rows{"> "}));
}

TEST(Layout, TabsAreShownAsSpaces) {
  EXPECT_EQ(lay_out("> ", "  ", "a\tb", 3, 80).rows, (Rows{"> a b"}));
  EXPECT_EQ(lay_out("> ", "  ", "\tb", 2, 80).rows, (Rows{">   b"}));
}

TEST(Layout, NoRowIsWiderThanTheTerminalHoweverNarrow) {
  const std::string text = "one two \U0001F468\u200D\U0001F469 three\n\u4F60\u597D\t\tfour";
  for (std::size_t columns = 1; columns < 40; ++columns) {
    const Layout got = lay_out("> ", "  ", text, text.size(), columns);
    std::string letters;
    for (const std::string& row : got.rows) {
      EXPECT_LT(cells(row), std::max<std::size_t>(columns, 8)) << columns;
      for (const char c : row) {
        if (c >= 'a' && c <= 'z') letters += c;
      }
    }
    EXPECT_EQ(letters, "onetwothreefour") << columns;
  }
}

}  // namespace
}  // namespace assay::cli
