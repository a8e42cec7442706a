#include "cli/terminal/keys.h"

#include <gtest/gtest.h>

namespace assay::cli {
namespace {

using Kind = Key::Kind;

std::vector<Key> keys_of(std::string_view bytes) {
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.feed(bytes, keys);
  return keys;
}

Kind only(std::string_view bytes) {
  const auto keys = keys_of(bytes);
  EXPECT_EQ(keys.size(), 1U) << testing::PrintToString(std::string(bytes));
  return keys.size() == 1 ? keys.front().kind : Kind::text;
}

TEST(Keys, TheSameKeyIsKnownAsEveryTerminalSendsIt) {
  for (const char* bytes : {"\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x01", "\x1b[1;1H"})
    EXPECT_EQ(only(bytes), Kind::home) << bytes + 1;
  for (const char* bytes : {"\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\x05"})
    EXPECT_EQ(only(bytes), Kind::end) << bytes + 1;
  for (const char* bytes : {"\x1b[1;5C", "\x1b[1;3C", "\x1bO5C", "\x1bO1;5C", "\x1bOc", "\x1b\x1b[C", "\x1b\x1bOC",
                            "\x1b"
                            "f"}) {
    EXPECT_EQ(only(bytes), Kind::word_right) << bytes + 1;
  }
  for (const char* bytes : {"\x1b[1;5D", "\x1b[1;3D", "\x1bO5D", "\x1bOd", "\x1b\x1b[D",
                            "\x1b"
                            "b"})
    EXPECT_EQ(only(bytes), Kind::word_left) << bytes + 1;
  for (const char* bytes : {"\x1b[A", "\x1bOA"}) EXPECT_EQ(only(bytes), Kind::up) << bytes + 1;
  for (const char* bytes : {"\x1b[3~", "\x1b[3$"}) EXPECT_EQ(only(bytes), Kind::erase) << bytes + 1;
  for (const char* bytes : {"\x1b[3;5~", "\x1b[3^",
                            "\x1b"
                            "d"})
    EXPECT_EQ(only(bytes), Kind::erase_word_right) << bytes + 1;
  for (const char* bytes : {"\x17", "\x1b\x7f", "\x1b[127;5u"})
    EXPECT_EQ(only(bytes), Kind::erase_word_left) << bytes + 1;
  for (const char* bytes : {"\r", "\n", "\r\n", "\x1bOM", "\x1b[13u"}) EXPECT_EQ(only(bytes), Kind::enter) << bytes + 1;
  for (const char* bytes : {"\x1b\r", "\x1b[13;2u", "\x1b[27;2;13~"})
    EXPECT_EQ(only(bytes), Kind::new_line) << bytes + 1;
  EXPECT_EQ(only("\x1b[99;5u"), Kind::interrupt);  // ctrl-C by its code point
}

TEST(Keys, WhatIsNotBoundIsConsumedWhole) {
  for (const char* bytes : {"\x1b[15~",
                            "\x1b[24;5~",
                            "\x1bOP",
                            "\x1bOS",
                            "\x1b[1;2P",
                            "\x1b[[A",
                            "\x1b[2~",
                            "\x1b[E",
                            "\x1b[Z",
                            "\x1b[I",
                            "\x1b[O",
                            "\x1b[<0;10;10M",
                            "\x1b[<0;10;10m",
                            "\x1b[M !!",
                            "\x1b[?2004;1$y",
                            "\x1b[?62;22c",
                            "\x1b[>0;276;0c",
                            "\x1b[97;3u",
                            "\x1b[1;5",
                            "\x1b]11;rgb:0000/0000/0000\x07",
                            "\x1b]11;rgb:0000/0000/0000\x1b\\",
                            "\x1bP1$r0m\x1b\\",
                            "\x1b_G\x1b\\",
                            "\x1bq",
                            "\x1b\xc3\xa9",
                            "\x16",
                            "\x1b[200"}) {
    std::vector<Key> keys;
    KeyDecoder decoder;
    decoder.feed(bytes, keys);
    decoder.give_up(keys);
    EXPECT_TRUE(keys.empty()) << bytes + 1;
  }
  const auto keys = keys_of("a\x1b[15~b\x1b[1;2P\x1b[[Bc");
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys.front().text, "abc");
}

TEST(Keys, SequencesMayBeCutAnywhere) {
  const std::string bytes = "a\x1b[1;5C\u4F60\x1b[200~x\ry\x1b[201~\x1bOHz\r";
  const std::vector<Key> whole = keys_of(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    KeyDecoder decoder;
    std::vector<Key> keys;
    decoder.feed(std::string_view(bytes).substr(0, cut), keys);
    decoder.feed(std::string_view(bytes).substr(cut), keys);
    EXPECT_EQ(keys, whole) << cut;
    EXPECT_FALSE(decoder.waiting());
  }
  KeyDecoder decoder;
  std::vector<Key> keys;
  for (const char c : bytes) decoder.feed({&c, 1}, keys);
  EXPECT_EQ(keys, whole);
}

TEST(Keys, APasteIsOneKeyWhateverIsInIt) {
  const auto keys = keys_of("\x1b[200~one\r\ntwo\rthree\t\x1b[31m\x03\x1b[201~\r");
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0], (Key{Kind::paste, "one\ntwo\nthree\t[31m"}));
  EXPECT_EQ(keys[1].kind, Kind::enter);
}

TEST(Keys, APasteWithoutItsEndIsNotLost) {
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.feed("\x1b[200~half\x1b[20", keys);
  EXPECT_TRUE(decoder.pasting());
  EXPECT_TRUE(keys.empty());
  decoder.give_up(keys);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0], (Key{Kind::paste, "half[20"}));
  EXPECT_FALSE(decoder.waiting());
}

TEST(Keys, ALoneEscapeIsAKeyOnceNothingFollows) {
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.feed("\x1b", keys);
  EXPECT_TRUE(keys.empty());
  EXPECT_TRUE(decoder.waiting());
  decoder.give_up(keys);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].kind, Kind::cancel);
}

TEST(Keys, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(keys_of("a\xff"
                    "b"),
            (std::vector<Key>{{Kind::text, "a\uFFFDb"}}));
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.feed("\xe4\xbd", keys);
  EXPECT_TRUE(keys.empty());
  decoder.give_up(keys);
  EXPECT_EQ(keys, (std::vector<Key>{{Kind::text, "\uFFFD\uFFFD"}}));
}

TEST(Keys, TheAnswerOfATerminalIsNoText) {
  EXPECT_EQ(keys_of("\x1b[12;40R"), (std::vector<Key>{{Kind::cursor_report, "12;40"}}));
}

TEST(Keys, AnEndlessSequenceIsDropped) {
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.feed("\x1b]0;" + std::string(10000, 'x'), keys);
  EXPECT_FALSE(decoder.waiting());
  EXPECT_TRUE(keys.empty());
}

}  // namespace
}  // namespace assay::cli
