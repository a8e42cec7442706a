// What the machine does while a request runs: memory of the engine's processes, other processes, stalls, clock, energy,
// and how an editor beside it would fare.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "record/record.h"

namespace assay::measure {

// Sums over one or several spans of time, so that they can be added up. A sum without its part is NaN.
struct Observed {
  double seconds = 0;
  double others_cpu_s = 0;  // NaN: the machine does not tell
  double stolen_s = 0;
  double cpu_stall_s = 0;
  double memory_stall_s = 0;
  double joules = 0;
  // Of single requests: from begin() to first_token(), and from there to end().
  double prompt_joules = 0;  // NaN: the meter was not read there
  double prompt_seconds = 0;
  double mhz_sum = 0;  // over `clock_samples` samples
  std::uint64_t clock_samples = 0;
  double celsius = not_told;  // hottest
  host::Pressure::Level pressure = host::Pressure::Level::unknown;
  std::uint64_t memory_peak_bytes = 0;
  std::uint64_t device_peak_bytes = 0;
  std::uint64_t swapped_bytes = 0;  // of the engine's processes, out in swap; the most seen
  std::int64_t swap_in_bytes = 0;
  std::int64_t swap_out_bytes = 0;
  bool swap_known = false;
  std::vector<float> timer_ms{};  // every sample
  std::vector<float> pages_ms{};

  Observed& operator+=(const Observed& other);
};

Noise noise_of(const Observed& observed);
Foreground foreground_of(const Observed& observed);
Delay delay_of(std::span<const float> samples_ms);

// begin() and end() enclose what is observed; both do slow work (counting pages), so they stand outside of what is
// timed. One thread calls them in turn.
class Watch {
 public:
  virtual ~Watch() = default;
  // engine: the processes whose memory counts, none: this one. ours: all processes that are not "others".
  virtual void begin(std::span<const std::int64_t> engine, std::span<const std::int64_t> ours) = 0;
  virtual Observed end() = 0;
  // The first token of a request has come: energy is split there. Cheap: another thread reads the meter, at once.
  virtual void first_token() = 0;
  virtual std::string memory_source(std::span<const std::int64_t> engine) const = 0;
  virtual std::string energy_source() const = 0;  // empty: none, see energy_reason
  virtual std::string energy_reason() const = 0;
  virtual std::vector<std::string> accelerators() const = 0;
  // Waits with the machine left alone, for the idle figures.
  virtual void rest(std::int64_t ns) = 0;
};

// This machine's. Starts three threads: a timer, one that touches pages, and a sampler; they sleep unless begin() was
// called.
std::unique_ptr<Watch> watch_machine(const Clock& clock);

}  // namespace assay::measure
