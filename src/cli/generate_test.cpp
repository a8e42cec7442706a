#include "cli/answer_text.h"

#include <gtest/gtest.h>

namespace assay::cli {
namespace {

TEST(Printable, leaves_text_newlines_and_tabs_as_they_are) {
  EXPECT_EQ(printable("a\tb\nZ\xC3\xBCrich \xE2\x82\xAC"), "a\tb\nZ\xC3\xBCrich \xE2\x82\xAC");
}

TEST(Printable, makes_escape_sequences_harmless) {
  EXPECT_EQ(printable("\x1B[2J\r\x07\x7F"), "\xEF\xBF\xBD[2J\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(printable("x\xC2\x9B"
                      "31m"),
            "x\xEF\xBF\xBD"
            "31m");                              // CSI as one character, U+009B
  EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0");  // a no-break space is text
}

}  // namespace
}  // namespace assay::cli
