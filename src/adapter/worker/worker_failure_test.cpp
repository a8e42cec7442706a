// Each way in which a worker may fail, by order: the error names it, and nothing is left.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "adapter/worker/fake_options.h"
#include "adapter/worker/worker_backend.h"
#include "base/clock.h"

namespace assay::adapter {
namespace {

using testing::HasSubstr;

constexpr std::int64_t ms = 1'000'000;

struct Case {
  const char* orders;
  Errc code;
  const char* words;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.orders; }

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.orders;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

// Generous, so that a busy machine fails nothing; short where the end of patience in one phase is what is tested.
WorkerOptions options_for(const Case& c, std::int64_t WorkerOptions::* phase) {
  WorkerOptions options = fake_options(c.orders);
  options.start_timeout_ns = options.load_timeout_ns = options.call_timeout_ns = 60'000 * ms;
  if (std::string_view(c.words).find("no answer") != std::string_view::npos) options.*phase = 1000 * ms;
  return options;
}

// What the fake worker says that it is about to do, as it says it: a pipe with a name in the place of its diary.
class Diary final {
 public:
  Diary() : path_(testing::TempDir() + "diary_" + std::to_string(::getpid())) {
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    pipe_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);  // to write too, so that neither end waits for the other
    ::setenv("ASSAY_FAKE_DIARY", path_.c_str(), 1);
  }
  Diary(const Diary&) = delete;
  Diary& operator=(const Diary&) = delete;
  ~Diary() {
    ::unsetenv("ASSAY_FAKE_DIARY");
    ::close(pipe_);
    ::unlink(path_.c_str());
  }
  // Reads until `words` have been said.
  void wait_for(std::string_view words) {
    std::string said;
    std::array<char, 256> buffer{};
    while (said.find(words) == std::string::npos) {
      const ssize_t got = ::read(pipe_, buffer.data(), buffer.size());
      if (got <= 0 && errno != EINTR) return;
      if (got > 0) said.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  std::string path_;
  int pipe_ = -1;
};

// ---- before the first message

class AtStart : public testing::TestWithParam<Case> {};

TEST_P(AtStart, is_named_and_leaves_nothing) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  ::setenv("ASSAY_FAKE_WORKER", GetParam().orders, 1);
  WorkerOptions options = options_for(GetParam(), &WorkerOptions::start_timeout_ns);
  options.load.model = "fake:";
  const auto backend = start_worker(options, clock);
  ::unsetenv("ASSAY_FAKE_WORKER");
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, GetParam().code) << to_string(backend.error());
  EXPECT_THAT(backend.error().detail, HasSubstr("assay_fake_worker in start: "));
  EXPECT_THAT(backend.error().detail, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Worker, AtStart,
    testing::Values(
        Case{"hang-at-start", Errc::timeout, "no answer within 1 s, killed"},
        Case{"slow-start=5000", Errc::timeout, "no answer within 1 s, killed"},
        Case{"exit-at-start=127", Errc::engine_lost,
             "ended with exit code 127; it printed last: fake: libfake.so.1: cannot open shared object file"},
        Case{"garbage-at-start", Errc::engine_lost, "broke the protocol: bad value: bytes that begin no frame"},
        Case{"loaded-at-start", Errc::engine_lost, "broke the protocol: began by loaded"},
        Case{"wrong-version", Errc::engine_lost, "speaks protocol version 9, expected 2: install this engine again"},
        Case{"oversized-at-start", Errc::engine_lost, "message hello of 2130706"}),
    name_of);

TEST(WorkerStart, a_slow_one_is_waited_for) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  ::setenv("ASSAY_FAKE_WORKER", "slow-start=500", 1);
  EXPECT_TRUE(start_worker(fake_options(""), clock));
  ::unsetenv("ASSAY_FAKE_WORKER");
}

TEST(WorkerStart, a_program_that_is_not_there_is_not_found) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  WorkerOptions options = fake_options("");
  options.program = "/no/such/worker";
  const auto backend = start_worker(options, clock);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, Errc::not_found);
  EXPECT_THAT(backend.error().detail, HasSubstr("/no/such/worker"));
}

