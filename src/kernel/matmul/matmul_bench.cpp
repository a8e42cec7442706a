// Each type at the shapes of a 0.6B model, beside the ceilings of this machine in the same run:
//   matmul_bench --benchmark_enable_random_interleaving=true --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
// decode and batchN: 1 or N tokens times a head too large for the caches; held against ceiling/read. prefill: 512 tokens
// times a feed-forward matrix; held against ceiling/vnni or ceiling/maddubs. One thread, rates per second of processor
// time: what others do to this machine then costs little. Filter for less: --benchmark_filter='ceiling|avx2/q4_0'.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "kernel/matmul/matmul.h"
#include "kernel/matmul/random_tensor.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__)
ASSAY_AVX2 std::int64_t read_all(const std::byte* p, std::size_t bytes) {
  __m256i sum[4] = {};
  for (std::size_t i = 0; i < bytes; i += 128) {
    for (std::size_t k = 0; k < 4; ++k) {
      sum[k] = _mm256_add_epi64(sum[k], _mm256_load_si256(reinterpret_cast<const __m256i*>(p + i + 32 * k)));
    }
  }
  const __m256i all = _mm256_add_epi64(_mm256_add_epi64(sum[0], sum[1]), _mm256_add_epi64(sum[2], sum[3]));
  return _mm256_extract_epi64(all, 0) + _mm256_extract_epi64(all, 1) + _mm256_extract_epi64(all, 2);
}

void read_ceiling(benchmark::State& state) {
  const std::vector<std::byte> memory((256 << 20) + 64, std::byte{1});
  const std::size_t bytes = 256 << 20;
  const std::byte* mine = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
  for (auto _ : state) benchmark::DoNotOptimize(read_all(mine, bytes));
  state.counters["GB/s"] = benchmark::Counter(
      static_cast<double>(bytes) * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

constexpr int dots = 1 << 16;
template <class Dots>
void int8_ceiling(benchmark::State& state, Dots run_dots, double macs) {
  for (auto _ : state) benchmark::DoNotOptimize(run_dots());
  state.counters["GMAC/s"] =
      benchmark::Counter(macs * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

ASSAY_AVX2 int maddubs_dots() {
  __m256i acc[8] = {};
  __m256i w = _mm256_set1_epi8(3);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int i = 0; i < dots; i += 8) {
    asm volatile("" : "+x"(w));
    for (auto& a : acc) a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_maddubs_epi16(w, w), ones));
  }
  for (auto& a : acc) w = _mm256_add_epi32(w, a);
  return _mm256_extract_epi32(w, 0);
}

ASSAY_AVX512 int vnni_dots() {
  __m512i acc[12] = {};
  __m512i w = _mm512_set1_epi8(3);
  for (int i = 0; i < dots; i += 12) {
    asm volatile("" : "+v"(w));
    for (auto& a : acc) a = _mm512_dpbusd_epi32(a, w, w);
  }
  for (auto& a : acc) w = _mm512_add_epi32(w, a);
  return _mm512_cvtsi512_si32(w);
}
#endif

void register_all() {
  using benchmark::RegisterBenchmark;
  const auto add = [](const std::string& name, auto function) {
    RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMillisecond);
  };
#if defined(__x86_64__)
  if (best_isa() >= Isa::avx2) {
    add("ceiling/read", read_ceiling);
    add("ceiling/maddubs", [](benchmark::State& s) { int8_ceiling(s, maddubs_dots, dots * 32.0); });
  }
  if (best_isa() >= Isa::avx512) {
    add("ceiling/vnni", [](benchmark::State& s) { int8_ceiling(s, vnni_dots, (dots + 11) / 12 * 12 * 64.0); });
  }
#endif
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
