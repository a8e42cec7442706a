// Which tensors a model of given numbers has, and a check of what a file brings against that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensors.h"
#include "tensor/view.h"

namespace assay {

struct ExpectedTensor {
  Role role{};
  std::string name;     // canonical, see checkpoint.h
  std::string hf_name;  // in HF and MLX folders; empty: not there
  Shape shape;
  bool optional = false;  // may be absent

  // f32, f16 or bf16; otherwise a matrix of any type that computes.
  bool is_vector() const { return kind_of(role) != TensorKind::matrix; }
};

// All tensors of the model, required and optional, layer by layer, in the order of tensors.inc.
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

// One tensor as the file has it. `where` is how the file calls it, for errors.
struct MetTensor {
  std::string_view name;  // canonical
  std::string_view where;
  const TensorView* view;
};

// bad_value: shape or type (not_found: missing) of a tensor; unsupported: a type that is known but not computed, or a
// tensor that this architecture does not have in our maths. Names the tensor, what was met, what was expected.
Result<void> check_tensors(const ModelConfig& config, const std::vector<MetTensor>& met);

// "(2048, 512)".
std::string to_string(const Shape& shape);

}  // namespace assay
