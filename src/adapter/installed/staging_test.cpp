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

TEST(Staging, ACommittedTreeIsTheEngineAndNothingElseIsLeft) {
  const TestFolder folder;
  {
    auto staging = Staging::begin(folder.path(), "e", "1", 0);
    ASSERT_TRUE(staging) << to_string(staging.error());
    spill(staging->tree() / "lib" / "a", "abc");
    spill(staging->work() / "scratch", "abc");
    EXPECT_FALSE(fs::exists(staging->target()));
    ASSERT_TRUE(staging->commit());
  }
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
  EXPECT_EQ(slurp(folder.path() / "e" / "1" / "lib" / "a"), "abc");
}

TEST(Staging, WithoutACommitNothingIsLeftAndWhatWasThereStays) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "old");
  {
    auto staging = Staging::begin(folder.path(), "e", "1", 0);
    ASSERT_TRUE(staging);
    spill(staging->tree() / "a", "new");
  }
  EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "old");
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
  {
    const auto other = Staging::begin(folder.path(), "f", "1", 0);
  }
  EXPECT_THAT(names_in(folder.path()), ElementsAre("e"));
}

TEST(Staging, ACommitReplacesWhatWasThere) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "old");
  spill(folder.path() / "e" / "1" / "b", "old");
  {
    auto staging = Staging::begin(folder.path(), "e", "1", 0);
    ASSERT_TRUE(staging);
    spill(staging->tree() / "a", "new");
    ASSERT_TRUE(staging->commit());
  }
  EXPECT_THAT(names_in(folder.path() / "e" / "1"), ElementsAre("a"));
  EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "new");
}

TEST(Staging, OfTwoAtOneVersionTheSecondIsToldAndAnotherVersionIsFree) {
  const TestFolder folder;
  const auto first = Staging::begin(folder.path(), "e", "1", 0);
  ASSERT_TRUE(first);
  const auto second = Staging::begin(folder.path(), "e", "1", 0);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::full);
  EXPECT_THAT(second.error().detail, HasSubstr("another process"));
  EXPECT_TRUE(Staging::begin(folder.path(), "e", "2", 0));
  EXPECT_TRUE(fs::exists(first->tree())) << "what is under way is not cleared";
}

TEST(Staging, LeftoversOfKilledProcessesGo) {
  const TestFolder folder;
  spill(folder.path() / "e" / ".installing-1-4711" / "tree" / "a", "half");
  spill(folder.path() / "e" / ".installing-2.0-beta-4711" / "a", "half");
  spill(folder.path() / "e" / ".removing-3-4711" / "a", "half");
  spill(folder.path() / "e" / ".lock-2.0-beta", "");
  const auto staging = Staging::begin(folder.path(), "e", "1", 0);
  ASSERT_TRUE(staging);
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre(staging->work().filename().string(), ".lock-1"));
}

TEST(Staging, ADiskThatIsTooSmallIsNamedWithBothNumbers) {
  const TestFolder folder;
  const auto staging = Staging::begin(folder.path(), "e", "1", std::uint64_t{1} << 60);
  ASSERT_FALSE(staging);
  EXPECT_EQ(staging.error().code, Errc::full);
  EXPECT_THAT(staging.error().detail, HasSubstr("TiB while it is installed"));
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
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
  const auto staging = Staging::begin(folder.path(), "e", "1", 0);
  ASSERT_TRUE(staging);
  EXPECT_FALSE(remove_engine(folder.path(), "e", "1"));
  EXPECT_TRUE(fs::exists(folder.path() / "e" / "1" / "a"));
}

}  // namespace
}  // namespace assay::adapter
