// The machine's ceilings, taken in every round beside the speeds that are held against them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "device/cpu/thread_pool.h"
#include "kernel/ceiling/ceiling.h"
#include "record/record.h"

namespace assay::measure {

struct CeilingSettings {
  // Read by all threads together. 0: four times the caches, at least 512 MiB, at most a quarter of the memory.
  std::uint64_t bytes = 0;
  int passes = 3;                    // of each way, in each round; the best counts: a ceiling is what can be done
  std::int64_t pass_ns = 8'000'000;  // how long a pass of multiplying takes at least
  std::size_t patterns = 3;          // ways of reading that every round tries: the best when all were tried
};

// Reads and multiplies on threads of its own. It holds its memory only while it measures, so that no engine's footprint
// contains it and none is short of it. One thread at a time calls it.
class CeilingProbe {
 public:
  // Tries every way of reading and multiplying that this machine has (kernel/ceiling), about half a second, and keeps the
  // best. `caches`: HostFacts::cache_bytes; `memory`: HostFacts::memory_bytes; 0 where they are not known. Errc::full: no
  // memory. Errc::cancelled: `stop` was asked, which is looked at between two ways.
  static Result<std::unique_ptr<CeilingProbe>> make(std::size_t threads, std::uint64_t caches, std::uint64_t memory,
                                                    const Clock& clock, const CeilingSettings& settings = {},
                                                    const Stop* stop = nullptr);

  // All but device_gb_s, in 50 to 150 ms. Errc::full: no memory.
  Result<Ceilings> measure_once();

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Pass {
    double seconds = 1e9;
    double cores_missing = not_told;
  };
  CeilingProbe(std::size_t threads, std::uint64_t bytes, const Clock& clock, const CeilingSettings& settings);
  template <class Work>
  Pass timed(Work&& work);
  Pass best_read(const kernel::ReadPattern& pattern, const std::byte* memory, int passes);
  double best_multiply(const kernel::Int8Path& path, int passes);  // multiply-adds a second
  Result<Pages> take_memory();

  const std::uint64_t bytes_;
  const Clock& clock_;
  const CeilingSettings settings_;
  device::ThreadPool pool_;
  std::vector<kernel::ReadPattern> reads_;  // fastest first
  kernel::Int8Path path_;
  std::uint64_t kept_ = 0;  // what was read: nothing is dropped as unused
};

}  // namespace assay::measure
