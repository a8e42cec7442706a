#include "model/weights.h"

#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/tensor_list.h"

namespace assay::model {
namespace {

Result<TensorView> take(const ExpectedTensor& expected, const Lookup& lookup) {
  const TensorView* view = lookup(expected.name);
  if (view == nullptr) {
    if (expected.optional) return TensorView{};
    return fail(Errc::not_found, "tensor " + expected.name + ": expected " + to_string(expected.shape));
  }
  if (view->shape != expected.shape) {
    return fail(Errc::bad_value, "tensor " + expected.name + ": shape " + to_string(view->shape) + ", expected " +
                                     to_string(expected.shape));
  }
  if (!facts(view->dtype).computes) {
    return fail(Errc::unsupported,
                "tensor " + expected.name + ": type " + std::string(name(view->dtype)) + " is known but not computed");
  }
  return *view;
}

}  // namespace

Result<Weights> bind(const ModelConfig& config, const Lookup& lookup) {
  Weights weights;
  weights.config = config;
  weights.steps = steps_of(config);
  weights.layers.resize(config.layers.size());
  // Tensors that are expected come in the order of the list; those that are not stay empty.
  const std::vector<ExpectedTensor> expected = expected_tensors(config);
  auto next = expected.begin();
  std::optional<Error> error;
  const auto fill = [&](Role role, TensorView& tensor) {
    if (error || next == expected.end() || next->role != role) return;
    auto taken = take(*next++, lookup);
    if (taken) {
      tensor = std::move(*taken);
    } else {
      error = std::move(taken.error());
    }
  };
  each_beside_layers(weights, fill);
  for (LayerWeights& layer : weights.layers) each_of_layer(layer, fill);
  if (error) return std::unexpected(std::move(*error));
  ASSAY_ASSERT(next == expected.end());
  if (config.tied_head) weights.head = weights.embedding;
  return weights;
}

std::uint64_t Weights::bytes_per_token() const {
  std::uint64_t sum = output_norm.bytes() + head.bytes();
  for (const LayerWeights& layer : layers) {
    each_of_layer(layer, [&](Role, const TensorView& tensor) { sum += tensor.bytes(); });
  }
  return sum;
}

}  // namespace assay::model
