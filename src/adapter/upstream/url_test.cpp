#include "adapter/upstream/url.h"

#include <gtest/gtest.h>

namespace assay::adapter::upstream {
namespace {

TEST(Url, ReadsSchemeHostPortAndPrefix) {
  const auto a = parse_url("http://127.0.0.1:8080/");
  ASSERT_TRUE(a);
  EXPECT_EQ(*a, (Url{false, "127.0.0.1", 8080, ""}));
  EXPECT_EQ(to_string(*a), "http://127.0.0.1:8080");
  const auto b = parse_url("https://node.example/llm/");
  ASSERT_TRUE(b);
  EXPECT_EQ(*b, (Url{true, "node.example", 443, "/llm"}));
  EXPECT_EQ(to_string(*b), "https://node.example/llm");
  const auto c = parse_url("http://[::1]:1234");
  ASSERT_TRUE(c);
  EXPECT_EQ(*c, (Url{false, "::1", 1234, ""}));
  EXPECT_EQ(authority(*c), "[::1]:1234");
}

TEST(Url, RefusesWhatItCannotMean) {
  for (const std::string_view text :
       {"", "127.0.0.1:8080", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:8x",
        "http://a:", "http://a?b", "http://a#b", "http://a b", "http://a\r\nX: y", "http://[::1", "http://[a.b]",
        "http://[::1]80", "http://a_$b"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::bad_value) << text;
  }
}

TEST(Url, APasswordIsNotRepeatedInTheError) {
  const auto url = parse_url("http://me:secret@host");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().detail.find("secret"), std::string::npos);
}

TEST(Url, KnowsWhatStaysOnThisMachine) {
  EXPECT_TRUE(is_loopback({false, "127.0.0.1", 80, ""}));
  EXPECT_TRUE(is_loopback({false, "localhost", 80, ""}));
  EXPECT_TRUE(is_loopback({false, "::1", 80, ""}));
  EXPECT_FALSE(is_loopback({false, "127.0.0.1.example", 80, ""}));
  EXPECT_FALSE(is_loopback({false, "192.168.0.1", 80, ""}));
}

}  // namespace
}  // namespace assay::adapter::upstream
