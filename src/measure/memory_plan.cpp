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

namespace {

std::uint64_t elements(const TensorView& tensor) { return tensor.rows() * tensor.columns(); }

// Of a float type's element; 0: a quantized type.
std::uint64_t float_bytes(DType type) {
  return type == DType::f32 ? 4 : type == DType::f16 || type == DType::bf16 ? 2 : 0;
}

DType stored_with(const model::Weights& weights) {
  std::uint64_t f32 = 0;
  std::uint64_t f16 = 0;
  std::uint64_t bf16 = 0;
  model::each_product(weights, [&](const TensorView& matrix) {
    const bool affine = matrix.dtype == DType::affine4 || matrix.dtype == DType::affine8;
    const DType type = affine ? matrix.scale_dtype : matrix.dtype;
    (type == DType::f32 ? f32 : type == DType::bf16 ? bf16 : f16) += matrix.bytes();
  });
  if (bf16 >= f16 && bf16 >= f32) return DType::bf16;
  return f32 > f16 ? DType::f32 : DType::f16;
}

std::uint64_t mlx_matrix_bytes(const TensorView& matrix, DType activations, bool looked_up) {
  const bool folder = matrix.dtype == DType::affine4 || matrix.dtype == DType::affine8;
  const bool four = matrix.dtype == DType::q4_0 || matrix.dtype == DType::q4_1 || matrix.dtype == DType::affine4;
  const bool eight = matrix.dtype == DType::q8_0 || matrix.dtype == DType::affine8;
  if (!four && !eight) {
    const std::uint64_t stored = looked_up ? float_bytes(matrix.dtype) : 0;
    return elements(matrix) * (stored != 0 ? stored : float_bytes(activations));
  }
  // The blocks of a GGUF have f16 scales, which f16 holds with their biases; a folder's are kept where they are alike.
  const bool narrow = folder ? matrix.scale_dtype == activations : activations == DType::f16;
  const std::uint64_t group = folder ? matrix.group : 32;
  return elements(matrix) * (four ? 4 : 8) / 8 + elements(matrix) / group * 2 * (narrow ? float_bytes(activations) : 4);
}

}  // namespace

std::uint64_t mlx_weight_bytes(const model::Weights& weights, bool cpu) {
  const DType activations = cpu ? DType::f32 : stored_with(weights);
  const bool tied = weights.config.tied_head;
  std::uint64_t bytes = mlx_matrix_bytes(weights.embedding, activations, !tied);
  if (!tied) bytes += mlx_matrix_bytes(weights.head, activations, false);
  bytes += elements(weights.output_norm) * float_bytes(activations);
  for (const model::LayerWeights& layer : weights.layers) {
    each_of_layer(layer, [&](Role role, const TensorView& tensor) {
      if (!model::present(tensor)) return;
      bytes += kind_of(role) == TensorKind::matrix ? mlx_matrix_bytes(tensor, activations, false)
                                                   : elements(tensor) * float_bytes(activations);
    });
  }
  return bytes;
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
