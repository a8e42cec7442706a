#include "adapter/installed/staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "adapter/installed/test_folder.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    out.push_back(entry->path().filename().string());
  std::ranges::sort(out);
  return out;
}

TEST(BeginEngine, StagesAVersionAndNamesItWhereItIsTaken) {
  const TestFolder folder;
  {
    auto staging = begin_engine(folder.path(), "e", "1", 0);
    ASSERT_TRUE(staging) << to_string(staging.error());
    spill(staging->tree() / "a", "abc");
    EXPECT_THAT(begin_engine(folder.path(), "e", "1", 0).error().detail, HasSubstr("e 1: another process"));
    EXPECT_TRUE(begin_engine(folder.path(), "e", "2", 0));
    ASSERT_TRUE(staging->commit());
  }
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
}

TEST(RemoveEngine, TakesTheFolderAndItsLog) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "abc");
  spill(folder.path() / "e" / "1.failed.log", "abc");
  ASSERT_TRUE(remove_engine(folder.path(), "e", "1"));
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
  const auto again = remove_engine(folder.path(), "e", "1");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::not_found);
}

TEST(RemoveEngine, WaitsForNoInstallation) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "abc");
  const auto staging = begin_engine(folder.path(), "e", "1", 0);
  ASSERT_TRUE(staging);
  EXPECT_FALSE(remove_engine(folder.path(), "e", "1"));
  EXPECT_TRUE(fs::exists(folder.path() / "e" / "1" / "a"));
}

}  // namespace
}  // namespace assay::adapter
