#include "adapter/installed/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX

#include <chrono>
#include <thread>

#include "adapter/installed/test_folder.h"

namespace assay::adapter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Command shell(std::string script) { return {.words = {"sh", "-c", std::move(script)}, .environment = {}, .log = ""}; }

// A process that was killed is gone once its new parent has collected it.
bool dies_soon(pid_t process) {
  for (int i = 0; i < 200; ++i) {
    if (::kill(process, 0) != 0) return true;
    const std::string state = slurp("/proc/" + std::to_string(process) + "/stat");
    if (state.find(") Z") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Command, GivesEveryLineAndTheExitCode) {
  std::vector<std::string> lines;
  const auto code = run_command(shell("echo one; echo two >&2; printf 'a\\rb'; exit 7"),
                                {.line = [&](std::string_view line) { lines.emplace_back(line); }, .go_on = {}});
  ASSERT_TRUE(code) << to_string(code.error());
  EXPECT_EQ(*code, 7);
  EXPECT_THAT(lines, ElementsAre("one", "two", "a", "b"));
}

TEST(Command, StdinIsEmptyAndVariablesAreSet) {
  ::setenv("ASSAY_TEST_A", "ours", 1);
  Command command = shell("cat; echo $ASSAY_TEST_A $ASSAY_TEST_B");
  command.environment = {"ASSAY_TEST_A=theirs", "ASSAY_TEST_B=x y"};
  std::string said;
  ASSERT_TRUE(run_command(command, {.line = [&](std::string_view line) { said = line; }, .go_on = {}}));
  EXPECT_EQ(said, "theirs x y");
}

TEST(Command, TheLogHasTheCommandAndWhatItPrinted) {
  const TestFolder folder;
  Command command = shell("echo it\\'s here");
  command.log = (folder.path() / "log").string();
  ASSERT_TRUE(run_command(command));
  ASSERT_TRUE(run_command(command));
  const std::string once = "$ sh -c 'echo it\\'\\''s here'\nit's here\n";
  EXPECT_EQ(slurp(command.log), once + once);
  command.log = (folder.path() / "no" / "log").string();
  const auto refused = run_command(command);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::io);
}

TEST(Command, NoSuchProgram) {
  const auto code = run_command({.words = {"assay-no-such-program"}, .environment = {}, .log = ""});
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, Errc::not_found);
  EXPECT_EQ(find_program("assay-no-such-program"), "");
  EXPECT_THAT(find_program("sh"), HasSubstr("/sh"));
}

TEST(Command, ASignalIsNamed) {
  const auto code = run_command(shell("kill -ABRT $$"));
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, Errc::engine_lost);
  EXPECT_THAT(code.error().detail, HasSubstr("signal 6"));
}

TEST(Command, AFailureShowsTheEndOfWhatWasPrinted) {
  const auto done = run_to_success(shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line$i; done; exit 3"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::bad_value);
  EXPECT_THAT(done.error().detail, HasSubstr("exit code 3"));
  EXPECT_THAT(done.error().detail, HasSubstr("| line14"));
  EXPECT_THAT(done.error().detail, HasSubstr("| line3\n"));
  EXPECT_THAT(done.error().detail, Not(HasSubstr("| line2\n")));
}

TEST(Command, StopKillsTheWholeGroupEvenOneThatRefuses) {
  pid_t child = 0;
  const auto code = run_command(shell("trap '' TERM; sh -c 'trap \"\" TERM; echo $$; sleep 300' & wait; sleep 300"),
                                {.line = [&](std::string_view line) { child = std::stoi(std::string(line)); },
                                 .go_on = [&] { return child == 0; }});
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, Errc::cancelled);
  EXPECT_TRUE(dies_soon(child));
}

TEST(Command, WhatIsLeftInTheBackgroundIsKilledAndNotWaitedFor) {
  pid_t child = 0;
  const auto began = std::chrono::steady_clock::now();
  const auto code =
      run_command(shell("sleep 300 & echo $!"),
                  {.line = [&](std::string_view line) { child = std::stoi(std::string(line)); }, .go_on = {}});
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_TRUE(dies_soon(child));
}

TEST(Command, MuchOutputIsNoDeadlock) {
  std::size_t bytes = 0;
  const auto code = run_command(shell("yes 0123456789 | head -c 3000000"),
                                {.line = [&](std::string_view line) { bytes += line.size() + 1; }, .go_on = {}});
  ASSERT_TRUE(code);
  EXPECT_GE(bytes, 3'000'000U);
}

}  // namespace
}  // namespace assay::adapter
