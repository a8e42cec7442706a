// A model's tensors bound to their roles. Views only: the checkpoint that gave them must stay open.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "tensor/view.h"

namespace assay::model {

// Absent optional tensors have empty data.
inline bool present(const TensorView& tensor) { return !tensor.data.empty(); }

struct LayerWeights {
  TensorView attention_norm;  // (hidden)
  TensorView q;               // (heads * head_dim, hidden)
  TensorView k;               // (kv_heads * head_dim, hidden)
  TensorView v;               // (kv_heads * head_dim, hidden)
  TensorView q_bias;          // (heads * head_dim), optional
  TensorView k_bias;          // (kv_heads * head_dim), optional
  TensorView v_bias;          // (kv_heads * head_dim), optional
  TensorView q_norm;          // (head_dim), optional
  TensorView k_norm;          // (head_dim), optional
  TensorView output;          // (hidden, heads * head_dim)
  TensorView ffn_norm;        // (hidden)
  TensorView gate;            // (ffn, hidden)
  TensorView up;              // (ffn, hidden)
  TensorView down;            // (hidden, ffn)
};

struct Weights {
  ModelConfig config;
  TensorView embedding;     // (vocab, hidden)
  TensorView output_norm;   // (hidden)
  TensorView head;          // (vocab, hidden); the embedding itself where config.tied_head
  TensorView rope_factors;  // (rope_dims / 2) f32, optional: each divides a rotation frequency
  std::vector<LayerWeights> layers;

  // Bytes that one decoded token streams through: every matrix once, a tied embedding once as the head; norms and
  // biases count, keys and values do not.
  std::uint64_t bytes_per_token() const;
};

// Finds a tensor by its canonical (GGUF) name, or null.
using Lookup = std::function<const TensorView*(std::string_view name)>;

// Errc::not_found or Errc::bad_value naming the tensor, its shape and the shape that the config asks for.
Result<Weights> bind(const ModelConfig& config, const Lookup& lookup);

}  // namespace assay::model
