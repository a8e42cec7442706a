// Real chat templates against what Jinja2 rendered from them, where the shared material lies beside the project.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tokenizer/jinja/template.h"

namespace assay::jinja {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

TEST(ChatTemplates, RenderByteForByteAsTheirGoldensAndFailWhereTheyFail) {
  const std::filesystem::path folder = std::filesystem::path(ASSAY_SHARED_DIR) / "chat-templates";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
  RenderOptions options;
  options.now_seconds = 1785067200;  // 2026-07-26 12:00:00
  std::size_t templates = 0;
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    auto golden_path = entry.path();
    golden_path.replace_extension(".golden.json");
    const auto golden = parse_json(read(golden_path), golden_path.string());
    ASSERT_TRUE(golden) << golden_path;
    const auto parsed = Template::parse(read(entry.path()));
    ASSERT_TRUE(parsed) << entry.path() << ": " << to_string(parsed.error());
    ++templates;
    for (const Json& one : *golden) {
      ++cases;
      const std::string name = entry.path().filename().string() + " " + one["case"].get<std::string>();
      const auto out = parsed->render(one["context"], options);
      if (one.contains("expected")) {
        ASSERT_TRUE(out) << name << ": " << to_string(out.error());
        EXPECT_EQ(*out, one["expected"].get<std::string>()) << name;
      } else {
        ASSERT_FALSE(out) << name;
        EXPECT_THAT(out.error().detail, ::testing::HasSubstr(one["error"].get<std::string>())) << name;
      }
    }
  }
  EXPECT_GT(templates, 0U);
  RecordProperty("templates", static_cast<int>(templates));
  RecordProperty("cases", static_cast<int>(cases));
}

}  // namespace
}  // namespace assay::jinja
