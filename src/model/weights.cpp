#include "model/weights.h"

#include <optional>
#include <string>

namespace assay::model {
namespace {

enum class Need { required, optional };

std::string text(const Shape& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + ")";
}

// Collects the first error so that bind() reads as a list of names and shapes.
struct Binder {
  const Lookup& lookup;
  std::optional<Error> error;

  TensorView take(const std::string& name, const Shape& shape, Need need) {
    const TensorView* view = lookup(name);
    if (error) return {};
    if (view == nullptr) {
      if (need == Need::required) error = Error{Errc::not_found, 0, "tensor " + name + ": expected " + text(shape)};
      return {};
    }
    if (view->shape != shape) {
      error =
          Error{Errc::bad_value, 0, "tensor " + name + ": shape " + text(view->shape) + ", expected " + text(shape)};
      return {};
    }
    if (!facts(view->dtype).computes) {
      error =
          Error{Errc::unsupported, 0,
                "tensor " + name + ": type " + std::string(assay::name(view->dtype)) + " is known but not computed"};
      return {};
    }
    return *view;
  }
};

}  // namespace

Result<Weights> bind(const ModelConfig& config, const Lookup& lookup) {
  Binder binder{lookup, std::nullopt};
  Weights weights;
  weights.config = config;
  const std::uint64_t hidden = config.hidden;
  const std::uint64_t q_rows = std::uint64_t{config.heads} * config.head_dim;
  const std::uint64_t kv_rows = std::uint64_t{config.kv_heads} * config.head_dim;
  const Need bias = config.qkv_bias ? Need::required : Need::optional;
  const Need qk_norm = config.qk_norm ? Need::required : Need::optional;

  weights.embedding = binder.take("token_embd.weight", {config.vocab, hidden}, Need::required);
  weights.output_norm = binder.take("output_norm.weight", {hidden}, Need::required);
  weights.head =
      config.tied_head ? weights.embedding : binder.take("output.weight", {config.vocab, hidden}, Need::required);
  weights.rope_factors = binder.take("rope_freqs.weight", {config.rope_dims / 2}, Need::optional);
  for (std::uint32_t i = 0; i < config.layers && !binder.error; ++i) {
    const std::string prefix = "blk." + std::to_string(i) + ".";
    LayerWeights layer;
    layer.attention_norm = binder.take(prefix + "attn_norm.weight", {hidden}, Need::required);
    layer.q = binder.take(prefix + "attn_q.weight", {q_rows, hidden}, Need::required);
    layer.k = binder.take(prefix + "attn_k.weight", {kv_rows, hidden}, Need::required);
    layer.v = binder.take(prefix + "attn_v.weight", {kv_rows, hidden}, Need::required);
    layer.q_bias = binder.take(prefix + "attn_q.bias", {q_rows}, bias);
    layer.k_bias = binder.take(prefix + "attn_k.bias", {kv_rows}, bias);
    layer.v_bias = binder.take(prefix + "attn_v.bias", {kv_rows}, bias);
    layer.q_norm = binder.take(prefix + "attn_q_norm.weight", {config.head_dim}, qk_norm);
    layer.k_norm = binder.take(prefix + "attn_k_norm.weight", {config.head_dim}, qk_norm);
    layer.output = binder.take(prefix + "attn_output.weight", {hidden, q_rows}, Need::required);
    layer.ffn_norm = binder.take(prefix + "ffn_norm.weight", {hidden}, Need::required);
    layer.gate = binder.take(prefix + "ffn_gate.weight", {config.ffn, hidden}, Need::required);
    layer.up = binder.take(prefix + "ffn_up.weight", {config.ffn, hidden}, Need::required);
    layer.down = binder.take(prefix + "ffn_down.weight", {hidden, config.ffn}, Need::required);
    weights.layers.push_back(layer);
  }
  if (binder.error) return std::unexpected(std::move(*binder.error));
  return weights;
}

std::uint64_t Weights::bytes_per_token() const {
  std::uint64_t sum = output_norm.bytes() + head.bytes();
  for (const LayerWeights& layer : layers) {
    for (const TensorView* tensor :
         {&layer.attention_norm, &layer.q, &layer.k, &layer.v, &layer.q_bias, &layer.k_bias, &layer.v_bias,
          &layer.q_norm, &layer.k_norm, &layer.output, &layer.ffn_norm, &layer.gate, &layer.up, &layer.down}) {
      sum += tensor->bytes();
    }
  }
  return sum;
}

}  // namespace assay::model
