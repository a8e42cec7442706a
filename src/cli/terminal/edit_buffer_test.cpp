#include "cli/terminal/edit_buffer.h"

#include <gtest/gtest.h>

namespace assay::cli {
namespace {

// What is left of `text` after these bytes, with | at the cursor.
std::string after(std::string_view text, std::string_view bytes) {
  EditBuffer buffer;
  buffer.set(std::string(text));
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.feed(bytes, keys);
  for (const Key& key : keys) buffer.apply(key);
  std::string out = buffer.text();
  return out.insert(buffer.cursor(), "|");
}

constexpr const char* home = "\x01";

TEST(EditBuffer, KeysMoveAndEraseWholeCharacters) {
  const std::string family = "\U0001F468\u200D\U0001F469\u200D\U0001F467";
  EXPECT_EQ(after("a" + family, "\x7f"), "a|");
  EXPECT_EQ(after("a" + family + "b", "\x1b[D\x1b[D"), "a|" + family + "b");
  EXPECT_EQ(after(family, "\x01\x1b[3~"), "|");
  EXPECT_EQ(after("e\u0301x", "\x1b[D\x7f"), "|x");
  EXPECT_EQ(after("", "\x7f\x1b[D\x1b[C\x1b[3~"), "|");
}

TEST(EditBuffer, WordsAreSteppedOver) {
  EXPECT_EQ(after("one two-three", "\x1b[1;5D"), "one two-|three");
  EXPECT_EQ(after("one two", "\x1b[1;5D\x1b[1;5D"), "|one two");
  EXPECT_EQ(after("one two", "\x01\x1b[1;5C"), "one| two");
  EXPECT_EQ(after("one  two", "\x17"), "one  |");
  EXPECT_EQ(after("one two",
                  "\x01\x1b"
                  "d"),
            "| two");
}

TEST(EditBuffer, WhatWasErasedComesBack) {
  EXPECT_EQ(after("one two", "\x17\x17\x19"), "one two|");  // two words, one after the other: both
  EXPECT_EQ(after("one two", "\x15\x19\x19"), "one twoone two|");
  EXPECT_EQ(after("one\ntwo", "\x1b<\x0b\x0b"), "|two");  // then the line end itself
  EXPECT_EQ(after("ab", "\x1b[D\x0b\x01\x19"), "b|a");
}

TEST(EditBuffer, UndoGoesBackByWhatWasDone) {
  EXPECT_EQ(after("", "hello\x17\x1f"), "hello|");
  EXPECT_EQ(after("", "hello\x1f"), "|");
  EXPECT_EQ(after("", "\x1f"), "|");
  EXPECT_EQ(after("", "one\x01two\x1f"), "|one");
}

TEST(EditBuffer, TheTwoBeforeTheEndAreTransposed) {
  EXPECT_EQ(after("teh", "\x14"), "the|");
  EXPECT_EQ(after("abc", "\x1b[D\x14"), "acb|");
  EXPECT_EQ(after("a", "\x14"), "a|");
  EXPECT_EQ(after("", "\x14"), "|");
}

TEST(EditBuffer, LinesAreMovedBetween) {
  EXPECT_EQ(after("long line\nab\nlong line", "\x1b[A"), "long line\nab|\nlong line");
  EXPECT_EQ(after("long line\nab\nxy", "\x1b[A\x1b[A"), "lo|ng line\nab\nxy");
  EXPECT_EQ(after("ab\ncd", "\x1b[A\x01\x1b[B"), "ab\n|cd");
  EXPECT_EQ(after("\u4F60\u597D\nabcd", "\x1b[D\x1b[A"), "\u4F60|\u597D\nabcd");  // never within a wide one
  EXPECT_EQ(after("ab\ncd", "\x15"), "ab\n|");
  EXPECT_EQ(after("ab\ncd", "\x1b[H"), "ab\n|cd");
  EXPECT_EQ(after("ab\ncd", "\x1b[1;5H"), "|ab\ncd");
  EditBuffer buffer;
  buffer.set("ab\ncd");
  EXPECT_FALSE(buffer.apply({Key::Kind::down, ""}));  // the last line: history's
  EXPECT_TRUE(buffer.apply({Key::Kind::up, ""}));
  EXPECT_FALSE(buffer.apply({Key::Kind::up, ""}));
}

TEST(EditBuffer, APasteIsTakenAsItIs) {
  EXPECT_EQ(after("x", std::string(home) + "\x1b[200~a\rb\x1b[201~"), "a\nb|x");
  EXPECT_EQ(after("", "x\x1b[200~a\rb\x1b[201~y\x1f"), "xa\nb|");  // undone apart from what is typed
}

}  // namespace
}  // namespace assay::cli
