// Small random models in memory, for tests of every folder above.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/weights.h"

namespace assay::model {

// Owns the bytes that its weights view.
struct TinyModel {
  ModelConfig config;
  std::map<std::string, std::vector<std::byte>, std::less<>> bytes;
  std::map<std::string, TensorView, std::less<>> tensors;

  const TensorView* find(std::string_view name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : &found->second;
  }
  Weights weights() const {
    auto bound = bind(config, [this](std::string_view name) { return find(name); });
    ASSAY_ASSERT(bound.has_value());
    return *bound;
  }
};

// Turns f32 rows into another type's bytes; (rows, columns) row-major in, the tensor's bytes out.
using Encode = std::vector<std::byte> (*)(const std::vector<float>& values, std::size_t columns);

// A config whose sizes are odd where they may be: 2 layers, hidden 256, ffn 512, 4 heads of 64, 2 KV heads, vocab 97.
ModelConfig tiny_config(Architecture architecture);

// Normal(0, 1/sqrt(columns)) matrices in `dtype` by `encode` (null: f32), gains near 1, small biases, all from `seed`.
TinyModel tiny_model(const ModelConfig& config, std::uint64_t seed, DType dtype = DType::f32, Encode encode = nullptr);

}  // namespace assay::model