TEST(WorkerStart, a_program_that_is_no_worker_is_named) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  WorkerOptions options = fake_options("");
  options.program = "/bin/echo";
  const auto backend = start_worker(options, clock);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, Errc::engine_lost);
  EXPECT_EQ(backend.error().detail, "echo in start: ended with exit code 0; it printed last: --serve-assay");
}

TEST(WorkerStart, settings_out_of_range_start_nothing) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  WorkerOptions options = fake_options("");
  options.program = "/no/such/worker";
  options.load.threads = 0;
  const auto backend = start_worker(options, clock);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, Errc::bad_value);
  EXPECT_THAT(backend.error().detail, HasSubstr("load settings: key \"threads\": met 0"));
}

// ---- while it loads

class AtLoad : public testing::TestWithParam<Case> {};

TEST_P(AtLoad, is_named_and_leaves_nothing) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  const auto backend = start_worker(options_for(GetParam(), &WorkerOptions::load_timeout_ns), clock);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, GetParam().code) << to_string(backend.error());
  EXPECT_THAT(backend.error().detail, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Worker, AtLoad,
    testing::Values(
        Case{"crash-at-load", Errc::engine_lost, "in load: ended with signal 11 (segmentation fault)"},
        Case{"exit-at-load", Errc::engine_lost,
             "in load: ended with exit code 7; it printed last: fake: fatal: nothing works"},
        Case{"hang-at-load", Errc::timeout, "in load: no answer within 1 s, killed"},
        Case{"silent-load=9000", Errc::timeout, "in load: no answer within 1 s, killed"},
        Case{"stuck-load", Errc::timeout, "in load: no answer within 1 s, killed"},
        Case{"throw-at-load", Errc::engine_lost, "the engine threw in load: the tensor is on fire"},
        Case{"bad-alloc-at-load", Errc::full, "out of memory in load"},
        Case{"out-of-memory-at-load", Errc::engine_lost, "in load: ended with "},
        Case{"garbage-at-load", Errc::engine_lost, "broke the protocol"},
        Case{"half-at-load", Errc::timeout, "in load: no answer within 1 s, killed"},
        Case{"close-at-load", Errc::engine_lost, "closed its connection and went on running"},
        Case{"refuse-load", Errc::unsupported,
             "the model cannot be loaded; it printed last: fake: tensor blk.0 has a type that I do not know"},
        Case{"wrong-device", Errc::unsupported, "asked for device cpu, it computes on metal"},
        Case{"vocab=0", Errc::bad_value, "key \"facts.vocab\": met 0"},
        Case{"vocab=20000000", Errc::bad_value, "key \"facts.vocab\": met 20000000"},
        Case{"absurd-facts=0", Errc::engine_lost, "key \"facts.vocab\": met 0"},
        Case{"absurd-facts=1", Errc::engine_lost, "key \"facts.vocab\": met 4000000000"},
        Case{"absurd-facts=2", Errc::engine_lost, "key \"facts.name\": met \"\\x1b[31mred\""},
        Case{"absurd-facts=3", Errc::engine_lost, "key \"facts.batch\": met -1"},
        Case{"absurd-facts=4", Errc::engine_lost, "key \"facts.notes\": met a list"},
        Case{"absurd-facts=5", Errc::engine_lost, "key \"facts.device\": met \"quantum\""},
        Case{"absurd-facts=6", Errc::engine_lost, "key \"facts.context\": is missing"},
        Case{"absurd-facts=7", Errc::engine_lost, "key \"facts.surprise\": is not known"},
        Case{"absurd-facts=8", Errc::engine_lost, "key \"memory.kv\": met 1e+300"},
        Case{"absurd-facts=9", Errc::engine_lost, "broke the protocol"},
        Case{"absurd-facts=10", Errc::engine_lost, "expected an object"}),
    name_of);

TEST(WorkerLoad, a_model_that_is_not_there_is_the_workers_own_error) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  WorkerOptions options = fake_options("");
  options.load.model = "/no/model";
  const auto backend = start_worker(options, clock);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, Errc::not_found);
  EXPECT_EQ(backend.error().detail, "model \"/no/model\": expected fake:ORDERS");
}

