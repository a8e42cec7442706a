#include "adapter/upstream/upstream_choice.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace assay::adapter::upstream {
namespace {

std::string write_file(const std::string& text) {
  const std::string path = testing::TempDir() + "assay_key_" + std::to_string(text.size());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  EXPECT_NE(file, nullptr);
  if (file == nullptr) return path;
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
  return path;
}

TEST(UpstreamChoice, ReadsKindUrlAndModel) {
  const auto a = parse_upstream("llama-server=http://127.0.0.1:8080");
  ASSERT_TRUE(a);
  EXPECT_EQ(*a, (UpstreamChoice{Kind::llama_server, {false, "127.0.0.1", 8080, ""}, ""}));
  const auto b = parse_upstream("ollama#qwen3:4b");
  ASSERT_TRUE(b);
  EXPECT_EQ(*b, (UpstreamChoice{Kind::ollama, {false, "127.0.0.1", 11434, ""}, "qwen3:4b"}));
  const auto c = parse_upstream("openai=https://node.example/llm/v1#big");
  ASSERT_TRUE(c);
  EXPECT_EQ(*c, (UpstreamChoice{Kind::openai, {true, "node.example", 443, "/llm"}, "big"}));
}

TEST(UpstreamChoice, RefusesWhatItCannotMean) {
  for (const std::string_view text : {"", "openai", "vllm=http://a", "ollama=", "ollama=a", "ollama#", "=http://a"}) {
    const auto choice = parse_upstream(text);
    ASSERT_FALSE(choice) << text;
    EXPECT_EQ(choice.error().code, Errc::bad_value);
  }
  EXPECT_NE(parse_upstream("vllm=http://a").error().detail.find(upstream_kinds()), std::string::npos);
}

TEST(UpstreamChoice, AKeyComesFromAFileOrAVariable) {
  EXPECT_EQ(read_key({write_file("sk-1 \r\nsecond line\n"), ""}).value_or("-"), "sk-1");
  EXPECT_EQ(read_key({}).value_or("-"), "");
  setenv("ASSAY_TEST_KEY", "sk-2", 1);
  EXPECT_EQ(read_key({"", "ASSAY_TEST_KEY"}).value_or("-"), "sk-2");
  EXPECT_EQ(read_key({"", "ASSAY_TEST_NO_KEY"}).error().code, Errc::not_found);
  EXPECT_EQ(read_key({"/nonexistent/key", ""}).error().code, Errc::not_found);
  EXPECT_EQ(read_key({write_file("\n\n"), ""}).error().code, Errc::bad_value);
  const auto bad = read_key({write_file("secret\x01key"), ""});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().detail.find("secret"), std::string::npos);
  EXPECT_EQ(read_key({"a", "b"}).error().code, Errc::bad_value);
}

TEST(UpstreamChoice, AKeyDoesNotCrossTheNetworkReadable) {
  const auto far = parse_upstream("openai=http://192.168.0.7:8000");
  ASSERT_TRUE(far);
  EXPECT_EQ(options_of(*far, "sk").error().code, Errc::bad_value);
  EXPECT_TRUE(options_of(*far, ""));
  const auto near = parse_upstream("openai=http://127.0.0.1:8000");
  ASSERT_TRUE(near);
  EXPECT_TRUE(options_of(*near, "sk"));
}

}  // namespace
}  // namespace assay::adapter::upstream
