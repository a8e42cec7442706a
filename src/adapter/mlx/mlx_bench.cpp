// Speed of the MLX backend in this process, without the border: ASSAY_BENCH_MODEL=FILE adapter_mlx_bench
// Also ASSAY_BENCH_DEVICE (cpu), ASSAY_BENCH_THREADS (2), ASSAY_BENCH_PROMPT (128), ASSAY_BENCH_TOKENS (16).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "adapter/mlx/mlx_backend.h"
#include "base/clock.h"

namespace {

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::uint32_t number(const char* name, const char* otherwise) {
  return static_cast<std::uint32_t>(std::stoul(variable(name, otherwise)));
}

// Tokens per second of `count` slots in one batch, or one by one.
double speed(assay::Backend& backend, assay::Position from, std::uint32_t count, bool one_by_one) {
  assay::Logits logits;
  std::vector<assay::Slot> slots;
  const assay::SteadyClock clock;
  const std::int64_t begin = clock.now_ns();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto token = static_cast<assay::Token>((i * 7919U + 13U) % backend.facts().vocab);
    slots.push_back({0, from + i, token, assay::logits_if(one_by_one || i + 1 == count)});
    if (!one_by_one && i + 1 != count) continue;
    if (const auto done = backend.forward(slots, logits); !done) {
      std::fprintf(stderr, "%s\n", assay::to_string(done.error()).c_str());
      std::exit(1);
    }
    slots.clear();
  }
  return count * 1e9 / static_cast<double>(clock.now_ns() - begin);
}

}  // namespace

int main() {
  assay::adapter::LoadSettings settings;
  settings.model = variable("ASSAY_BENCH_MODEL", "");
  settings.device = variable("ASSAY_BENCH_DEVICE", "cpu");
  settings.threads = number("ASSAY_BENCH_THREADS", "2");
  settings.kv = variable("ASSAY_BENCH_KV", "f16");
  const std::uint32_t prompt = number("ASSAY_BENCH_PROMPT", "128");
  const std::uint32_t tokens = number("ASSAY_BENCH_TOKENS", "16");
  settings.batch = settings.ubatch = prompt;
  settings.context = prompt + tokens + 2;
  const auto backend = assay::adapter::mlx::make_mlx_backend(settings, {});
  if (!backend) {
    std::fprintf(stderr, "%s\n", assay::to_string(backend.error()).c_str());
    return 1;
  }
  for (const std::string& note : (*backend)->facts().notes) std::printf("note: %s\n", note.c_str());
  const int rounds = 3;
  for (int round = 0; round < rounds; ++round) {
    const double prefill = speed(**backend, 0, prompt, false);
    const double decode = speed(**backend, prompt, tokens, true);
    std::printf("prefill %u: %.2f tok/s  decode %u: %.2f tok/s\n", prompt, prefill, tokens, decode);
    if (!(*backend)->forget(0, 0, ~assay::Position{0})) return 1;
  }
  return 0;
}
