#include "device/cpu/thread_pool.h"

#include <gtest/gtest.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <time.h>

#include <atomic>
#include <chrono>
#include <vector>

namespace assay::device {
namespace {

using namespace std::chrono_literals;

double process_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

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

TEST(ThreadPool, wakes_after_a_sleep_and_uses_no_processor_in_between) {
  ThreadPool pool(3);
  std::atomic<int> ran{0};
  pool.run(8, [&](std::size_t) { ++ran; });
  std::this_thread::sleep_for(20ms);  // beyond the bounded spinning
  const double before = process_cpu_seconds();
  std::this_thread::sleep_for(200ms);
  EXPECT_LT(process_cpu_seconds() - before, 0.02);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(1ms);
    pool.run(8, [&](std::size_t) { ++ran; });
  }
  EXPECT_EQ(ran.load(), 8 * 21);
}

TEST(ThreadPool, ends_cleanly_whether_its_threads_spin_or_sleep) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(4);
    if (i % 2 == 0) pool.run(4, [](std::size_t) {});
    if (i % 10 == 0) std::this_thread::sleep_for(2ms);
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
