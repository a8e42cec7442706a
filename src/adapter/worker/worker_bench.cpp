// What the border to a worker costs per call, beside an engine that computes nothing: the caller's time of forward()
// less the engine's own. Arguments: vocabulary, rows of logits per call.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "adapter/worker/worker_backend.h"
#include "base/clock.h"

namespace assay::adapter {
namespace {

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

void border(benchmark::State& state) {
  const SteadyClock clock;
  WorkerOptions options;
  options.program = ASSAY_FAKE_WORKER;
  options.load.model = "fake:idle,vocab=" + std::to_string(state.range(0));
  options.load.context = 1U << 24U;
  options.load.threads = 1;
  const auto backend = start_worker(options, clock);
  if (!backend) return state.SkipWithError(to_string(backend.error()).c_str());
  const auto rows = static_cast<std::uint32_t>(state.range(1));
  std::vector<Slot> slots(rows, Slot{0, 0, 1, Want::logits});
  Logits logits;
  std::vector<double> border_us;
  std::vector<double> total_us;
  Position next = 0;
  for ([[maybe_unused]] auto step : state) {
    for (Slot& slot : slots) slot.pos = next++;
    const auto result = (*backend)->forward(slots, logits);
    if (!result) return state.SkipWithError(to_string(result.error()).c_str());
    const BorderCost cost = (*backend)->border_cost();
    border_us.push_back(static_cast<double>(cost.total_ns - cost.engine_ns) / 1000);
    total_us.push_back(static_cast<double>(cost.total_ns) / 1000);
  }
  state.counters["border_p50_us"] = percentile(border_us, 0.5);
  state.counters["border_p99_us"] = percentile(border_us, 0.99);
  state.counters["call_p50_us"] = percentile(total_us, 0.5);
}
BENCHMARK(border)->Args({40, 1})->Args({32000, 1})->Args({151936, 1})->Args({151936, 8})->UseRealTime();

}  // namespace
}  // namespace assay::adapter
