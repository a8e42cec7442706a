#include "measure/ceilings.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "host/host.h"

namespace assay::measure {
namespace {

constexpr std::uint64_t chunk = std::uint64_t{1} << 20;  // one task's
constexpr std::uint64_t bytes_least = std::uint64_t{512} << 20;

std::uint64_t bytes_for(std::uint64_t caches, std::uint64_t memory, const CeilingSettings& settings) {
  std::uint64_t out = settings.bytes;
  if (out == 0) {
    out = std::max(bytes_least, 4 * caches);
    if (memory != 0) out = std::min(out, memory / 4);
  }
  return std::max(out / chunk, std::uint64_t{1}) * chunk;
}

}  // namespace

CeilingProbe::CeilingProbe(std::size_t threads, std::uint64_t bytes, const Clock& clock,
                           const CeilingSettings& settings)
    : bytes_(bytes), clock_(clock), settings_(settings), pool_(threads) {}

Result<std::unique_ptr<CeilingProbe>> CeilingProbe::make(std::size_t threads, std::uint64_t caches,
                                                         std::uint64_t memory, const Clock& clock,
                                                         const CeilingSettings& settings, const Stop* stop) {
  std::unique_ptr<CeilingProbe> probe(new CeilingProbe(threads, bytes_for(caches, memory, settings), clock, settings));
  const auto pages = probe->take_memory();
  if (!pages) return std::unexpected(pages.error());
  std::vector<std::pair<double, kernel::ReadPattern>> reads;
  const auto stopped = [&] { return fail(Errc::cancelled, "stopped before the machine's ceilings were known"); };
  for (kernel::ReadPattern& pattern : kernel::read_patterns()) {
    if (asked(stop)) return stopped();
    const double seconds = probe->best_read(pattern, pages->get(), 1).seconds;
    reads.emplace_back(seconds, std::move(pattern));
  }
  std::ranges::stable_sort(reads, {}, [](const auto& read) { return read.first; });
  reads.resize(std::min(reads.size(), std::max<std::size_t>(settings.patterns, 1)));
  for (auto& read : reads) probe->reads_.push_back(std::move(read.second));
  double most = -1;
  for (const kernel::Int8Path& path : kernel::int8_paths()) {
    if (asked(stop)) return stopped();
    const double rate = probe->best_multiply(path, 1);
    if (rate > most) {
      most = rate;
      probe->path_ = path;
    }
  }
  return probe;
}

Result<Pages> CeilingProbe::take_memory() {
  Pages memory = allocate_pages(bytes_);  // as the weights lie
  if (memory == nullptr) {
    return fail(Errc::full, "ceilings: no memory for " + std::to_string(bytes_) + " bytes");
  }
  // Touched by the threads that will read it, with a value: pages of zeros may all be the same page.
  pool_.run(bytes_ / chunk, [&](std::size_t i) {
    for (std::uint64_t at = 0; at < chunk; at += 4096) memory[i * chunk + at] = static_cast<std::byte>(i | 1);
  });
  return memory;
}

template <class Work>
CeilingProbe::Pass CeilingProbe::timed(Work&& work) {
  const double cpu = host::cpu_times().own;
  const std::int64_t start = clock_.now_ns();
  work();
  Pass out;
  out.seconds = std::max(static_cast<double>(clock_.now_ns() - start) * 1e-9, 1e-9);
  const double used = (host::cpu_times().own - cpu) / out.seconds;
  out.cores_missing = std::max(0.0, static_cast<double>(pool_.threads()) - used);
  return out;
}

CeilingProbe::Pass CeilingProbe::best_read(const kernel::ReadPattern& pattern, const std::byte* memory, int passes) {
  std::atomic<std::uint64_t> kept{0};
  Pass best;
  for (int i = 0; i < passes; ++i) {
    const Pass pass = timed([&] {
      pool_.run(bytes_ / chunk, [&](std::size_t task) {
        kept.fetch_xor(pattern.read(memory + task * chunk, chunk), std::memory_order_relaxed);
      });
    });
    if (pass.seconds < best.seconds) best = pass;
  }
  kept_ ^= kept;
  return best;
}

double CeilingProbe::best_multiply(const kernel::Int8Path& path, int passes) {
  const std::size_t tasks = pool_.threads() * 4;  // a thread that is late gives its own to others
  constexpr std::uint64_t trial_rounds = 2000;
  const std::int64_t start = clock_.now_ns();
  path.multiply(trial_rounds);
  const double round_ns = std::max(static_cast<double>(clock_.now_ns() - start) / trial_rounds, 1e-3);
  const auto rounds = static_cast<std::uint64_t>(
      std::clamp(static_cast<double>(settings_.pass_ns) / 4 / round_ns, 1.0, double{kernel::int8_rounds_max}));
  double best = 0;
  for (int i = 0; i < passes; ++i) {
    std::atomic<std::uint64_t> macs{0};
    std::atomic<std::int64_t> sum{0};
    const Pass pass = timed([&] {
      pool_.run(tasks, [&](std::size_t) {
        const kernel::Int8Work work = path.multiply(rounds);
        macs.fetch_add(work.macs, std::memory_order_relaxed);
        sum.fetch_add(work.sum, std::memory_order_relaxed);
      });
    });
    kept_ ^= static_cast<std::uint64_t>(sum.load());
    best = std::max(best, static_cast<double>(macs.load()) / pass.seconds);
  }
  return best;
}

Result<Ceilings> CeilingProbe::measure_once() {
  Ceilings out;
  {
    const auto memory = take_memory();
    if (!memory) return std::unexpected(memory.error());
    std::vector<Pass> passes;
    passes.reserve(reads_.size());
    for (const kernel::ReadPattern& pattern : reads_) {
      passes.push_back(best_read(pattern, memory->get(), settings_.passes));
    }
    const auto best = std::ranges::min_element(passes, {}, &Pass::seconds);
    out.read_gb_s = static_cast<double>(bytes_) / best->seconds * 1e-9;
    out.cores_missing = best->cores_missing;
    std::swap(reads_.front(), reads_[static_cast<std::size_t>(best - passes.begin())]);
  }
  out.read_pattern = reads_.front().name;
  out.int8_gmac_s = best_multiply(path_, settings_.passes) * 1e-9;
  out.int8_path = path_.name;
  return out;
}

}  // namespace assay::measure
