#include "adapter/mlx/graph.h"

namespace assay::adapter::mlx {
namespace {

GraphLayer load_layer(const model::LayerWeights& in, bool slides, mx::Dtype dtype, Loader& loader) {
  const TensorView* const qkv[] = {&in.q, &in.k, &in.v};
  const TensorView* const gate_up[] = {&in.gate, &in.up};
  GraphLayer out{.attention_norm = loader.vector(in.attention_norm, dtype),
                 .qkv = loader.stack(qkv),
                 .qkv_bias = {},
                 .q_norm = {},
                 .k_norm = {},
                 .output = loader.matrix(in.output),
                 .ffn_norm = loader.vector(in.ffn_norm, dtype),
                 .gate_up = loader.stack(gate_up),
                 .down = loader.matrix(in.down),
                 .slides = slides};
  if (model::present(in.q_bias)) {
    for (const TensorView* bias : {&in.q_bias, &in.k_bias, &in.v_bias}) {
      out.qkv_bias.push_back(loader.vector(*bias, dtype));
    }
  }
  if (model::present(in.q_norm)) out.q_norm = loader.vector(in.q_norm, dtype);
  if (model::present(in.k_norm)) out.k_norm = loader.vector(in.k_norm, dtype);
  return out;
}

std::uint64_t bytes_of(const Stack& stack) {
  std::uint64_t sum = 0;
  for (const Matrix& matrix : stack.matrices) sum += matrix.bytes();
  return sum;
}

std::uint64_t bytes_of(const GraphLayer& layer) {
  std::uint64_t sum = bytes_of(layer.qkv) + bytes_of(layer.gate_up) + layer.output.bytes() + layer.down.bytes();
  sum += layer.attention_norm.nbytes() + layer.ffn_norm.nbytes();
  for (const mx::array& bias : layer.qkv_bias) sum += bias.nbytes();
  if (layer.q_norm) sum += layer.q_norm->nbytes();
  if (layer.k_norm) sum += layer.k_norm->nbytes();
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
                 .rope = model::rope_frequencies(weights),
                 .notes = {}};
  if (!config.tied_head) out.head = loader.matrix(weights.head);
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const bool slides = config.sliding_window != 0 && config.layer_slides[i];
    out.layers.push_back(load_layer(weights.layers[i], slides, compute.activations, loader));
  }
  out.bytes = out.embedding.bytes() + out.output_norm.nbytes() + (out.head ? out.head->bytes() : 0);
  for (const GraphLayer& layer : out.layers) out.bytes += bytes_of(layer);
  out.notes = loader.notes();
  return out;
}

}  // namespace assay::adapter::mlx
