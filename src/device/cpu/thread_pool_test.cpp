#include "device/cpu/thread_pool.h"

#include <gtest/gtest.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace assay::device {
namespace {

using namespace std::chrono_literals;

TEST(ThreadPool, runs_every_chunk_once_for_any_number_of_threads_and_chunks) {
  for (const std::size_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::size_t chunks : {0, 1, 2, 7, 64, 1000}) {
      std::vector<int> count(chunks);  // not atomic: the pool must order the writes before the read below
      pool.run(chunks, [&](std::size_t chunk) { ++count[chunk]; });
      for (const int c : count) EXPECT_EQ(c, 1);
    }
  }
}

TEST(ThreadPool, many_short_jobs_follow_each_other_without_losing_a_chunk) {
  ThreadPool pool(3);
  std::vector<std::uint64_t> sum(5);
  for (std::uint64_t job = 0; job < 5000; ++job) {
    pool.run(sum.size(), [&](std::size_t chunk) { sum[chunk] += job; });
  }
  for (const std::uint64_t s : sum) EXPECT_EQ(s, 5000U * 4999U / 2);
}

TEST(ThreadPool, a_worker_runs_one_chunk_at_a_time) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  std::atomic<bool> twice{false};
  pool.run(500, [&](std::size_t, std::size_t worker) {
    ASSERT_LT(worker, 4U);
    if (busy[worker].fetch_add(1) != 0) twice = true;
    busy[worker].fetch_sub(1);
  });
  EXPECT_FALSE(twice);
}

TEST(ThreadPool, chunks_are_claimed_in_rising_order) {
  ThreadPool pool(1);
  std::vector<std::size_t> order;
  pool.run(5, [&](std::size_t chunk) { order.push_back(chunk); });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(ThreadPool, one_slow_chunk_does_not_keep_the_others_from_being_taken) {
  ThreadPool pool(2);
  std::atomic<int> others{0};
  pool.run(20, [&](std::size_t chunk) {
    if (chunk == 0) {
      // Waits for the other thread to do all the rest: a static split would never come here to an end.
      const auto deadline = std::chrono::steady_clock::now() + 20s;
      while (others.load() < 19 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
      EXPECT_EQ(others.load(), 19);
    } else {
      ++others;
    }
  });
}

#ifdef __linux__
// Threads of this process that are not asleep in the system, the caller left out.
std::size_t threads_awake() {
  std::size_t awake = 0;
  const std::string own = std::to_string(::gettid());
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (entry.path().filename() == own) continue;
    std::ifstream in(entry.path() / "stat");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t end = text.rfind(')');
    if (end != std::string::npos && text[end + 2] != 'S') ++awake;
  }
  return awake;
}

TEST(ThreadPool, its_threads_sleep_when_nothing_is_to_be_done_and_wake_for_the_next_job) {
  ThreadPool pool(4);
  std::atomic<int> ran{0};
  for (int round = 0; round < 20; ++round) {
    pool.run(8, [&](std::size_t) { ++ran; });
    // One that spins on is awake for ever.
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (threads_awake() > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_EQ(threads_awake(), 0U);
  }
  EXPECT_EQ(ran.load(), 8 * 20);
}
#endif

// Waits of every length around the time after which a worker goes to sleep: the end, or a job, comes while it spins,
// while it lies down, and while it sleeps. A wake-up that is lost hangs here.
TEST(ThreadPool, ends_and_wakes_at_every_moment_of_falling_asleep) {
  for (int i = 0; i < 1500; ++i) {
    ThreadPool pool(3);
    const auto wait = std::chrono::nanoseconds(i % 500 * 1000);
    const auto until = [&] {
      const auto end = std::chrono::steady_clock::now() + wait;
      while (std::chrono::steady_clock::now() < end) {
      }
    };
    int ran[6] = {};
    if (i % 3 != 0) pool.run(6, [&](std::size_t chunk) { ++ran[chunk]; });
    until();
    if (i % 3 == 2) {
      pool.run(6, [&](std::size_t chunk) { ++ran[chunk]; });
      until();
    }
    for (const int count : ran) ASSERT_EQ(count, i % 3);
  }
}

TEST(ThreadPool, refuses_a_job_inside_a_job) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        pool.run(2, [&](std::size_t) { pool.run(2, [](std::size_t) {}); });
      },
      "running_");
}

TEST(Quota, is_what_the_text_is_worth_rounded_up) {
  EXPECT_EQ(processors_of_quota("200000 100000\n"), 2U);
  EXPECT_EQ(processors_of_quota("150000 100000\n"), 2U);
  EXPECT_EQ(processors_of_quota("100000 100000"), 1U);
  EXPECT_EQ(processors_of_quota("1000 100000\n"), 1U) << "never none";
  EXPECT_EQ(processors_of_quota("18446744073709551615 1\n"), ~std::size_t{0}) << "no wrap";
  EXPECT_EQ(processors_of_quota("18446744073709551615 2\n"), std::size_t{1} << 63U);
}

TEST(Quota, no_limit_and_what_is_no_quota_is_none) {
  for (const char* text :
       {"max 100000\n", "max", "", "\n", "100000", "100000 ", "100000 0", "0 100000", "x 100000", "100000 x",
        "-1 100000", "100000 -5", "100000x 100000", "1e5 100000", "99999999999999999999999 100000"}) {
    EXPECT_EQ(processors_of_quota(text), 0U) << text;
  }
}

TEST(ThreadPool, default_is_at_least_one_thread) { EXPECT_GE(default_threads(), 1U); }

#ifdef __linux__
TEST(ThreadPool, default_counts_the_processors_that_this_process_may_use) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(default_threads(), 1U);
  EXPECT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}
#endif

}  // namespace
}  // namespace assay::device
