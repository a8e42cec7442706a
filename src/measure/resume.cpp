// A run that goes on where an earlier one was stopped: what that left, and both seen as one.
#include <algorithm>
#include <cmath>

#include "measure/lane.h"

namespace assay::measure {
namespace {

double larger(double a, double b) { return std::isnan(a) ? b : std::isnan(b) ? a : std::max(a, b); }
double smaller(double a, double b) { return std::isnan(a) ? b : std::isnan(b) ? a : std::min(a, b); }

// The samples of the first run are gone: of each figure the worse counts, so that nothing looks better than it was.
Delay worse(const Delay& a, const Delay& b) {
  Delay out = b;
  out.p50_ms = larger(a.p50_ms, b.p50_ms);
  out.p99_ms = larger(a.p99_ms, b.p99_ms);
  out.max_ms = larger(a.max_ms, b.max_ms);
  out.samples = a.samples + b.samples;
  return out;
}

Noise worse(const Noise& a, const Noise& b) {
  Noise out = b;
  out.others_cpu_cores = larger(a.others_cpu_cores, b.others_cpu_cores);
  out.stolen_cores = larger(a.stolen_cores, b.stolen_cores);
  out.cpu_stall = larger(a.cpu_stall, b.cpu_stall);
  out.memory_stall = larger(a.memory_stall, b.memory_stall);
  out.mhz = smaller(a.mhz, b.mhz);
  out.celsius = larger(a.celsius, b.celsius);
  out.pressure = std::max(a.pressure, b.pressure);
  return out;
}

double weighted(double a, double a_weight, double b, double b_weight) {
  return a_weight + b_weight > 0 ? (a * a_weight + b * b_weight) / (a_weight + b_weight) : not_told;
}

std::optional<Border> both(const std::optional<Border>& a, const std::optional<Border>& b) {
  if (!a || !b) return a ? a : b;
  const auto a_calls = static_cast<double>(a->calls);
  const auto b_calls = static_cast<double>(b->calls);
  return Border{.total_us_per_call = weighted(a->total_us_per_call, a_calls, b->total_us_per_call, b_calls),
                .engine_us_per_call = weighted(a->engine_us_per_call, a_calls, b->engine_us_per_call, b_calls),
                .calls = a->calls + b->calls};
}

}  // namespace

void take_earlier(std::vector<Row>& rows, const std::vector<Row>& earlier) {
  for (Row& row : rows) {
    const auto at = std::ranges::find_if(earlier, [&](const Row& other) {
      return other.subject.engine == row.subject.engine && other.subject.device == row.subject.device &&
             other.subject.way == row.subject.way && other.prompts == row.prompts;
    });
    if (at == earlier.end()) continue;
    const Row::Status status = row.status;
    const std::string reason = row.reason;
    row = *at;
    if (status == Row::Status::ok) continue;
    row.status = status;  // it cannot be started now; what it gave before is kept
    row.reason = reason;
  }
}

void join(Row& row, const Row& earlier) {
  row.between_tokens = worse(earlier.between_tokens, row.between_tokens);
  row.noise = worse(earlier.noise, row.noise);
  row.foreground.timer = worse(earlier.foreground.timer, row.foreground.timer);
  row.foreground.pages = worse(earlier.foreground.pages, row.foreground.pages);
  row.load_s = earlier.load_s;  // with the first request, which is of that run
  row.memory.peak_bytes = std::max(row.memory.peak_bytes, earlier.memory.peak_bytes);
  row.memory.device_peak_bytes = std::max(row.memory.device_peak_bytes, earlier.memory.device_peak_bytes);
  row.memory.swap_in_bytes += earlier.memory.swap_in_bytes;
  row.memory.swap_out_bytes += earlier.memory.swap_out_bytes;
  row.memory.load_swap_out_bytes += earlier.memory.load_swap_out_bytes;
  row.memory.swap_known = row.memory.swap_known && earlier.memory.swap_known;
  const auto before = static_cast<double>(earlier.rounds.size());
  const double since = static_cast<double>(row.rounds.size()) - before;
  row.energy.j_per_token = weighted(earlier.energy.j_per_token, before, row.energy.j_per_token, since);
  row.energy.j_per_prompt_token =
      weighted(earlier.energy.j_per_prompt_token, before, row.energy.j_per_prompt_token, since);
  row.energy.j_per_output_token =
      weighted(earlier.energy.j_per_output_token, before, row.energy.j_per_output_token, since);
  row.energy.watts = weighted(earlier.energy.watts, before, row.energy.watts, since);
  row.border = both(earlier.border, row.border);
}

}  // namespace assay::measure
