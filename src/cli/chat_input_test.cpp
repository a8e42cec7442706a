#include "cli/chat_input.h"

#include <gtest/gtest.h>

namespace assay::cli {
namespace {

TEST(ChatInput, ABackslashAtTheEndGoesOnInTheNextLine) {
  EXPECT_EQ(unfinished("hi"), std::nullopt);
  EXPECT_EQ(unfinished(""), std::nullopt);
  EXPECT_EQ(unfinished("hi\\"), "hi\n");
  EXPECT_EQ(unfinished("hi\nthere\\"), "hi\nthere\n");
  EXPECT_EQ(unfinished("a\\b"), std::nullopt);
}

TEST(ChatInput, ThreeQuotesHoldATextOpenUntilTheNextThree) {
  EXPECT_EQ(unfinished("\"\"\""), "\"\"\"\n");
  EXPECT_EQ(unfinished("\"\"\"one"), "\"\"\"one\n");
  EXPECT_EQ(unfinished("\"\"\"one\\"), "\"\"\"one\\\n");  // within them a backslash is text
  EXPECT_EQ(unfinished("\"\"\"one\ntwo\"\"\""), std::nullopt);
  EXPECT_EQ(unfinished("say \"\"\""), std::nullopt);  // only where a text begins
}

TEST(ChatInput, AMessageComesWithoutItsQuotesAndBlankEnd) {
  EXPECT_EQ(message_of("hi \n\n"), "hi");
  EXPECT_EQ(message_of("  hi"), "  hi");
  EXPECT_EQ(message_of("\"\"\"\none\n  two\n\"\"\"\n"), "one\n  two");
  EXPECT_EQ(message_of("\"\"\"one\"\"\""), "one");
  EXPECT_EQ(message_of("\"\"\"one\ntwo"), "one\ntwo");  // the input ended within
  EXPECT_EQ(message_of("\"\"\"Doc.\"\"\"\nimport x"), "\"\"\"Doc.\"\"\"\nimport x");
  EXPECT_EQ(message_of("\"\"\"\"\"\""), "");
}

TEST(ChatInput, ACommandIsOneWordBehindASlash) {
  EXPECT_EQ(command_word("/exit"), "/exit");
  EXPECT_EQ(command_word("/temp 0.7"), "/temp");
  EXPECT_EQ(command_word("/save! x"), "/save!");
  for (const char* text : {"", "/", "/ x", "hi", " /exit", "/usr/bin", "//", "/exit\nmore", "/5"}) {
    EXPECT_EQ(command_word(text), "") << text;
  }
}

}  // namespace
}  // namespace assay::cli
