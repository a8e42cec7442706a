#include "adapter/metalrt/whole_characters.h"

#include <gtest/gtest.h>

namespace assay::adapter::metalrt {
namespace {

std::string all(std::string_view bytes, std::size_t step) {
  WholeCharacters characters;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) out += characters.push(bytes.substr(at, step));
  return out + characters.finish();
}

TEST(WholeCharacters, ACutAnywhereChangesNothing) {
  const std::string_view text = "a\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80.";
  for (std::size_t step = 1; step < 6; ++step) EXPECT_EQ(all(text, step), text) << step;
}

TEST(WholeCharacters, WhatIsNoCharacterIsReplaced) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(all("\xFFz", 1), r + "z");
  EXPECT_EQ(all("\xC3z", 1), r + "z");
  EXPECT_EQ(all("\xC0\xAF", 2), r + r);                  // overlong
  EXPECT_EQ(all("\xED\xA0\x80", 3), r + r + r);          // a surrogate
  EXPECT_EQ(all("\xF4\x90\x80\x80", 4), r + r + r + r);  // above U+10FFFF
  EXPECT_EQ(all("a\xE2\x82", 1), "a" + r);               // cut at the end
}

}  // namespace
}  // namespace assay::adapter::metalrt
