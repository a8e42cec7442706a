#include "measure/watch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "host/energy.h"
#include "host/host.h"
#include "measure/foreground.h"

namespace assay::measure {
namespace {

using Processes = std::vector<std::int64_t>;
constexpr std::int64_t sample_ns = 100'000'000;

// Counters that rise; differences are what happened between.
struct Counters {
  std::int64_t at_ns = 0;
  host::CpuTimes cpu;
  std::optional<double> ours;  // CPU seconds of this process and its engines' processes
  host::Stalls stalls;
  host::SwapUse swap;
};

double difference(const std::optional<double>& before, const std::optional<double>& after) {
  return before && after ? std::max(0.0, *after - *before) : not_told;
}

std::int64_t difference(const std::optional<std::uint64_t>& before, const std::optional<std::uint64_t>& after) {
  return before && after && *after > *before ? static_cast<std::int64_t>(*after - *before) : 0;
}

class MachineWatch final : public Watch {
 public:
  explicit MachineWatch(const Clock& clock) : clock_(clock) {
    if (auto nvml = host::open_nvml()) nvml_ = std::move(*nvml);
    energy_ = host::open_energy_meter(nvml_.get());
    sampler_ = std::thread([this] { sample_loop(); });
  }
  ~MachineWatch() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    sampler_.join();
  }

  void begin(std::span<const std::int64_t> engine, std::span<const std::int64_t> ours) override {
    const std::lock_guard lock(mutex_);
    engine_.assign(engine.begin(), engine.end());
    if (engine_.empty()) engine_ = {host::own_process()};
    ours_.assign(ours.begin(), ours.end());
    now_ = {};
    count_pages();
    sample();
    before_ = counters();
    joules_before_ = joules();
    first_ns_ = -1;
    joules_first_.reset();
    active_ = true;
    foreground_.begin();
    wake_.notify_all();
  }

  Observed end() override {
    const auto foreground = foreground_.end();
    const std::lock_guard lock(mutex_);
    active_ = false;
    const auto joules_after = joules();
    const Counters after = counters();
    sample();
    count_pages();
    Observed out = std::move(now_);
    out.timer_ms = foreground.timer_ms;
    out.pages_ms = foreground.pages_ms;
    out.seconds = static_cast<double>(after.at_ns - before_.at_ns) * 1e-9;
    const double busy = difference(before_.cpu.busy, after.cpu.busy);
    out.stolen_s = difference(before_.cpu.stolen, after.cpu.stolen);
    // Stolen time is inside busy time and told apart.
    out.others_cpu_s =
        std::max(0.0, busy - (std::isnan(out.stolen_s) ? 0 : out.stolen_s) - difference(before_.ours, after.ours));
    if (std::isnan(busy)) out.others_cpu_s = not_told;
    out.cpu_stall_s = difference(before_.stalls.cpu, after.stalls.cpu);
    out.memory_stall_s = difference(before_.stalls.memory, after.stalls.memory);
    out.joules = difference(joules_before_, joules_after);
    out.prompt_joules = not_told;
    if (first_ns_ >= 0) {
      out.prompt_joules = difference(joules_before_, joules_first_);
      out.prompt_seconds = static_cast<double>(first_ns_ - before_.at_ns) * 1e-9;
    }
    out.swap_known = before_.swap.out_bytes && after.swap.out_bytes;
    out.swap_in_bytes = difference(before_.swap.in_bytes, after.swap.in_bytes);
    out.swap_out_bytes = difference(before_.swap.out_bytes, after.swap.out_bytes);
    return out;
  }

  void first_token() override {
    if (energy_.meter == nullptr) return;
    const std::lock_guard lock(mutex_);
    if (!active_ || first_ns_ >= 0) return;
    first_ns_ = clock_.now_ns();
    wake_.notify_all();
  }

  std::string memory_source(std::span<const std::int64_t> engine) const override {
    std::string out = footprint_name();
    out += " of ";
    if (engine.empty()) return out + "this process";
    if (std::ranges::all_of(engine, [](std::int64_t process) { return process < 0; }))
      return "not told: it runs elsewhere";
    out += engine.size() == 1 ? "process" : "processes";
    for (const std::int64_t process : engine) out += " " + std::to_string(process);
    return out;
  }
  std::string energy_source() const override { return energy_.meter == nullptr ? "" : energy_.meter->source(); }
  std::string energy_reason() const override { return energy_.reason; }
  std::vector<std::string> accelerators() const override {
    std::vector<std::string> out;
    if (nvml_ == nullptr) return out;
    for (const host::GpuFacts& gpu : nvml_->gpus()) {
      out.push_back(gpu.name + ", " + std::to_string(gpu.memory_bytes >> 20) + " MiB, driver " + nvml_->driver());
    }
    return out;
  }
  void rest(std::int64_t ns) override { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); }

 private:
  static const char* footprint_name() {
#ifdef __APPLE__
    return "phys_footprint";
#else
    return "PSS";
#endif
  }

  Counters counters() const {
    Counters out{.at_ns = clock_.now_ns(),
                 .cpu = host::cpu_times(),
                 .ours = 0,
                 .stalls = host::stalls(),
                 .swap = host::swap_use()};
    out.ours = out.cpu.own;
    for (const std::int64_t process : ours_) {
      if (process != host::own_process()) *out.ours += host::process_cpu_seconds(process).value_or(0);
    }
    return out;
  }

  std::optional<double> joules() { return energy_.meter == nullptr ? std::nullopt : energy_.meter->joules(); }

