#include "device/cpu/thread_pool.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>

#include "base/error.h"
#include "base/mapped_file.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

namespace assay::device {
namespace {

// The gap between two jobs of a token is a few microseconds, at most tens where one thread samples. Longer gaps mean
// that nothing is being computed, and then the processor belongs to others.
constexpr auto spin_time = std::chrono::microseconds(50);
constexpr auto yield_time = std::chrono::microseconds(150);

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // about 40 cycles; `yield` is a no-op on most cores
#endif
}

// Spins, then yields, until `done` or for about spin_time + yield_time. False at the end of that time.
template <class Done>
bool spin_until(Done done) {
  if (done()) return true;
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < 64; ++i) {
      pause();
      if (done()) return true;
    }
    const auto waited = std::chrono::steady_clock::now() - start;
    if (waited > spin_time + yield_time) return false;
    if (waited > spin_time) std::this_thread::yield();
  }
}

}  // namespace

ThreadPool::ThreadPool(std::size_t threads) {
  ASSAY_ASSERT(threads >= 1);
  workers_.reserve(threads - 1);
  for (std::size_t i = 1; i < threads; ++i) {
    try {
      workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error&) {
      return;  // the system gives no more
    }
  }
}

ThreadPool::~ThreadPool() {
  remaining_.store(stop);  // not release: see run_job
  remaining_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_job(const Job& job) {
  if (job.chunks == 0) return;
  ASSAY_ASSERT(job.chunks < stop);
  ASSAY_ASSERT(!running_.exchange(true, std::memory_order_relaxed));
  if (workers_.empty() || job.chunks == 1) {
    for (std::size_t chunk = 0; chunk < job.chunks; ++chunk) job.call(job.context, chunk, 0);
  } else {
    const auto chunks = static_cast<std::uint32_t>(job.chunks);
    job_ = job;
    finished_.store(0, std::memory_order_relaxed);
    // Sequentially consistent, as the sleeper's side is: it says that it waits, then looks at the value; we set the value,
    // then look whether somebody waits. A release store might be seen after that look, and both would wait for ever.
    remaining_.store(chunks);
    remaining_.notify_all();  // no system call where nobody sleeps
    take_chunks(0);
    wait_for_finish(chunks);
  }
  running_.store(false, std::memory_order_relaxed);
}

void ThreadPool::take_chunks(std::size_t worker) {
  std::uint32_t left = remaining_.load(std::memory_order_relaxed);
  while (left != 0 && left != stop) {
    // Acquire: the job was written before remaining_ was set, and every later value of it comes from a claim.
    if (!remaining_.compare_exchange_weak(left, left - 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      continue;
    }
    const std::size_t chunks = job_.chunks;
    job_.call(job_.context, chunks - left, worker);
    // Acquire as well as release: the caller sees what all chunks wrote through the last of these. Sequentially
    // consistent for the notify, as in run_job.
    if (finished_.fetch_add(1) + 1 == chunks) finished_.notify_one();
    left = remaining_.load(std::memory_order_relaxed);
  }
}

void ThreadPool::work(std::size_t worker) {
  for (;;) {
    wait_for_work();
    if (remaining_.load(std::memory_order_acquire) == stop) return;
    take_chunks(worker);
  }
}

void ThreadPool::wait_for_work() {
  const auto something = [this] { return remaining_.load(std::memory_order_relaxed) != 0; };
  while (!spin_until(something)) remaining_.wait(0);
}

void ThreadPool::wait_for_finish(std::uint32_t chunks) {
  const auto all = [this, chunks] { return finished_.load(std::memory_order_acquire) == chunks; };
  while (!spin_until(all)) {
    const std::uint32_t seen = finished_.load(std::memory_order_acquire);
    if (seen != chunks) finished_.wait(seen);
  }
}

std::size_t processors_of_quota(std::string_view cpu_max) {
  const auto number = [&](std::uint64_t& out) {
    const std::size_t begin = std::min(cpu_max.find_first_not_of(" \t\n"), cpu_max.size());
    const auto [end, error] = std::from_chars(cpu_max.data() + begin, cpu_max.data() + cpu_max.size(), out);
    if (error != std::errc()) return false;
    cpu_max.remove_prefix(static_cast<std::size_t>(end - cpu_max.data()));
    return cpu_max.empty() || std::string_view(" \t\n").find(cpu_max.front()) != std::string_view::npos;
  };
  std::uint64_t quota = 0;
  std::uint64_t period = 0;
  if (!number(quota) || !number(period) || quota == 0 || period == 0) return 0;
  return static_cast<std::size_t>(quota / period + (quota % period != 0 ? 1 : 0));
}

std::size_t default_threads() {
#ifdef __linux__
  // hardware_concurrency() counts processors that taskset or a container took away.
  cpu_set_t mine;
  if (sched_getaffinity(0, sizeof mine, &mine) == 0) {
    const auto processors = std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT(&mine)));
    const auto cpu_max = read_text_file("/sys/fs/cgroup/cpu.max", 4096);
    const std::size_t quota = cpu_max ? processors_of_quota(*cpu_max) : 0;
    return quota == 0 ? processors : std::min(processors, quota);
  }
#endif
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace assay::device
