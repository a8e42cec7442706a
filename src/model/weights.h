// A model's tensors bound to their roles. Views only: the checkpoint that gave them must stay open.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensors.h"
#include "model/steps.h"
#include "tensor/view.h"

namespace assay::model {

// Absent optional tensors have empty data.
inline bool present(const TensorView& tensor) { return !tensor.data.empty(); }

using LayerWeights = LayerOf<TensorView, TensorView>;

// `head` is the embedding itself where config.tied_head.
struct Weights : ModelOf<TensorView, TensorView> {
  ModelConfig config;
  std::vector<Step> steps;  // steps_of(config)

  // Bytes that one decoded token streams through: every matrix once, a tied embedding once as the head; norms and
  // biases count, keys and values do not.
  std::uint64_t bytes_per_token() const;
};

// Calls f(matrix) for the head and for every matrix of the layers: what activations are multiplied with.
template <class F>
void each_product(const Weights& weights, F&& f) {
  f(weights.head);
  for (const LayerWeights& layer : weights.layers) {
    each_of_layer(layer, [&](Role role, const TensorView& tensor) {
      if (kind_of(role) == TensorKind::matrix && present(tensor)) f(tensor);
    });
  }
}

// Finds a tensor by its canonical (GGUF) name, or null.
using Lookup = std::function<const TensorView*(std::string_view name)>;

// Errc::not_found or Errc::bad_value naming the tensor, its shape and the shape that the config asks for.
Result<Weights> bind(const ModelConfig& config, const Lookup& lookup);

}  // namespace assay::model