  // The footprint proper: a walk over all pages on Linux, which is why it is counted outside of what is timed. Between
  // two counts the change of the resident size stands for it.
  void count_pages() {
    std::uint64_t footprint = 0;
    std::uint64_t resident = 0;
    std::uint64_t swapped = 0;
    for (const std::int64_t process : engine_) {
      const auto bytes = host::resident_bytes(process).value_or(0);
      resident += bytes;
      const host::ProcessMemory memory = host::process_memory(process);
      footprint += memory.footprint.value_or(bytes);
      swapped += memory.swapped.value_or(0);
    }
    now_.swapped_bytes = std::max(now_.swapped_bytes, swapped);
    shared_ = static_cast<std::int64_t>(resident) - static_cast<std::int64_t>(footprint);
    now_.memory_peak_bytes = std::max(now_.memory_peak_bytes, footprint);
  }

  // Cheap enough to run beside an engine: a few small files.
  void sample() {
    std::int64_t resident = 0;
    for (const std::int64_t process : engine_) {
      resident += static_cast<std::int64_t>(host::resident_bytes(process).value_or(0));
    }
    if (resident > shared_) {
      now_.memory_peak_bytes = std::max(now_.memory_peak_bytes, static_cast<std::uint64_t>(resident - shared_));
    }
    if (const auto mhz = host::cpu_mhz()) {
      now_.mhz_sum += *mhz;
      ++now_.clock_samples;
    }
    now_.celsius = std::fmax(now_.celsius, host::cpu_celsius().value_or(not_told));
    now_.pressure = std::max(now_.pressure, host::memory_pressure().level);
    if (nvml_ != nullptr) {
      now_.device_peak_bytes = std::max(now_.device_peak_bytes, nvml_->memory_used_by(engine_).value_or(0));
    }
    joules();  // RAPL's counters wrap
  }

  void sample_loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (!active_) {
        wake_.wait(lock, [this] { return stopping_ || active_; });
        continue;
      }
      wake_.wait_for(lock, std::chrono::nanoseconds(sample_ns),
                     [this] { return stopping_ || !active_ || wants_first(); });
      if (stopping_ || !active_) continue;
      if (wants_first()) {
        joules_first_ = joules();
        if (!joules_first_) first_ns_ = -1;
      } else {
        sample();
      }
    }
  }

  // The first token has come and its reading of the meter has not been taken.
  bool wants_first() const { return first_ns_ >= 0 && !joules_first_; }

  const Clock& clock_;
  std::unique_ptr<host::Nvml> nvml_;
  host::EnergySource energy_;
  ForegroundProbe foreground_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  bool stopping_ = false;
  bool active_ = false;
  Processes engine_;
  Processes ours_;
  Counters before_;
  std::optional<double> joules_before_;
  std::int64_t first_ns_ = -1;  // of the first token; -1: has not come
  std::optional<double> joules_first_;
  std::int64_t shared_ = 0;  // resident bytes that the footprint does not count
  Observed now_;
  std::thread sampler_;  // last: uses all of the above
};

double over(double sum, double divisor) { return divisor > 0 ? sum / divisor : not_told; }

}  // namespace

Observed& Observed::operator+=(const Observed& other) {
  seconds += other.seconds;
  others_cpu_s += other.others_cpu_s;
  stolen_s += other.stolen_s;
  cpu_stall_s += other.cpu_stall_s;
  memory_stall_s += other.memory_stall_s;
  joules += other.joules;
  prompt_joules += other.prompt_joules;
  prompt_seconds += other.prompt_seconds;
  mhz_sum += other.mhz_sum;
  clock_samples += other.clock_samples;
  celsius = std::fmax(celsius, other.celsius);
  pressure = std::max(pressure, other.pressure);
  memory_peak_bytes = std::max(memory_peak_bytes, other.memory_peak_bytes);
  device_peak_bytes = std::max(device_peak_bytes, other.device_peak_bytes);
  swapped_bytes = std::max(swapped_bytes, other.swapped_bytes);
  swap_in_bytes += other.swap_in_bytes;
  swap_out_bytes += other.swap_out_bytes;
  swap_known = swap_known || other.swap_known;
  timer_ms.insert(timer_ms.end(), other.timer_ms.begin(), other.timer_ms.end());
  pages_ms.insert(pages_ms.end(), other.pages_ms.begin(), other.pages_ms.end());
  return *this;
}

Noise noise_of(const Observed& observed) {
  return {.others_cpu_cores = over(observed.others_cpu_s, observed.seconds),
          .stolen_cores = over(observed.stolen_s, observed.seconds),
          .cpu_stall = over(observed.cpu_stall_s, observed.seconds),
          .memory_stall = over(observed.memory_stall_s, observed.seconds),
          .mhz = over(observed.mhz_sum, static_cast<double>(observed.clock_samples)),
          .celsius = observed.celsius,
          .pressure = observed.pressure};
}

Delay delay_of(std::span<const float> samples_ms) {
  if (samples_ms.empty()) return {};
  std::vector<double> sorted(samples_ms.begin(), samples_ms.end());
  std::ranges::sort(sorted);
  return {.p50_ms = quantile(sorted, 0.5),
          .p99_ms = percentile99(sorted),
          .max_ms = sorted.back(),
          .samples = sorted.size()};
}

Foreground foreground_of(const Observed& observed) {
  return {.timer = delay_of(observed.timer_ms), .pages = delay_of(observed.pages_ms)};
}

std::unique_ptr<Watch> watch_machine(const Clock& clock) { return std::make_unique<MachineWatch>(clock); }

}  // namespace assay::measure