TEST(WorkerLoad, a_flood_of_log_lines_does_not_block_it) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  EXPECT_TRUE(start_worker(fake_options("flood-at-load"), clock));
}

TEST(WorkerLoad, killed_while_it_loads) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  // Its id is known here only through the system: the one child of this process. Killed at its first progress.
  const auto kill_it = [](double share) {
    std::string children(64, '\0');
    FILE* file = std::fopen(("/proc/self/task/" + std::to_string(::getpid()) + "/children").c_str(), "r");
    if (share <= 0 || file == nullptr) {
      if (file != nullptr) std::fclose(file);
      return true;
    }
    children.resize(std::fread(children.data(), 1, children.size(), file));
    std::fclose(file);
    // Never a number below 2: kill() of -1 reaches every process there is.
    if (!children.empty()) ::kill(static_cast<pid_t>(std::max(2L, std::stol(children))), SIGKILL);
    return true;
  };
  const auto backend = start_worker(fake_options("slow-load=5000"), clock, kill_it);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code, Errc::engine_lost);
  EXPECT_THAT(backend.error().detail, HasSubstr("in load: ended with signal 9 (killed)"));
}

// ---- while it computes

class AtForward : public testing::TestWithParam<Case> {};

// The third forward fails, and from then on everything answers the same at once.
TEST_P(AtForward, is_named_stays_and_leaves_nothing) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  auto backend = start_worker(options_for(GetParam(), &WorkerOptions::call_timeout_ns), clock);
  ASSERT_TRUE(backend) << to_string(backend.error());
  Logits logits;
  const auto step = [&](Position pos) {
    const std::vector<Slot> slots{{0, pos, 1, Want::logits}};
    return (*backend)->forward(slots, logits);
  };
  ASSERT_TRUE(step(0));
  ASSERT_TRUE(step(1));
  EXPECT_EQ((*backend)->memory().kv, 2U);
  auto result = step(2);
  if (result) result = step(3);  // what was sent unasked shows at the next call
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, GetParam().code) << to_string(result.error());
  EXPECT_THAT(result.error().detail, HasSubstr("assay_fake_worker in forward: "));
  EXPECT_THAT(result.error().detail, HasSubstr(GetParam().words));
  EXPECT_EQ((*backend)->process_id(), -1);
  const std::int64_t start_ns = clock.now_ns();
  EXPECT_EQ(step(3).error().detail, result.error().detail);
  EXPECT_EQ((*backend)->forget(0, 0, 9).error().detail, result.error().detail);
  EXPECT_EQ((*backend)->share(0, 1, 1).error().detail, result.error().detail);
  EXPECT_EQ((*backend)->memory().kv, 2U);  // as told last
  backend->reset();
  EXPECT_LT(clock.now_ns() - start_ns, 500 * ms);
}

INSTANTIATE_TEST_SUITE_P(
    Worker, AtForward,
    testing::Values(Case{"crash-at-forward=2", Errc::engine_lost, "ended with signal 11 (segmentation fault)"},
                    Case{"exit-at-forward=2", Errc::engine_lost,
                         "ended with exit code 7; it printed last: fake: fatal: nothing works"},
                    Case{"hang-at-forward=2", Errc::engine_lost, "no answer within 1 s, killed"},
                    Case{"throw-at-forward=2", Errc::engine_lost, "the engine threw in forward: the tensor is on fire"},
                    Case{"bad-alloc-at-forward=2", Errc::engine_lost, "out of memory in forward"},
                    Case{"out-of-memory-at-forward=2", Errc::engine_lost, "ended with "},
                    Case{"garbage-at-forward=2", Errc::engine_lost, "bytes that begin no frame"},
                    Case{"close-at-forward=2", Errc::engine_lost, "closed its connection and went on running"},
                    Case{"half-at-forward=2", Errc::engine_lost, "no answer within 1 s, killed"},
                    Case{"lost-at-forward=2", Errc::engine_lost, "device fell off the bus"},
                    Case{"rows-at-forward=2", Errc::engine_lost, "answered by done with 99 rows, expected 1"},
                    Case{"call-at-forward=2", Errc::engine_lost, "an answer to call 10, expected to 5"},
                    Case{"twice-at-forward=2", Errc::engine_lost, "broke the protocol: "},
                    Case{"packet-at-forward=2", Errc::engine_lost, "broke the protocol: "},
                    Case{"die-after-rows-at-forward=2", Errc::engine_lost, "ended with exit code 7"}),
    name_of);

