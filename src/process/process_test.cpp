#include "process/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/sanitizers.h"
#include "host/host.h"
#include "process/channel.h"

namespace assay::process {
namespace {

using testing::HasSubstr;

constexpr std::int64_t second = 1'000'000'000;

ProcessOrder shell(std::string script) { return {"/bin/sh", {"-c", std::move(script)}, {}, {}}; }

// The process's own end of a run of `script`.
struct Ran {
  Ending ending;
  std::string output;
};
Ran run(const ProcessOrder& order) {
  auto child = ChildProcess::start(order);
  EXPECT_TRUE(child) << (child ? "" : to_string(child.error()));
  if (!child) return {};
  const auto ending = child->wait(20 * second);
  EXPECT_TRUE(ending);
  return {ending.value_or(Ending{}), child->output_end()};
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int number = 0; number < 1024; ++number) count += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

void expect_no_children() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

bool alive(std::int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0; }

TEST(Process, says_how_it_ended) {
  EXPECT_EQ(in_words(run(shell("exit 3")).ending), "exit code 3");
  EXPECT_EQ(in_words(run(shell("exit 0")).ending), "exit code 0");
  EXPECT_EQ(in_words(run(shell("kill -9 $$")).ending), "signal 9 (killed)");
  EXPECT_EQ(in_words(run(shell("kill -11 $$")).ending), "signal 11 (segmentation fault)");
  EXPECT_EQ(in_words({true, 6}), "signal 6 (aborted)");
}

TEST(Process, keeps_what_it_prints_on_both_streams) {
  EXPECT_EQ(run(shell("echo one; echo two >&2")).output, "one\ntwo\n");
}

TEST(Process, keeps_the_end_of_a_flood) {
  auto child = ChildProcess::start(shell("i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done"));
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->wait(20 * second));
  EXPECT_EQ(child->output_end().size(), 8192U);
  EXPECT_TRUE(child->output_end().ends_with("line 19999\n"));
  EXPECT_GT(child->output_bytes(), 200'000U);
}

TEST(Process, never_waits_to_print_while_nobody_asks) {
  auto channel = make_channel();
  ASSERT_TRUE(channel);
  ProcessOrder order =
      shell("head -c 1048576 /dev/zero | tr '\\0' x; echo last >&2; printf done >&3; exec 3>&-; exec sleep 100");
  order.handed_down = {channel->theirs.number()};
  auto child = ChildProcess::start(order);
  ASSERT_TRUE(child);
  channel->theirs.close();
  Watch watch{channel->ours.number(), true, false, false};
  wait_ready(std::span(&watch, 1), 20 * second);  // it is not looked at meanwhile
  std::array<std::byte, 8> buffer{};
  const auto got = receive_some(channel->ours.number(), buffer, Blocking::no);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, 4U);
  EXPECT_TRUE(child->output_end().ends_with("xxxlast\n"));
  EXPECT_EQ(child->output_bytes(), (1U << 20U) + 5);
  child->kill();
}

TEST(Process, what_it_printed_by_now_is_told_at_once) {
  auto channel = make_channel();
  ASSERT_TRUE(channel);
  ProcessOrder order = shell("while read line <&3; do echo said $line; echo >&3; done");
  order.handed_down = {channel->theirs.number()};
  auto child = ChildProcess::start(order);
  ASSERT_TRUE(child);
  for (int i = 0; i < 100; ++i) {
    const std::string line = std::to_string(i) + "\n";
    ASSERT_TRUE(send_all(channel->ours.number(), std::as_bytes(std::span(line))));
    std::array<std::byte, 1> answer{};
    ASSERT_TRUE(receive_some(channel->ours.number(), answer, Blocking::yes));
    ASSERT_TRUE(child->output_end().ends_with("said " + line)) << child->output_end();
  }
}

TEST(Process, one_that_closes_its_output_and_runs_on_is_waited_for) {
  auto child = ChildProcess::start(shell("echo last; exec >&- 2>&-; sleep 0.3; exit 4"));
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->wait(20'000'000));
  const auto ending = child->wait(20 * second);
  ASSERT_TRUE(ending);
  EXPECT_EQ(in_words(*ending), "exit code 4");
  EXPECT_EQ(child->output_end(), "last\n");
}

