#include "measure/memory_plan.h"

#include <algorithm>
#include <array>
#include <utility>

namespace assay::measure {

double kv_element_bytes(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, double>, 9> known{{{"f32", 4},
                                                                      {"f16", 2},
                                                                      {"bf16", 2},
                                                                      {"q8_0", 34.0 / 32},
                                                                      {"q5_1", 24.0 / 32},
                                                                      {"q5_0", 22.0 / 32},
                                                                      {"q4_1", 20.0 / 32},
                                                                      {"q4_0", 18.0 / 32},
                                                                      {"iq4_nl", 18.0 / 32}}};
  const auto* const at = std::ranges::find(known, type, &std::pair<std::string_view, double>::first);
  return at == known.end() ? 0 : at->second;
}

namespace {

double layer_position_bytes(const Attention& a, std::string_view type) {
  return 2.0 * static_cast<double>(kv_width(a)) * kv_element_bytes(type);
}

}  // namespace

std::uint64_t kv_position_bytes(const ModelConfig& config, std::string_view type) {
  double bytes = 0;
  each_attention(config, [&](const Attention& a) { bytes += layer_position_bytes(a, type); });
  return static_cast<std::uint64_t>(bytes);
}

std::uint64_t kv_read_bytes(const ModelConfig& config, std::string_view type, double depth) {
  double bytes = 0;
  each_attention(config, [&](const Attention& a) {
    const double positions = a.window != 0 ? std::min(depth, static_cast<double>(a.window)) : depth;
    bytes += positions * layer_position_bytes(a, type);
  });
  return static_cast<std::uint64_t>(bytes);
}

MemoryUse plan_memory(const ModelConfig& config, std::uint64_t weights, const KvPlan& kv, std::uint32_t batch,
                      std::uint32_t positions, std::uint32_t requests) {
  MemoryUse out{.weights = weights, .kv = 0, .scratch = 0};
  const std::uint64_t step = std::max(kv.step, 1U);
  const std::uint64_t each = kv.whole_context ? kv.context : (positions + step - 1) / step * step;
  const std::uint64_t count = kv.whole_context ? kv.sequences : requests;
  out.kv = each * count * kv_position_bytes(config, kv.type);
  std::uint64_t attention = 0;  // floats of the widest layer
  std::uint64_t wide = 0;
  std::uint64_t angles = 0;
  each_attention(config,
                 [&](const Attention& a) { attention = std::max(attention, 2 * q_width(a) + 2 * kv_width(a)); });
  each_dense(config, [&](const Dense& dense) { wide = std::max<std::uint64_t>(wide, dense.width); });
  for (const Rope& rope : config.ropes) angles += rope.dims;
  const std::uint64_t token = 3 * std::uint64_t{config.hidden} + attention + 2 * wide + angles;
  out.scratch = 4 * (batch * token + std::uint64_t{config.vocab} * requests);
  return out;
}

}  // namespace assay::measure
