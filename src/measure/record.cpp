#include "measure/record.h"

#include <cmath>

#include "measure/printed.h"

namespace assay::measure {
double Timing::decode_tok_s() const {
  if (output_tokens < 2 || last_ns <= first_ns) return not_told;
  return static_cast<double>(output_tokens - 1) / (static_cast<double>(last_ns - first_ns) * 1e-9);
}

double Timing::prefill_tok_s() const {
  const double step_ns = output_tokens < 2 ? not_told : static_cast<double>(last_ns - first_ns) / (output_tokens - 1);
  const double prefill_ns = static_cast<double>(first_ns - sent_ns) - step_ns;
  if (!(prefill_ns > 0) || cached_tokens > prompt_tokens) return not_told;
  return static_cast<double>(prompt_tokens - cached_tokens) / (prefill_ns * 1e-9);
}

bool busy(const Ceilings& ceilings) { return ceilings.cores_missing > noisy_cores; }

double read_ceiling(const Row& row, const Ceilings& ceilings) {
  if (row.subject.device == "cpu") return ceilings.read_gb_s;
  return row.subject.device == "cuda" ? ceilings.device_gb_s : not_told;
}

double share_of_limit(const Row& row, const Artifact& artifact, const Ceilings& ceilings) {
  if (row.decode_tok_s.n == 0) return not_told;
  const double ceiling = read_ceiling(row, ceilings);
  if (!(ceiling > 0) || artifact.bytes_per_token == 0) return not_told;
  return row.decode_tok_s.median * static_cast<double>(artifact.bytes_per_token) / (ceiling * 1e9);
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
  if (noise.pressure >= device::Pressure::Level::warning) {
    out.push_back(std::string("memory pressure was ") + device::name(noise.pressure));
  }
  return out;
}

std::optional<bool> noisy(const Noise& noise) {
  if (!noise_reasons(noise).empty()) return true;
  return std::isnan(noise.others_cpu_cores) ? std::nullopt : std::optional(false);
}

}  // namespace assay::measure