TEST(Process, a_survivor_that_floods_its_output_holds_nobody) {
  if (!find_program("setsid")) GTEST_SKIP() << "no setsid here";
  auto child = ChildProcess::start(shell("setsid yes & exec sleep 0.2"));
  ASSERT_TRUE(child);
  const SteadyClock clock;
  const std::int64_t start_ns = clock.now_ns();
  EXPECT_TRUE(child->wait(20 * second));
  EXPECT_LT(clock.now_ns() - start_ns, 10 * second);
  // With nobody reading any more, the survivor's next line ends it (SIGPIPE).
}

TEST(Process, a_program_that_is_not_there_is_an_error_and_leaves_nothing) {
  const std::size_t before = open_descriptors();
  auto child = ChildProcess::start({"/no/such/program", {}, {}, {}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Errc::not_found);
  EXPECT_THAT(child.error().detail, HasSubstr("\"/no/such/program\""));
  EXPECT_EQ(open_descriptors(), before);
  expect_no_children();
}

TEST(Process, a_file_that_may_not_be_run_is_an_error) {
  const std::string path = testing::TempDir() + "not_a_program";
  std::ofstream(path) << "text";
  auto child = ChildProcess::start({path, {}, {}, {}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Errc::io);
}

TEST(Process, gets_only_the_descriptors_that_are_named) {
  std::array<int, 2> leak{};
  ASSERT_EQ(::pipe(leak.data()), 0);  // without close-on-exec
  auto channel = make_channel();
  ASSERT_TRUE(channel);
  ProcessOrder order =
      shell("for n in 0 1 2 3 4 5 6 7 8 9; do if (: >&$n) 2>/dev/null; then printf $n; fi; done; echo");
  order.handed_down = {channel->theirs.number()};
  // 0 is /dev/null, opened to read: duplicating it works all the same.
  EXPECT_EQ(run(order).output, "0123\n");
  ::close(leak[0]);
  ::close(leak[1]);
}

TEST(Process, hands_descriptors_down_in_order_whatever_their_numbers) {
  auto first = make_channel();
  auto second_pair = make_channel();
  ASSERT_TRUE(first && second_pair);
  // Numbers 3 and 4 here, in the other order: a naive dup2 would overwrite one with the other.
  const int low = first->theirs.number();
  const int high = second_pair->theirs.number();
  ProcessOrder order = shell("printf three >&3; printf four >&4");
  order.handed_down = {high, low};
  run(order);
  std::array<std::byte, 16> buffer{};
  auto got = receive_some(second_pair->ours.number(), buffer, Blocking::no);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(buffer.data()), got->bytes), "three");
  got = receive_some(first->ours.number(), buffer, Blocking::no);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(buffer.data()), got->bytes), "four");
}

TEST(Process, environment_is_ours_with_what_is_named_over_it) {
  ::setenv("ASSAY_PROCESS_TEST_A", "ours", 1);
  ::setenv("ASSAY_PROCESS_TEST_B", "ours", 1);
  ProcessOrder order = shell("echo $ASSAY_PROCESS_TEST_A $ASSAY_PROCESS_TEST_B $ASSAY_PROCESS_TEST_C");
  order.environment = {"ASSAY_PROCESS_TEST_B=over", "ASSAY_PROCESS_TEST_C=new"};
  EXPECT_EQ(run(order).output, "ours over new\n");
}

