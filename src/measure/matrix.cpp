#include "measure/matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace assay::measure {
namespace {

constexpr std::uint32_t tokens_max = 1U << 24;  // the longest context of any engine
constexpr std::uint32_t rounds_max = 1'000'000;

Result<void> check(const MatrixSettings& settings) {
  const auto range = [](const char* name, std::uint64_t met, std::uint64_t low, std::uint64_t high) -> Result<void> {
    if (met >= low && met <= high) return {};
    return fail(Errc::bad_value, std::string(name) + " is " + std::to_string(met) + ", expected " +
                                     std::to_string(low) + ".." + std::to_string(high));
  };
  ASSAY_TRY(range("prompt tokens", settings.prompt_tokens, 1, tokens_max));
  ASSAY_TRY(range("output tokens", settings.output_tokens, 2, tokens_max));
  return range("rounds", settings.rounds, 1, rounds_max);
}

// What the machine did while one request ran.
struct Probe {
  device::CpuTimes cpu = device::cpu_times();
  device::SwapUse swap = device::swap_use();
};

struct Observed {
  double others_seconds = 0;
  double seconds = 0;
};

void observe(const Probe& before, double seconds, Row& row, Observed& observed) {
  const Probe after;
  if (before.cpu.busy && after.cpu.busy) {
    observed.others_seconds += std::max(0.0, *after.cpu.busy - *before.cpu.busy - (after.cpu.own - before.cpu.own));
    observed.seconds += seconds;
  }
  if (before.swap.out_bytes && after.swap.out_bytes) {
    row.memory.swap_known = true;
    row.memory.swap_out_bytes += static_cast<std::int64_t>(*after.swap.out_bytes - *before.swap.out_bytes);
  }
  row.noise.pressure = std::max(row.noise.pressure, device::memory_pressure().level);
  const device::ProcessMemory memory = device::process_memory();
  row.memory.peak_bytes = std::max(row.memory.peak_bytes, memory.footprint.value_or(0));
}

Estimate over(const std::vector<Timing>& rounds, double (Timing::*value)() const, Random& random) {
  std::vector<double> values;
  for (const Timing& timing : rounds) {
    if (const double x = (timing.*value)(); !std::isnan(x)) values.push_back(x);
  }
  return estimate(values, random);
}

void shuffle(std::vector<std::size_t>& order, Random& random) {
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

}  // namespace

Result<std::vector<Row>> measure_rows(std::vector<Contestant> contestants, const MatrixSettings& settings,
                                      const Clock& clock, const MakePrompt& make_prompt,
                                      const MatrixProgress& progress) {
  ASSAY_TRY(check(settings));
  std::vector<Row> rows(contestants.size());
  std::vector<Observed> observed(contestants.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].subject = contestants[i].subject;
    rows[i].prompt_tokens = settings.prompt_tokens;
    rows[i].output_tokens = settings.output_tokens;
    if (contestants[i].running != nullptr) {
      order.push_back(i);
    } else {
      rows[i].status = Row::Status::refused;
      rows[i].reason = contestants[i].reason;
    }
  }
  Random random(settings.seed);
  RequestId next_id = 1;
  const auto total = static_cast<std::uint32_t>(order.size() * (settings.rounds + 1));
  std::uint32_t done = 0;
  for (std::uint32_t round = 0; round <= settings.rounds; ++round) {
    shuffle(order, random);
    for (const std::size_t i : order) {
      Row& row = rows[i];
      const std::vector<Token> prompt = make_prompt(random);
      if (progress && !progress(done++, total, row.subject.engine)) {
        return fail(Errc::cancelled, "matrix stopped in round " + std::to_string(round));
      }
      if (row.status == Row::Status::failed) continue;
      Request request;
      request.id = next_id++;
      request.prompt = prompt;
      request.output_tokens_max = settings.output_tokens;
      const Probe before;
      const std::int64_t start = clock.now_ns();
      auto timing = time_request(*contestants[i].running, clock, request, settings.timeout_ns);
      if (!timing) {
        row.status = Row::Status::failed;
        row.reason = to_string(timing.error());
        continue;
      }
      observe(before, static_cast<double>(clock.now_ns() - start) * 1e-9, row, observed[i]);
      if (round == 0) {
        row.cold = *timing;
      } else {
        row.rounds.push_back(*timing);
      }
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].ttft_ms = over(rows[i].rounds, &Timing::ttft_ms, random);
    rows[i].prefill_tok_s = over(rows[i].rounds, &Timing::prefill_tok_s, random);
    rows[i].decode_tok_s = over(rows[i].rounds, &Timing::decode_tok_s, random);
    if (observed[i].seconds > 0) rows[i].noise.others_cpu_cores = observed[i].others_seconds / observed[i].seconds;
  }
  return rows;
}

}  // namespace assay::measure
