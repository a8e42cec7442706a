#include "adapter/metalrt/frames.h"

#include <gtest/gtest.h>

#include <cstring>

namespace assay::adapter::metalrt {
namespace {

std::vector<std::byte> framed(std::string_view json) {
  std::vector<std::byte> out(4 + json.size());
  const auto length = static_cast<std::uint32_t>(json.size());
  std::memcpy(out.data(), &length, 4);
  std::memcpy(out.data() + 4, json.data(), json.size());
  return out;
}

TEST(MetalrtFrames, EachMessageComesBackAsItWent) {
  std::vector<std::byte> bytes;
  append(bytes, Open{protocol_version, "/lib/a.dylib", "/models/\xC3\xA9"});
  append(bytes, Opened{{"raw", "streaming"}, "m", "d", 4096});
  append(bytes, Generate{std::string("a\n\x01\xFF z", 6), true, 7, 40, 0.5, true});
  append(bytes, Piece{"\xF0\x9F\x98\x80"});
  append(bytes, Done{3, 4, 1.5, 2.5});
  append(bytes, Count{"x"});
  append(bytes, Counted{9});
  append(bytes, Cancel{});
  append(bytes, Failed{{Errc::unsupported, 0, "no\x1b[2J"}});
  std::vector<Message> seen;
  std::span<const std::byte> rest = bytes;
  while (!rest.empty()) {
    // Nothing is read from a part of a frame.
    EXPECT_FALSE(read_frame(rest.first(3)).value().has_value());
    const auto frame = read_frame(rest);
    ASSERT_TRUE(frame) << frame.error().detail;
    ASSERT_TRUE(*frame);
    EXPECT_FALSE(read_frame(rest.first((*frame)->bytes - 1)).value().has_value());
    seen.push_back((*frame)->message);
    rest = rest.subspan((*frame)->bytes);
  }
  ASSERT_EQ(seen.size(), 9U);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].index(), i);
  EXPECT_EQ(std::get<Open>(seen[0]).model, "/models/\xC3\xA9");
  EXPECT_EQ(std::get<Opened>(seen[1]).capabilities, (std::vector<std::string>{"raw", "streaming"}));
  EXPECT_EQ(std::get<Generate>(seen[2]).prompt, "a\n\x01\xEF\xBF\xBD z");
  EXPECT_EQ(std::get<Generate>(seen[2]).temperature, 0.5);
  EXPECT_EQ(std::get<Done>(seen[4]).output_tokens, 4U);
  EXPECT_EQ(std::get<Failed>(seen[8]).error.code, Errc::unsupported);
  EXPECT_EQ(std::get<Failed>(seen[8]).error.detail, "no?[2J");
}

TEST(MetalrtFrames, WhatIsNoFrameIsRefused) {
  const std::uint32_t huge = frame_bytes_max + 1;
  std::vector<std::byte> header(4);
  std::memcpy(header.data(), &huge, 4);
  EXPECT_EQ(read_frame(header).error().code, Errc::bad_value);  // before a byte of it is waited for
  for (
      const std::string_view json :
      {"{}", "[]", "nul", R"({"say":7})", R"({"say":"dance"})", R"({"say":"cancel","x":1})", R"({"say":"piece"})",
       R"({"say":"piece","text":7})", R"({"say":"counted","count":-1})", R"({"say":"counted","count":4294967296})",
       R"({"say":"done","prompt_tokens":1,"output_tokens":1,"prefill_ms":-1,"decode_ms":0})",
       R"({"say":"failed","code":99,"detail":"x"})",
       R"({"say":"opened","capabilities":"raw","model":"","device":"","context":0})",
       R"({"say":"generate","prompt":"x","raw":true,"output_tokens_max":0,"top_k":0,"temperature":0,"ignore_eos":false})"}) {
    const auto frame = read_frame(framed(json));
    ASSERT_FALSE(frame) << json;
    EXPECT_EQ(frame.error().code, Errc::bad_value) << json;
  }
}

}  // namespace
}  // namespace assay::adapter::metalrt