TEST(WorkerForward, a_flood_of_log_lines_does_not_block_it) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  const auto backend = start_worker(fake_options("flood-at-forward=0"), clock);
  ASSERT_TRUE(backend);
  Logits logits;
  const std::vector<Slot> slots{{0, 0, 1, Want::logits}};
  EXPECT_TRUE((*backend)->forward(slots, logits));
}

// A pipe holds 64 KiB: a worker that waited for the next call to be read would not come to its end.
TEST(WorkerForward, what_it_prints_between_two_calls_neither_blocks_it_nor_is_lost) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  const auto backend = start_worker(fake_options("last-words-at-forward=0"), clock);
  ASSERT_TRUE(backend);
  const auto id = static_cast<id_t>((*backend)->process_id());
  Logits logits;
  ASSERT_TRUE((*backend)->forward(std::vector<Slot>{{0, 0, 1, Want::logits}}, logits));
  siginfo_t ended{};
  const std::int64_t start_ns = clock.now_ns();
  while (ended.si_pid == 0 && clock.now_ns() - start_ns < 20'000 * ms) {  // looked at, not reaped
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_EQ(::waitid(P_PID, id, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
  }
  EXPECT_NE(ended.si_pid, 0) << "it still waits to print";
  const auto result = (*backend)->forward(std::vector<Slot>{{0, 1, 1, Want::logits}}, logits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::engine_lost);
  EXPECT_THAT(result.error().detail, HasSubstr("in forward: ended with exit code 7; it printed last: ...wwww"));
  EXPECT_THAT(result.error().detail, testing::EndsWith("fake: I am done for"));
}

// Prefill: a batch of many slots; decode: one.
TEST(WorkerForward, killed_in_prefill_and_in_decode) {
  for (const std::uint32_t count : {64U, 1U}) {
    Diary diary;
    const NothingLeft nothing_left;
    const SteadyClock clock;
    auto backend = start_worker(fake_options("slow-forward=20000"), clock);
    ASSERT_TRUE(backend) << to_string(backend.error());
    ASSERT_GT((*backend)->process_id(), 1);
    std::thread killer([&diary, pid = (*backend)->process_id()] {
      diary.wait_for("forward ");
      ::kill(static_cast<pid_t>(pid), SIGKILL);
    });
    std::vector<Slot> slots;
    slots.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) slots.push_back({0, i, 1, logits_if(i + 1 == count)});
    Logits logits;
    const auto result = (*backend)->forward(slots, logits);
    killer.join();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::engine_lost);
    EXPECT_EQ(result.error().detail, "assay_fake_worker in forward: ended with signal 9 (killed)");
    // Another one takes its place.
    backend = start_worker(fake_options(""), clock);
    ASSERT_TRUE(backend);
    EXPECT_TRUE((*backend)->forward(slots, logits));
  }
}

TEST(WorkerForward, killed_between_two_calls) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  const auto backend = start_worker(fake_options(""), clock);
  ASSERT_TRUE(backend);
  ASSERT_GT((*backend)->process_id(), 1);
  ::kill(static_cast<pid_t>((*backend)->process_id()), SIGKILL);
  const auto result = (*backend)->forget(0, 0, 1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::engine_lost);
  EXPECT_THAT(result.error().detail, HasSubstr("in forget: ended with signal 9 (killed)"));
}