TEST(Process, stop_ends_one_that_refuses_to_be_terminated) {
  auto child = ChildProcess::start(shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
  ASSERT_TRUE(child);
  while (child->output_end().empty()) ASSERT_FALSE(child->wait(1'000'000));
  EXPECT_EQ(in_words(child->stop(50'000'000)), "signal 9 (killed)");
  EXPECT_EQ(child->pid(), -1);
  expect_no_children();
}

TEST(Process, stop_terminates_one_that_listens) {
  auto child = ChildProcess::start(shell("exec sleep 100"));
  ASSERT_TRUE(child);
  EXPECT_EQ(in_words(child->stop(20'000'000)), "signal 15 (terminated)");
}

#ifdef ASSAY_STUCK_CHILD
TEST(Process, one_that_does_not_die_is_named_and_left_behind_in_bounded_time) {
  const std::size_t before = open_descriptors();
  auto child = ChildProcess::start({ASSAY_STUCK_CHILD, {}, {}, {}});
  ASSERT_TRUE(child);
  while (child->output_end().find('\n') == std::string::npos) {
    if (child->wait(1'000'000)) break;
  }
  const std::string said = child->output_end();
  if (said.starts_with("refused")) GTEST_SKIP() << "no process may trace another here: " << said;
  ASSERT_TRUE(said.starts_with("stuck ")) << said;
  const auto tracer = static_cast<pid_t>(std::stol(said.substr(6)));
  const std::int64_t pid = child->pid();

  const Ending ending = child->kill(50'000'000);
  EXPECT_EQ(ending.survivor, pid);
  EXPECT_EQ(in_words(ending), "no end: process " + std::to_string(pid) + " outlives SIGKILL");
  EXPECT_EQ(child->pid(), -1) << "its id may be another's at any time";
  EXPECT_EQ(child->ended()->survivor, pid);
  EXPECT_EQ(child->kill().survivor, pid) << "asked again it says the same, at once";
  EXPECT_EQ(child->output_end(), said);
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(alive(pid)) << "as a zombie that its tracer holds";

  // When it is let go, it is reaped without anybody waiting for it here.
  ASSERT_GT(tracer, 1);
  ASSERT_EQ(::kill(tracer, SIGKILL), 0);
  const SteadyClock clock;
  const std::int64_t start_ns = clock.now_ns();
  while (alive(pid) && clock.now_ns() - start_ns < 20 * second) std::this_thread::yield();
  EXPECT_FALSE(alive(pid));
}
#endif

// fork copies the tables of this process's pages, and may be refused for its size: of a process that holds a model's
// weights neither is wanted.
TEST(Process, is_started_without_a_copy_of_this_process) {
  if (thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer turns vfork into fork";
  static int forks = 0;
  ASSERT_EQ(::pthread_atfork([] { ++forks; }, nullptr, nullptr), 0);
  forks = 0;
  EXPECT_EQ(run(shell("exit 3")).ending.number, 3);
  EXPECT_EQ(forks, 0);
}

TEST(Process, handlers_of_this_process_do_not_run_in_one_that_is_being_started) {
  static std::atomic<int> caught{0};
  struct sigaction action{};
  struct sigaction old{};
  action.sa_handler = [](int) { ++caught; };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &old), 0);
  std::thread sender([] {
    for (int i = 0; i < 200; ++i) ::kill(::getpid(), SIGUSR1);
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run(shell("exit 0")).ending.number, 0);
  sender.join();
  ::sigaction(SIGUSR1, &old, nullptr);
  EXPECT_GT(caught, 0);
}

TEST(Process, its_own_children_end_with_it) {
  auto child = ChildProcess::start(shell("sleep 100 & echo $!; exec sleep 100"));
  ASSERT_TRUE(child);
  while (child->output_end().find('\n') == std::string::npos) ASSERT_FALSE(child->wait(1'000'000));
  const std::int64_t grandchild = std::stoll(child->output_end());
  EXPECT_TRUE(alive(grandchild));
  child->kill();
  // Whoever adopts orphans reaps it in a moment.
  const SteadyClock clock;
  const std::int64_t start_ns = clock.now_ns();
  const auto state = [&] {
    std::ifstream in("/proc/" + std::to_string(grandchild) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto end = text.rfind(')');
    return end == std::string::npos ? 'X' : text[end + 2];
  };
  while (alive(grandchild) && state() != 'Z' && clock.now_ns() - start_ns < 5 * second) std::this_thread::yield();
  EXPECT_TRUE(!alive(grandchild) || state() == 'Z');
}

TEST(Process, a_destroyed_child_is_gone) {
  const std::size_t before = open_descriptors();
  std::int64_t pid = 0;
  {
    auto child = ChildProcess::start(shell("exec sleep 100"));
    ASSERT_TRUE(child);
    pid = child->pid();
    EXPECT_TRUE(alive(pid));
    ChildProcess moved = std::move(*child);
    EXPECT_EQ(moved.pid(), pid);
  }
  EXPECT_FALSE(alive(pid));
  EXPECT_EQ(open_descriptors(), before);
  expect_no_children();
}

TEST(Process, one_started_by_another_thread_outlives_that_thread) {
  Result<ChildProcess> child = fail(Errc::bug, "");
  std::thread([&] { child = ChildProcess::start(shell("exec sleep 100")); }).join();
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->wait(50'000'000));
  child->kill();
}

TEST(Process, memory_of_another_process_is_told_while_it_lives) {
  auto child = ChildProcess::start(shell("echo ready; while :; do sleep 100; done"));
  ASSERT_TRUE(child);
  while (child->output_end().empty()) ASSERT_FALSE(child->wait(1'000'000));
  const auto memory = host::process_memory(child->pid());
  ASSERT_TRUE(memory.footprint);
  EXPECT_GT(*memory.footprint, 10'000U);
  EXPECT_GE(*memory.footprint_peak, *memory.footprint);
  const std::int64_t pid = child->pid();
  child->kill();
  EXPECT_FALSE(host::process_memory(pid).footprint);
}

TEST(Process, find_program_looks_along_the_path) {
  EXPECT_THAT(find_program("sh").value_or(""), testing::EndsWith("/sh"));
  EXPECT_EQ(find_program("/bin/sh").value_or(""), "/bin/sh");
  EXPECT_EQ(find_program("assay-no-such-program").error().code, Errc::not_found);
  EXPECT_EQ(find_program("/no/such/program").error().code, Errc::not_found);
}

TEST(Channel, carries_bytes_and_shows_the_end) {
  auto channel = make_channel();
  ASSERT_TRUE(channel);
  std::array<std::byte, 4> buffer{};
  auto got = receive_some(channel->ours.number(), buffer, Blocking::no);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->bytes == 0 && !got->end);
  ASSERT_TRUE(send_all(channel->theirs.number(), std::as_bytes(std::span("abcdef", 6))));
  got = receive_some(channel->ours.number(), buffer, Blocking::yes);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, 4U);
  channel->theirs.close();
  got = receive_some(channel->ours.number(), buffer, Blocking::no);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, 2U);
  got = receive_some(channel->ours.number(), buffer, Blocking::yes);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->end);
  EXPECT_EQ(send_all(channel->ours.number(), std::as_bytes(std::span("x", 1))).error().code, Errc::io);
}

