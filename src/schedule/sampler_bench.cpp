// Time per token of the sampler over a vocabulary of 151,936 (Qwen3). One decode step of a 0.6B model takes 10-30 ms on
// a laptop; the aim is under 1 % of that for greedy and top-k.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/random.h"
#include "schedule/sampler.h"

namespace assay::schedule {
namespace {

enum Case : int {
  greedy,
  top_k_40,
  top_p_95,
  min_p_05,
  full_softmax,
  typical_95,
  penalties_and_top_k,
  xtc_only,
  chain,
  mask_of_30,      // a grammar that leaves 30 tokens: between two fields
  mask_of_most,    // 95 % of them: inside a string
  mask_and_top_k,  // of most
};

void run(benchmark::State& bench) {
  constexpr std::size_t vocab = 151'936;
  Random random(1);
  std::vector<std::vector<float>> rows(4, std::vector<float>(vocab));
  for (auto& row : rows) {
    for (auto& x : row) x = static_cast<float>(random.normal() * 2.5);
    for (int i = 0; i < 20; ++i) row[random.below(vocab)] += 12;  // a few tokens hold most of the mass, as in text
  }
  std::vector<Token> history(4096);
  for (auto& t : history) t = static_cast<Token>(random.below(vocab));
  Sampling s;
  const auto which = static_cast<Case>(bench.range(0));
  s.temperature = which == greedy ? 0 : 0.8F;
  if (which == top_k_40 || which == penalties_and_top_k || which == chain) s.top_k = 40;
  if (which == top_p_95 || which == chain) s.top_p = 0.95F;
  if (which == min_p_05 || which == chain) s.min_p = 0.05F;
  if (which == typical_95) s.typical_p = 0.95F;
  if (which == penalties_and_top_k || which == chain) s.repetition_penalty = 1.1F;
  if (which == chain) s.dry_multiplier = 0.8F;
  if (which == xtc_only) s.xtc_probability = 1;
  std::vector<std::uint32_t> mask;
  if (which >= mask_of_30) {
    mask.assign((vocab + 31) / 32, which == mask_of_30 ? 0U : ~0U);
    for (std::size_t i = 0; i < (which == mask_of_30 ? 30 : vocab / 20); ++i) {
      const std::size_t token = random.below(vocab);
      mask[token / 32] ^= 1U << token % 32;
    }
    s.temperature = which == mask_and_top_k ? 0.8F : 0;
    if (which == mask_and_top_k) s.top_k = 40;
  }
  SamplerState state(s);
  SampleScratch scratch;
  std::size_t i = 0;
  for (auto _ : bench) {
    const auto position = static_cast<Position>(i);
    auto token = sample(s, state, {rows[i++ % rows.size()], history, position, {}, mask, "bench"}, scratch);
    benchmark::DoNotOptimize(token);
  }
  static constexpr const char* names[] = {"greedy",       "top_k=40",    "top_p=.95",    "min_p=.05",
                                          "softmax",      "typical=.95", "rep+top_k",    "xtc",
                                          "chain of all", "mask of 30",  "mask of 95 %", "mask, top_k=40"};
  bench.SetLabel(names[which]);
}
BENCHMARK(run)->DenseRange(greedy, mask_and_top_k)->Unit(benchmark::kMicrosecond);

void logprobs_of_5(benchmark::State& bench) {
  std::vector<float> row(151'936);
  Random random(1);
  for (auto& x : row) x = static_cast<float>(random.normal() * 2.5);
  for (auto _ : bench) {
    auto met = logprobs(row, 3, 5);
    benchmark::DoNotOptimize(met);
  }
}
BENCHMARK(logprobs_of_5)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace assay::schedule