TEST(WorkerEnd, one_that_does_not_end_when_asked_is_killed) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  auto backend = start_worker(fake_options("deaf"), clock);
  ASSERT_TRUE(backend);
  const std::int64_t start_ns = clock.now_ns();
  backend->reset();
  const std::int64_t took_ns = clock.now_ns() - start_ns;
  EXPECT_GE(took_ns, 350 * ms);
  EXPECT_LT(took_ns, 5000 * ms);
}

TEST(WorkerEnd, one_that_ends_when_asked_is_not_waited_for_longer) {
  const NothingLeft nothing_left;
  const SteadyClock clock;
  WorkerOptions options = fake_options("");
  options.stop_timeout_ns = 60'000 * ms;
  auto backend = start_worker(options, clock);
  ASSERT_TRUE(backend);
  const std::int64_t start_ns = clock.now_ns();
  backend->reset();
  EXPECT_LT(clock.now_ns() - start_ns, 5000 * ms);
}

// What it said too much is not read any more: nobody asks again.
TEST(WorkerEnd, an_answer_that_came_twice_is_not_in_the_way_of_the_end) {
  for (const char* orders : {"twice-at-forward=0", "packet-at-forward=0"}) {
    const NothingLeft nothing_left;
    const SteadyClock clock;
    WorkerOptions options = fake_options(orders);
    options.stop_timeout_ns = 60'000 * ms;
    auto backend = start_worker(options, clock);
    ASSERT_TRUE(backend);
    const auto pid = static_cast<pid_t>((*backend)->process_id());
    Logits logits;
    ASSERT_TRUE((*backend)->forward(std::vector<Slot>{{0, 0, 1, Want::logits}}, logits)) << orders;
    EXPECT_EQ(logits.rows(), 1U);
    const std::int64_t start_ns = clock.now_ns();
    backend->reset();
    EXPECT_LT(clock.now_ns() - start_ns, 30'000 * ms) << "it ended when it was asked, not when patience did";
    EXPECT_NE(::kill(pid, 0), 0);
  }
}

// The host's process ends without a word (kill -9): its worker, busy or not, does not stay.
TEST(WorkerEnd, it_ends_when_the_host_is_gone) {
  for (const char* orders : {"", "hang-at-forward=0"}) {
    Diary diary;
    const NothingLeft nothing_left;
    std::array<int, 2> told{};
    ASSERT_EQ(::pipe(told.data()), 0);
    const pid_t host = ::fork();
    if (host == 0) {
      // A thread starts the worker: the system's own signal at the parent's death is then not set.
      std::int64_t worker = -1;
      std::thread([&] {
        const SteadyClock clock;
        auto backend = start_worker(fake_options(orders), clock);
        worker = backend ? (*backend)->process_id() : -1;
        [[maybe_unused]] const auto sent = ::write(told[1], &worker, sizeof worker);
        Logits logits;
        const std::vector<Slot> slots{{0, 0, 1, Want::logits}};
        if (backend) [[maybe_unused]]
          const auto done = (*backend)->forward(slots, logits);
        while (true) ::pause();
      }).join();
      std::_Exit(0);
    }
    std::int64_t worker = -1;
    ASSERT_EQ(::read(told[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    ::close(told[0]);
    ::close(told[1]);
    ASSERT_GT(worker, 0);
    diary.wait_for("forward ");
    ASSERT_GT(host, 1);
    ::kill(host, SIGKILL);
    ASSERT_EQ(::waitpid(host, nullptr, 0), host);
    const auto gone = [&] {
      FILE* file = std::fopen(("/proc/" + std::to_string(worker) + "/stat").c_str(), "r");
      if (file == nullptr) return true;
      std::string text(200, '\0');
      text.resize(std::fread(text.data(), 1, text.size(), file));
      std::fclose(file);
      const auto end = text.rfind(')');
      return end == std::string::npos || text[end + 2] == 'Z';  // a zombie waits for whoever adopts orphans
    };
    const SteadyClock clock;
    const std::int64_t start_ns = clock.now_ns();
    while (!gone() && clock.now_ns() - start_ns < 15'000 * ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(gone()) << orders;
  }
}

}  // namespace
}  // namespace assay::adapter
