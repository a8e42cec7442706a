#include <type_traits>

#include "adapter/mlx/graph.h"

namespace assay::adapter::mlx {
namespace {

GraphLayer load_layer(const model::LayerWeights& in, mx::Dtype dtype, Loader& loader) {
  GraphLayer out;
  std::vector<const TensorView*> qkv;
  std::vector<const TensorView*> gate_up;
  each_of_layers(in, out, [&](Role role, const TensorView& from, auto& to) {
    if (!model::present(from)) return;
    if constexpr (std::is_same_v<decltype(to), std::optional<mx::array>&>) {
      to = loader.vector(from, dtype);
    } else if (role == Role::q || role == Role::k || role == Role::v) {
      qkv.push_back(&from);
    } else if (role == Role::gate || role == Role::up) {
      gate_up.push_back(&from);
    } else {
      to = loader.matrix(from);
    }
  });
  out.qkv = loader.stack(qkv);
  out.gate_up = loader.stack(gate_up);
  return out;
}

std::uint64_t bytes_of(const Stack& stack) {
  std::uint64_t sum = 0;
  for (const Matrix& matrix : stack.matrices) sum += matrix.bytes();
  return sum;
}

std::uint64_t bytes_of(const GraphLayer& layer) {
  std::uint64_t sum = bytes_of(layer.qkv) + bytes_of(layer.gate_up);
  each_of_layer(layer, [&](Role, const auto& thing) {
    if (!thing) return;
    if constexpr (std::is_same_v<decltype(thing), const std::optional<mx::array>&>) {
      sum += thing->nbytes();
    } else {
      sum += thing->bytes();
    }
  });
  return sum;
}

}  // namespace

GraphModel load_model(const model::Weights& weights, const Compute& compute, device::ThreadPool& pool,
                      const Loader::Progress& progress) {
  const ModelConfig& config = weights.config;
  Loader loader(compute, pool, progress);
  const auto use = config.tied_head ? Loader::Use::product : Loader::Use::lookup;
  GraphModel out{.config = config,
                 .embedding = loader.matrix(weights.embedding, use),
                 .head = {},
                 .output_norm = loader.vector(weights.output_norm, compute.activations),
                 .layers = {},
                 .ropes = model::rope_frequencies(weights),
                 .steps = weights.steps,
                 .notes = {}};
  if (!config.tied_head) out.head = loader.matrix(weights.head);
  for (const model::LayerWeights& layer : weights.layers) {
    out.layers.push_back(load_layer(layer, compute.activations, loader));
  }
  out.bytes = out.embedding.bytes() + out.output_norm.nbytes() + (out.head ? out.head->bytes() : 0);
  for (const GraphLayer& layer : out.layers) out.bytes += bytes_of(layer);
  out.notes = loader.notes();
  return out;
}

}  // namespace assay::adapter::mlx
