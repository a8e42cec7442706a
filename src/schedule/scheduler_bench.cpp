// What the scheduler itself adds per token: greedy decode over a backend that costs next to nothing.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/clock.h"
#include "schedule/scheduler.h"

namespace assay::schedule {
namespace {

class FreeBackend final : public Backend {
 public:
  FreeBackend() {
    facts_.context = 1U << 20;
    facts_.sequences = 32;
    facts_.batch = 512;
    facts_.vocab = 64;
  }
  const BackendFacts& facts() const override { return facts_; }
  Result<void> start(const Batch&) override { return {}; }
  Result<void> finish(const Rows& rows) override {
    std::ranges::fill(rows.logits, 0.5F);
    return {};
  }
  Result<void> forget(SeqId, Position, Position) override { return {}; }
  Result<void> share(SeqId, SeqId, Position) override { return {}; }
  MemoryUse memory() const override { return {}; }

 private:
  BackendFacts facts_;
};

void decode_step(benchmark::State& bench) {
  FreeBackend backend;
  const SteadyClock clock;
  SchedulerOptions options;
  options.keep_finished = false;
  Scheduler scheduler(backend, clock, nullptr, options);
  const auto streams = static_cast<std::uint64_t>(bench.range(0));
  std::vector<Token> prompt(64, 3);
  Request request;
  request.prompt = prompt;
  request.output_tokens_max = 1U << 19;
  std::vector<Event> events(64);
  RequestId id = 0;
  std::size_t tokens = 0;
  for (auto _ : bench) {
    while (scheduler.waiting() + scheduler.running() < streams) {
      request.id = ++id;
      static_cast<void>(scheduler.submit(request).has_value());
    }
    tokens += scheduler.poll(events, std::numeric_limits<std::int64_t>::max()).value_or(0);
  }
  bench.counters["per_token"] =
      benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(decode_step)->Arg(1)->Arg(8)->Arg(32)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace assay::schedule
