#include "device/cpu/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <system_error>

#include "base/error.h"

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
  remaining_.store(stop, std::memory_order_release);
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
    remaining_.store(chunks, std::memory_order_release);
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
    // Acquire as well as release: the caller sees what all chunks wrote through the last of these.
    if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == chunks) finished_.notify_one();
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
  while (!spin_until(something)) remaining_.wait(0, std::memory_order_relaxed);
}

void ThreadPool::wait_for_finish(std::uint32_t chunks) {
  const auto all = [this, chunks] { return finished_.load(std::memory_order_acquire) == chunks; };
  while (!spin_until(all)) {
    const std::uint32_t seen = finished_.load(std::memory_order_acquire);
    if (seen != chunks) finished_.wait(seen, std::memory_order_acquire);
  }
}

#ifdef __linux__
namespace {

// Processors that a container's quota is worth, rounded up; 0 where there is none. "200000 100000" means two.
std::size_t quota_processors() {
  std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "re");
  if (file == nullptr) return 0;
  unsigned long long quota = 0;
  unsigned long long period = 0;
  const int read = std::fscanf(file, "%llu %llu", &quota, &period);  // NOLINT(cert-err34-c): "max" reads nothing
  std::fclose(file);
  return read == 2 && period > 0 ? static_cast<std::size_t>((quota + period - 1) / period) : 0;
}

}  // namespace
#endif

std::size_t default_threads() {
#ifdef __linux__
  // hardware_concurrency() counts processors that taskset or a container took away.
  cpu_set_t mine;
  if (sched_getaffinity(0, sizeof mine, &mine) == 0) {
    const auto processors = std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT(&mine)));
    const std::size_t quota = quota_processors();
    return quota == 0 ? processors : std::min(processors, std::max<std::size_t>(1, quota));
  }
#endif
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace assay::device
