#include "base/staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL and kill are POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TestFolder final {
 public:
  TestFolder() : path_(fs::path(::testing::TempDir()) / ("staging_" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void spill(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

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
    auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
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
    auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
    ASSERT_TRUE(staging);
    spill(staging->tree() / "a", "new");
  }
  EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "old");
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
  {
    const auto other = Staging::begin(folder.path() / "f", "1", "f 1", 0);
  }
  EXPECT_THAT(names_in(folder.path()), ElementsAre("e"));
}

TEST(Staging, ACommitReplacesWhatWasThere) {
  for (const bool swap : {true, false}) {
    const TestFolder folder;
    spill(folder.path() / "e" / "1" / "a", "old");
    spill(folder.path() / "e" / "1" / "b", "old");
    {
      auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
      ASSERT_TRUE(staging);
      spill(staging->tree() / "a", "new");
      ASSERT_TRUE(staging->commit({.swap = swap}));
      EXPECT_THAT(names_in(folder.path() / "e" / "1"), ElementsAre("a"));
    }
    EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
    EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "new");
  }
}

// The second rename fails here because what it should move is gone; a full disk or a lost mount would do the same.
TEST(Staging, ACommitThatFailsLeavesTheOneThatWorked) {
  for (const bool swap : {true, false}) {
    const TestFolder folder;
    spill(folder.path() / "e" / "1" / "a", "old");
    {
      auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
      ASSERT_TRUE(staging);
      fs::remove_all(staging->tree());
      const auto done = staging->commit({.swap = swap});
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().code, Errc::io);
      EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "old");
    }
    EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "old");
    EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
  }
}

// Where even the way back is barred, the old one is still there and its place is said; the next one puts it back.
TEST(Staging, WhatCannotBePutBackIsKeptAndNamed) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "old");
  {
    auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
    ASSERT_TRUE(staging);
    spill(staging->tree() / "a", "new");
    // A file in the place of the folder: no folder can be renamed over it.
    const auto done =
        staging->commit({.swap = false, .between = [&] { spill(folder.path() / "e" / "1", "in the way"); }});
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().detail, HasSubstr("what was there is kept as " + folder.path().string()));
  }
  fs::remove(folder.path() / "e" / "1");
  ASSERT_TRUE(Staging::begin(folder.path() / "e", "2", "e 2", 0));
  EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "old");
}

// Runs `work` in a process of its own, which it is to end itself.
int status_of(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(Staging, AProcessKilledWhileItReplacesLosesNothing) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "old");
  const int status = status_of([&] {
    auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
    if (!staging) return;
    spill(staging->tree() / "a", "new");
    [[maybe_unused]] const auto never =
        staging->commit({.swap = false, .between = [] { ::kill(::getpid(), SIGKILL); }});
  });
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ASSERT_FALSE(fs::exists(folder.path() / "e" / "1")) << "the moment that this test is about";
  // Whoever comes next, for this version or another, puts it back first.
  for (const char* name : {"2", "1"}) {
    const auto next = Staging::begin(folder.path() / "e", name, "e", 0);
    ASSERT_TRUE(next);
    EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), "old");
    EXPECT_THAT(names_in(folder.path() / "e"),
                ElementsAre(next->work().filename().string(), std::string(".lock-") + name, "1"));
  }
}

TEST(Staging, AProcessKilledBehindTheReplacementLeavesTheNewOne) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "old");
  for (const bool swap : {true, false}) {
    const int status = status_of([&] {
      auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
      if (!staging) return;
      spill(staging->tree() / "a", swap ? "new" : "newer");
      if (staging->commit({.swap = swap})) ::kill(::getpid(), SIGKILL);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(slurp(folder.path() / "e" / "1" / "a"), swap ? "new" : "newer");
  }
  ASSERT_TRUE(Staging::begin(folder.path() / "e", "2", "e 2", 0));
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre("1"));
}

TEST(FolderLock, IsWaitedForAndGoesWithItsProcess) {
  const TestFolder folder;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FolderLock::take(folder.path(), "", "all");
    const char said = lock ? 'y' : 'n';
    if (::write(ends[1], &said, 1) == 1) ::pause();
    ::_exit(1);
  }
  char said = 0;
  ASSERT_EQ(::read(ends[0], &said, 1), 1);
  ASSERT_EQ(said, 'y');
  const auto refused = FolderLock::take(folder.path(), "", "all");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::full);
  std::thread waiter([&] { EXPECT_TRUE(FolderLock::take(folder.path(), "", "all", FolderLock::Wait::yes)); });
  ASSERT_GT(child, 1);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  waiter.join();
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(Staging, OfTwoAtOneVersionTheSecondIsToldAndAnotherVersionIsFree) {
  const TestFolder folder;
  const auto first = Staging::begin(folder.path() / "e", "1", "e 1", 0);
  ASSERT_TRUE(first);
  const auto second = Staging::begin(folder.path() / "e", "1", "e 1", 0);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::full);
  EXPECT_THAT(second.error().detail, HasSubstr("another process"));
  EXPECT_TRUE(Staging::begin(folder.path() / "e", "2", "e 2", 0));
  EXPECT_TRUE(fs::exists(first->tree())) << "what is under way is not cleared";
}

TEST(Staging, LeftoversOfKilledProcessesGo) {
  const TestFolder folder;
  spill(folder.path() / "e" / ".installing-1-4711" / "tree" / "a", "half");
  spill(folder.path() / "e" / ".installing-2.0-beta-4711" / "a", "half");
  spill(folder.path() / "e" / ".removing-3-4711" / "a", "half");
  spill(folder.path() / "e" / ".lock-2.0-beta", "");
  const auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
  ASSERT_TRUE(staging);
  EXPECT_THAT(names_in(folder.path() / "e"), ElementsAre(staging->work().filename().string(), ".lock-1"));
}

TEST(Staging, ADiskThatIsTooSmallIsNamedWithBothNumbers) {
  const TestFolder folder;
  const auto staging = Staging::begin(folder.path() / "e", "1", "e 1", std::uint64_t{1} << 60);
  ASSERT_FALSE(staging);
  EXPECT_EQ(staging.error().code, Errc::full);
  EXPECT_THAT(staging.error().detail, HasSubstr("TiB while it is installed"));
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(RemoveFolder, TakesItAwayUnlessItIsBeingMade) {
  const TestFolder folder;
  spill(folder.path() / "e" / "1" / "a", "abc");
  {
    const auto staging = Staging::begin(folder.path() / "e", "1", "e 1", 0);
    ASSERT_TRUE(staging);
    EXPECT_FALSE(remove_folder(folder.path() / "e", "1", "e 1"));
    EXPECT_TRUE(fs::exists(folder.path() / "e" / "1" / "a"));
  }
  ASSERT_TRUE(remove_folder(folder.path() / "e", "1", "e 1"));
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
  EXPECT_EQ(remove_folder(folder.path() / "e", "1", "e 1").error().code, Errc::not_found);
}

}  // namespace
}  // namespace assay
