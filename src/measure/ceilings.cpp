#include "measure/ceilings.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/arena.h"
#include "kernel/ceiling/ceiling.h"

namespace assay::measure {

Result<Ceilings> measure_ceilings(device::ThreadPool& pool, kernel::Isa isa, const Clock& clock,
                                  const CeilingSettings& settings) {
  constexpr std::size_t chunk = std::size_t{1} << 20;
  const std::size_t chunks = std::max<std::size_t>(settings.bytes / chunk, 1);
  const Pages memory = allocate_pages(chunks * chunk);  // as the weights lie
  if (memory == nullptr) {
    return fail(Errc::full, "ceilings: no memory for " + std::to_string(chunks * chunk) + " bytes");
  }
  // Touched by the threads that will read it, with a value: pages of zeros may all be the same page.
  pool.run(chunks, [&](std::size_t i) { std::memset(memory.get() + i * chunk, static_cast<int>(i | 1), chunk); });

  std::atomic<std::uint64_t> kept{0};
  const auto best_seconds = [&](auto&& work) {
    double best = 1e9;
    for (int round = 0; round < settings.rounds; ++round) {
      const std::int64_t start = clock.now_ns();
      work();
      best = std::min(best, static_cast<double>(clock.now_ns() - start) * 1e-9);
    }
    return std::max(best, 1e-9);
  };
  const double read = best_seconds([&] {
    pool.run(chunks, [&](std::size_t i) {
      kept.fetch_add(kernel::read_all(isa, {memory.get() + i * chunk, chunk}), std::memory_order_relaxed);
    });
  });
  constexpr std::uint64_t rounds_per_task = 100'000;
  std::atomic<std::uint64_t> macs{0};
  const std::size_t tasks = pool.threads() * 8;
  const double multiply = best_seconds([&] {
    macs = 0;
    pool.run(tasks, [&](std::size_t) {
      const kernel::Int8Work work = kernel::int8_work(isa, rounds_per_task);
      macs.fetch_add(work.macs, std::memory_order_relaxed);
      kept.fetch_add(static_cast<std::uint64_t>(work.kept), std::memory_order_relaxed);
    });
  });
  return Ceilings{.read_gb_s = static_cast<double>(chunks * chunk) / read * 1e-9,
                  .int8_gmac_s = static_cast<double>(macs.load()) / multiply * 1e-9};
}

}  // namespace assay::measure
