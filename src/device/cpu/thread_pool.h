// Threads that share out the chunks of one job at a time: spinning between the jobs of a token, asleep otherwise.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

namespace assay::device {

// Owns threads - 1 threads; the caller of run() is the first worker. One thread at a time may call run().
//
// Invariants:
//  1. remaining_ counts the chunks that nobody has claimed; a claim is a compare-and-swap to one less. Who holds an
//     unfinished chunk may read job_; nobody else does, so job_ may change as soon as all chunks are finished.
//  2. run() waits for chunks, not for threads: a worker that is late, asleep or without a processor delays nothing
//     unless it holds a chunk.
//  3. Every wait is bounded in spinning: first pauses, then yields, then the kernel's wait.
class ThreadPool {
 public:
  // threads >= 1 (asserted), normally default_threads(). Fewer where the system gives no more: see threads().
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const { return workers_.size() + 1; }

  // Calls body(chunk) or body(chunk, worker) once for every chunk 0 <= chunk < chunks, chunks being claimed in rising
  // order by whichever worker is free; worker < threads(), and one worker runs one chunk at a time. Returns when all
  // are done; what they wrote is then visible. The body must not throw and must not call run() (asserted).
  // chunks < 2^32 - 1.
  template <class Body>
  void run(std::size_t chunks, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    const auto call = [](void* context, std::size_t chunk, std::size_t worker) noexcept {
      auto& f = *static_cast<Plain*>(context);
      if constexpr (std::invocable<Plain&, std::size_t, std::size_t>) {
        f(chunk, worker);
      } else {
        f(chunk);
      }
    };
    run_job({call, const_cast<void*>(static_cast<const void*>(&body)), chunks});
  }

 private:
  struct Job {
    void (*call)(void*, std::size_t, std::size_t) noexcept = nullptr;
    void* context = nullptr;
    std::size_t chunks = 0;
  };
  static constexpr std::uint32_t stop = ~std::uint32_t{0};

  void run_job(const Job& job);
  void work(std::size_t worker);
  // Claims and runs chunks until none is left.
  void take_chunks(std::size_t worker);
  void wait_for_work();
  void wait_for_finish(std::uint32_t chunks);

  Job job_;  // see invariant 1
  alignas(64) std::atomic<std::uint32_t> remaining_{0};
  alignas(64) std::atomic<std::uint32_t> finished_{0};
  alignas(64) std::atomic<bool> running_{false};
  std::vector<std::thread> workers_;  // constant after construction
};

// Processors that this process may run on: its affinity, at most what its control group's quota is worth; at least 1.
std::size_t default_threads();

// What the text of a control group's cpu.max is worth, rounded up: "200000 100000" two, "150000 100000" two. 0: no limit
// ("max 100000"), or a text that says nothing.
std::size_t processors_of_quota(std::string_view cpu_max);

}  // namespace assay::device
