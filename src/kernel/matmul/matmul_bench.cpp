// Each type at the shapes of a 0.6B model, beside the ceilings of this machine in the same run:
//   matmul_bench --benchmark_enable_random_interleaving=true --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
// decode and batchN: 1 or N tokens times a head too large for the caches; held against ceiling/read. prefill: 512 tokens
// times a feed-forward matrix; held against ceiling/int8. One thread, rates per second of processor
// time: what others do to this machine then costs little. Filter for less: --benchmark_filter='ceiling|avx2/q4_0'.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "base/arena.h"
#include "base/random.h"
#include "kernel/ceiling/ceiling.h"
#include "kernel/matmul/matmul.h"
#include "kernel/matmul/random_tensor.h"

namespace assay::kernel {
namespace {

struct Shape2 {
  std::size_t rows, cols;
};
constexpr Shape2 head{.rows = 151936 / 2, .cols = 1024};  // half of the vocabulary is already far beyond the caches
constexpr Shape2 ffn{.rows = 3072, .cols = 1024};

struct Data {
  PackedMatrix w;
  Activations x;
  std::vector<float> y;
};

// One matrix lives at a time: benchmarks with random interleaving pack again, outside of the timing.
std::shared_ptr<Data> data(const TensorKind& kind, Isa isa, Shape2 shape, std::size_t tokens) {
  static std::mutex mutex;
  static std::shared_ptr<Data> last;
  static std::tuple<DType, std::uint32_t, Isa, std::size_t, std::size_t> key;
  const std::scoped_lock lock(mutex);
  const std::tuple wanted{kind.dtype, kind.group, isa, shape.rows, tokens};
  if (last && key == wanted) return last;
  last.reset();
  Random random(1);
  const RandomTensor tensor(kind, shape.rows, shape.cols, random);
  auto made = std::make_shared<Data>();
  made->w = PackedMatrix::pack(tensor.view, isa).value();
  std::vector<float> x(tokens * shape.cols);
  for (float& v : x) v = static_cast<float>(random.normal());
  made->x.assign(made->w.form(), x.data(), shape.cols, tokens, shape.cols);
  made->y.resize(tokens * shape.rows);
  key = wanted;
  return last = made;
}

void run(benchmark::State& state, const TensorKind& kind, Isa isa, Shape2 shape, std::size_t tokens) {
  const auto d = data(kind, isa, shape, tokens);
  for (auto _ : state) matmul(d->w, d->x, {0, shape.rows}, d->y.data(), shape.rows);
  const auto share = static_cast<double>(state.iterations());
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(static_cast<double>(d->w.bytes()) * share * 1e-9, Counter::kIsRate);
  state.counters["GMAC/s"] =
      Counter(static_cast<double>(shape.rows * shape.cols * tokens) * share * 1e-9, Counter::kIsRate);
}

void quantize_inputs(benchmark::State& state) {
  std::vector<float> x(64 * 1024);
  Random random(1);
  for (float& v : x) v = static_cast<float>(random.normal());
  Activations a;
  for (auto _ : state) a.assign(ActivationForm::blocks8, x.data(), 1024, 64, 1024);
  state.counters["Gvalues/s"] =
      benchmark::Counter(65536e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void read_ceiling(benchmark::State& state, const ReadPattern& pattern) {
  constexpr std::size_t bytes = std::size_t{256} << 20;
  const Pages memory = allocate_pages(bytes);
  std::memset(memory.get(), 1, bytes);
  for (auto _ : state) benchmark::DoNotOptimize(pattern.read(memory.get(), bytes));
  state.counters["GB/s"] = benchmark::Counter(
      static_cast<double>(bytes) * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void int8_ceiling(benchmark::State& state, const Int8Path& path) {
  std::uint64_t macs = 0;
  for (auto _ : state) {
    const Int8Work work = path.multiply(10'000);
    benchmark::DoNotOptimize(work.sum);
    macs += work.macs;
  }
  state.counters["GMAC/s"] = benchmark::Counter(static_cast<double>(macs) * 1e-9, benchmark::Counter::kIsRate);
}

void register_all() {
  using benchmark::RegisterBenchmark;
  const auto add = [](const std::string& name, auto function) {
    RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMillisecond);
  };
  for (const ReadPattern& pattern : read_patterns()) {
    add("ceiling/read/" + pattern.name, [=](benchmark::State& s) { read_ceiling(s, pattern); });
  }
  for (const Int8Path& path : int8_paths()) {
    add("ceiling/int8/" + path.name, [=](benchmark::State& s) { int8_ceiling(s, path); });
  }
  RegisterBenchmark("quantize_inputs", quantize_inputs);
#define ASSAY_MATMUL_VARIANT(level, group) Isa::level,
  for (const Isa isa : {
#include "kernel/matmul/variants.inc"
       }) {
#undef ASSAY_MATMUL_VARIANT
    if (isa > best_isa()) continue;
    for (const TensorKind& kind : tensor_kinds()) {
      const std::string label = std::string(name(isa)) + "/" + std::string(name(kind.dtype)) +
                                (kind.group != 0 ? "_g" + std::to_string(kind.group) : "");
      add("decode/" + label, [=](benchmark::State& s) { run(s, kind, isa, head, 1); });
      for (const std::size_t tokens : {4, 8, 512}) {
        const std::string phase = tokens == 512 ? "prefill/" : "batch" + std::to_string(tokens) + "/";
        add(phase + label, [=](benchmark::State& s) { run(s, kind, isa, tokens == 512 ? ffn : head, tokens); });
      }
    }
  }
}

const bool registered = (register_all(), true);

}  // namespace
}  // namespace assay::kernel
