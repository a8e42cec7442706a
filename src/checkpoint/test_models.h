// Tests only: small models of every architecture as GGUF files and as HF or MLX folders, right unless edited.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/model_config.h"
#include "tensor/view.h"

namespace assay::testing_models {

// 2 layers, hidden 64, ffn 96, 4 heads of 16, 2 key-value heads, 32 tokens, context 128.
ModelConfig small_config(Architecture architecture);

struct TestTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

struct TestGguf {
  std::string architecture;                                              // general.architecture, prefix of the keys
  std::function<void(GgufWriter&)> keys = [](GgufWriter&) {};            // set or remove after the usual ones
  std::function<void(std::vector<TestTensor>&)> tensors = [](auto&) {};  // edit the list
};
// Writes it; the tensors' bytes count up. Returns `path`.
std::string write_gguf(const std::string& path, const TestGguf& model);

// config.json of the architecture as transformers 4 writes it.
Json hf_config(Architecture architecture);

// HF tensors of the architecture, f32.
std::vector<TestTensor> hf_tensors(Architecture architecture);

// The bytes of a safetensors file with these tensors one after the other; each tensor's bytes count up.
std::string safetensors_bytes(const std::vector<TestTensor>& tensors);

}  // namespace assay::testing_models
