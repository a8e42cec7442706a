#include "roster/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace assay::roster {
namespace {

using testing::HasSubstr;

TEST(EngineSpec, has_a_name_and_perhaps_a_version_or_a_device) {
  const auto plain = parse_engine_spec("llama.cpp");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name + "|" + plain->version + "|" + plain->device, "llama.cpp||");
  EXPECT_TRUE(plain->is_installed());
  const auto version = parse_engine_spec("llama.cpp@0.3.36");
  ASSERT_TRUE(version);
  EXPECT_EQ(version->version, "0.3.36");
  const auto both = parse_engine_spec("mlx@0.32.4:cuda");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->name + "|" + both->version + "|" + both->device, "mlx|0.32.4|cuda");
}

TEST(EngineSpec, without_one_of_its_parts_is_refused_by_what_was_found) {
  for (const std::string text : {"", "@1", "llama.cpp@", "llama.cpp:", ":cpu"}) {
    const auto spec = parse_engine_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code, Errc::bad_value);
    EXPECT_THAT(spec.error().detail, HasSubstr("engine \"" + text + "\", expected NAME"));
  }
}

TEST(EngineSpec, of_direct_and_metalrt_has_only_what_they_can_be) {
  for (const std::string text : {"direct", "direct:cpu"}) {
    const auto spec = parse_engine_spec(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_TRUE(spec->is_direct());
    EXPECT_FALSE(spec->is_installed());
  }
  for (const std::string text : {"direct@1", "direct:cuda", "metalrt@2", "metalrt:metal"}) {
    const auto spec = parse_engine_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_THAT(spec.error().detail, HasSubstr(text));
  }
}

TEST(EngineSpec, of_a_server_is_its_kind_whatever_that_is_called) {
  const auto spec = parse_engine_spec("upstream:llama-server=http://127.0.0.1:8080");
  ASSERT_TRUE(spec);
  ASSERT_TRUE(spec->upstream);
  EXPECT_EQ(spec->name, "llama-server");
  EXPECT_FALSE(spec->is_installed());
  EXPECT_FALSE(parse_engine_spec("upstream:nothing"));
}

TEST(FindEngine, says_how_an_engine_is_installed_or_which_there_are) {
  const std::filesystem::path none = std::filesystem::path(testing::TempDir()) / "no-engines";
  const auto known = find_engine(none, {.name = "llama.cpp", .version = "", .device = ""});
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Errc::not_found);
  EXPECT_THAT(known.error().detail, HasSubstr("'assay engines install llama.cpp' does it; installed: none"));
  const auto unknown = find_engine(none, {.name = "lama", .version = "", .device = ""});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().detail, HasSubstr("expected one of direct, llama.cpp"));
}

}  // namespace
}  // namespace assay::roster
