#include "record/record.h"

#include <cmath>

#include "record/printed.h"

namespace assay::measure {

double Timing::decode_tok_s() const {
  if (first_tokens == 0 || output_tokens <= first_tokens || last_ns <= first_ns) return not_told;
  return static_cast<double>(output_tokens - first_tokens) / (static_cast<double>(last_ns - first_ns) * 1e-9);
}

double Timing::prefill_tok_s() const {
  const std::int64_t ttft_ns = first_ns - sent_ns;
  if (ttft_ns <= 0 || std::uint64_t{cached_tokens} * 2 >= prompt_tokens) return not_told;
  return static_cast<double>(prompt_tokens - cached_tokens) / (static_cast<double>(ttft_ns) * 1e-9);
}

bool busy(const Ceilings& ceilings) { return ceilings.cores_missing > noisy_cores; }

double read_ceiling(const Row& row, const Ceilings& ceilings) {
  if (row.subject.device == "cpu") return ceilings.read_gb_s;
  return row.subject.device == "cuda" ? ceilings.device_gb_s : not_told;
}

std::vector<std::string> noise_reasons(const Noise& noise) {
  std::vector<std::string> out;
  if (noise.others_cpu_cores > noisy_cores) {
    out.push_back(printed("other processes kept %.2f cores busy", noise.others_cpu_cores));
  }
  if (noise.stolen_cores > noisy_cores) {
    out.push_back(printed("other guests of this hardware took %.2f cores", noise.stolen_cores));
  }
  if (noise.memory_stall > noisy_memory_stall) {
    out.push_back(printed("something waited for memory in %.1f %% of the time", noise.memory_stall * 100));
  }
  if (noise.pressure >= host::Pressure::Level::warning) {
    out.push_back(std::string("memory pressure was ") + host::name(noise.pressure));
  }
  return out;
}

std::optional<bool> noisy(const Noise& noise) {
  if (!noise_reasons(noise).empty()) return true;
  return std::isnan(noise.others_cpu_cores) ? std::nullopt : std::optional(false);
}

}  // namespace assay::measure
