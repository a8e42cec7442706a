// Decode: bytes of keys and values per second beside plain reading of the same memory in the same run.
// Prefill: multiply-adds per second. Shapes of a 0.6B model: head_dim 128, groups of 2, 8 kv heads.
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/arena.h"
#include "kernel/attention/attention.h"
#include "kernel/isas.h"

namespace assay::kernel {
namespace {

constexpr std::uint32_t head_dim = 128;
constexpr std::uint32_t group = 2;
constexpr std::uint32_t depth = 8192;
constexpr std::uint32_t heads = 8;
constexpr std::uint32_t layers = 6;  // enough planes that none is still in a cache when it is read again
constexpr std::uint32_t page_count = depth / kv_page_positions;

struct Memory {
  KvLayout layout;
  Pages bytes;
  std::vector<std::uint32_t> pages;

  explicit Memory(KvType type) : layout{type, head_dim} {
    const std::size_t page_bytes = layout.plane_bytes() * layers * heads;
    bytes = allocate_pages(page_bytes * page_count);
    std::minstd_rand random(1);
    std::normal_distribution<float> normal;
    std::vector<float> key(head_dim);
    std::vector<float> value(head_dim);
    std::vector<std::byte> plane(layout.plane_bytes());
    for (std::uint32_t slot = 0; slot < kv_page_positions; ++slot) {
      for (auto& x : key) x = normal(random);
      for (auto& x : value) x = normal(random);
      kv_store(best_isa(), layout, plane.data(), slot, key, value);
    }
    for (std::size_t at = 0; at < page_bytes * page_count; at += plane.size())
      std::memcpy(&bytes[at], plane.data(), plane.size());
    for (std::uint32_t i = 0; i < page_count; ++i) pages.push_back(i);
  }

  KvPages view(std::uint32_t layer, std::uint32_t head) const {
    return {layout, bytes.get() + (layer * heads + head) * layout.plane_bytes(), layout.plane_bytes() * layers * heads,
            pages};
  }
};

const Memory& memory(KvType type) {
  static const Memory f16(KvType::f16);
  static const Memory q8_0(KvType::q8_0);
  return type == KvType::f16 ? f16 : q8_0;
}

AttentionTask task(const Memory& kv, std::uint32_t layer, std::uint32_t head, const std::vector<float>& queries,
                   std::uint32_t tokens) {
  return {.kv = kv.view(layer, head),
          .queries = queries.data(),
          .query_stride = std::size_t{group} * head_dim,
          .tokens = tokens,
          .group = group,
          .position = depth - tokens,
          .window = 0,
          .scale = 0.088F};
}

void decode(benchmark::State& state, KvType type, Isa isa) {
  const Memory& kv = memory(type);
  const std::vector<float> queries(group * head_dim, 0.5F);
  std::vector<float> out(group * head_dim);
  std::uint32_t at = static_cast<std::uint32_t>(state.thread_index()) * 3 % (layers * heads);
  std::vector<float> scratch(attention_scratch(task(kv, 0, 0, queries, 1)));
  for (auto step : state) {
    static_cast<void>(step);
    attention(isa, task(kv, at / heads, at % heads, queries, 1), out.data(), group * head_dim, scratch);
    benchmark::DoNotOptimize(out.data());
    at = (at + 1) % (layers * heads);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kv.layout.plane_bytes() * page_count));
}

// The ceiling: the same planes in the same order, only added up, the next one fetched meanwhile.
void read(benchmark::State& state, KvType type) {
  const Memory& kv = memory(type);
  std::uint32_t at = static_cast<std::uint32_t>(state.thread_index()) * 3 % (layers * heads);
  for (auto step : state) {
    static_cast<void>(step);
    const KvPages view = kv.view(at / heads, at % heads);
    using Words = std::uint64_t __attribute__((vector_size(64)));
    Words sum[4] = {};
    for (std::size_t p = 0; p < page_count; ++p) {
      const std::byte* plane = view.plane(p);
      const std::byte* next = view.plane(p + 1 < page_count ? p + 1 : 0);
      for (std::size_t i = 0; i + 256 <= kv.layout.plane_bytes(); i += 256) {
        for (std::size_t j = 0; j < 4; ++j) {
          __builtin_prefetch(next + i + j * 64, 0, 2);
          Words words;
          std::memcpy(&words, plane + i + j * 64, 64);
          sum[j] += words;
        }
      }
    }
    benchmark::DoNotOptimize(sum);
    at = (at + 1) % (layers * heads);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kv.layout.plane_bytes() * page_count));
}

void prefill(benchmark::State& state, KvType type, Isa isa) {
  const auto tokens = static_cast<std::uint32_t>(state.range(0));
  const Memory& kv = memory(type);
  const std::vector<float> queries(tokens * group * head_dim, 0.5F);
  std::vector<float> out(queries.size());
  std::vector<float> scratch(attention_scratch(task(kv, 0, 0, queries, tokens)));
  std::uint32_t at = 0;
  for (auto step : state) {
    static_cast<void>(step);
    attention(isa, task(kv, at / heads, at % heads, queries, tokens), out.data(), group * head_dim, scratch);
    benchmark::DoNotOptimize(out.data());
    at = (at + 1) % (layers * heads);
  }
  const double macs = 2.0 * group * head_dim * tokens * (depth - tokens / 2.0);
  state.counters["MAC/s"] = benchmark::Counter(macs, benchmark::Counter::kIsIterationInvariantRate);
}

void add_all() {
  for (const KvType type : {KvType::f16, KvType::q8_0}) {
    const std::string kind(name(type));
    for (const int threads : {1, 2}) {
      benchmark::RegisterBenchmark(("read/" + kind).c_str(), [type](auto& s) { read(s, type); })
          ->Threads(threads)
          ->UseRealTime();
      for (const Isa isa : isas_here()) {
        benchmark::RegisterBenchmark(("decode/" + kind + "/" + std::string(name(isa))).c_str(),
                                     [type, isa](auto& s) { decode(s, type, isa); })
            ->Threads(threads)
            ->UseRealTime();
      }
    }
    for (const Isa isa : isas_here()) {
      benchmark::RegisterBenchmark(("prefill/" + kind + "/" + std::string(name(isa))).c_str(),
                                   [type, isa](auto& s) { prefill(s, type, isa); })
          ->Arg(8)
          ->Arg(32)
          ->Arg(64);
    }
  }
}

const bool added = (add_all(), true);

}  // namespace
}  // namespace assay::kernel
