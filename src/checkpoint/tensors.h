// The roles that a model's tensors have, and structs with one thing for each of them: all from tensors.inc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace assay {

enum class TensorKind : std::uint8_t {
  matrix,   // applied to activations, or a row of it taken: any type that computes
  gain,     // of a norm: f32, f16 or bf16, as the kinds below
  bias,     // added behind a matrix
  factors,  // numbers of their own meaning
};

enum class Role : std::uint8_t {
#define ASSAY_MODEL_TENSOR(role, kind, need, shape, gguf, hf) role,
#define ASSAY_LAYER_TENSOR(role, kind, need, shape, gguf, hf) role,
#include "checkpoint/tensors.inc"
};

constexpr TensorKind kind_of(Role role) {
  switch (role) {
#define ASSAY_MODEL_TENSOR(role, kind, need, shape, gguf, hf) \
  case Role::role:                                            \
    return TensorKind::kind;
#define ASSAY_LAYER_TENSOR ASSAY_MODEL_TENSOR
#include "checkpoint/tensors.inc"
  }
  return TensorKind::matrix;
}

// The canonical name; of a layer's tensor what follows "blk.N.".
constexpr std::string_view gguf_name(Role role) {
  switch (role) {
#define ASSAY_MODEL_TENSOR(role, kind, need, shape, gguf, hf) \
  case Role::role:                                            \
    return gguf;
#define ASSAY_LAYER_TENSOR ASSAY_MODEL_TENSOR
#include "checkpoint/tensors.inc"
  }
  return "";
}

// The name in HF and MLX folders of a tensor that stands beside the layers.
constexpr std::string_view hf_name(Role role) {
  switch (role) {
#define ASSAY_MODEL_TENSOR(role, kind, need, shape, gguf, hf) \
  case Role::role:                                            \
    return hf;
#include "checkpoint/tensors.inc"
    default:
      break;
  }
  return "";
}

// The canonical name of a layer's tensor: "blk.3.attn_q.weight".
inline std::string gguf_name(Role role, std::uint32_t layer) {
  return "blk." + std::to_string(layer) + "." + std::string(gguf_name(role));
}

// NOLINTBEGIN(bugprone-macro-parentheses): roles are names of fields
// A Matrix for each matrix of a layer and a Vector for each other tensor, named by their roles.
template <class Matrix, class Vector>
struct LayerOf {
  template <TensorKind kind>
  using Thing = std::conditional_t<kind == TensorKind::matrix, Matrix, Vector>;
#define ASSAY_LAYER_TENSOR(role, kind, need, shape, gguf, hf) Thing<TensorKind::kind> role{};
#include "checkpoint/tensors.inc"
};

// The same for a whole model.
template <class Matrix, class Vector>
struct ModelOf {
  template <TensorKind kind>
  using Thing = std::conditional_t<kind == TensorKind::matrix, Matrix, Vector>;
#define ASSAY_MODEL_TENSOR(role, kind, need, shape, gguf, hf) Thing<TensorKind::kind> role{};
#include "checkpoint/tensors.inc"
  std::vector<LayerOf<Matrix, Vector>> layers;
};

// NOLINTEND(bugprone-macro-parentheses)

// Calls f(Role, thing) for every tensor that stands beside the layers, in the order of the list.
template <class Model, class F>
void each_beside_layers(Model& model, F&& f) {
#define ASSAY_MODEL_TENSOR(role, kind, need, shape, gguf, hf) f(Role::role, model.role);
#include "checkpoint/tensors.inc"
}

// Calls f(Role, thing) for every tensor of a layer, in the order of the list.
template <class Layer, class F>
void each_of_layer(Layer& layer, F&& f) {
#define ASSAY_LAYER_TENSOR(role, kind, need, shape, gguf, hf) f(Role::role, layer.role);
#include "checkpoint/tensors.inc"
}

// Calls f(Role, thing of a, thing of b) for every tensor of two layers.
template <class A, class B, class F>
void each_of_layers(A& a, B& b, F&& f) {
#define ASSAY_LAYER_TENSOR(role, kind, need, shape, gguf, hf) f(Role::role, a.role, b.role);
#include "checkpoint/tensors.inc"
}

}  // namespace assay