TEST(Channel, a_full_one_takes_no_more_and_does_not_block) {
  auto channel = make_channel();
  ASSERT_TRUE(channel);
  const std::string block(1 << 20, 'x');
  std::size_t total = 0;
  while (true) {
    const auto sent = send_some(channel->ours.number(), std::as_bytes(std::span(block)));
    ASSERT_TRUE(sent);
    if (*sent == 0) break;
    total += *sent;
    ASSERT_LT(total, 100U << 20U);
  }
  Watch watch{channel->ours.number(), false, true, true};
  wait_ready(std::span(&watch, 1), 1'000'000);
  EXPECT_FALSE(watch.ready);
}

TEST(Channel, only_a_stream_socket_is_adopted) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_EQ(adopt_channel(ends[0]).error().code, Errc::bad_value);
  EXPECT_EQ(adopt_channel(1000).error().code, Errc::bad_value);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Channel, wait_closed_sleeps_through_traffic_until_the_end) {
  auto channel = make_channel();
  ASSERT_TRUE(channel);
  std::thread watcher([&] { wait_closed(channel->theirs.number()); });
  ASSERT_TRUE(send_all(channel->ours.number(), std::as_bytes(std::span("abc", 3))));
  channel->ours.close();
  watcher.join();
}

}  // namespace
}  // namespace assay::process
