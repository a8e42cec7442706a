// What llama.cpp makes of a file and of a failure, as far as it can be said without llama.cpp.
// Source: ggml-org/llama.cpp at ggml 0.25.3: src/llama-model.cpp, src/models/*.cpp, ggml/src/ggml-cpu/ggml-cpu.c,
// ggml/src/ggml-cuda/{mmvq,mmq}.cu, ggml/src/ggml-metal, include/llama.h (llama_decode).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay::adapter {

// A scalar of the GGUF's metadata as text; nullopt: no such key.
using GgufScalar = std::function<std::optional<std::string>(const std::string& key)>;

// Notes on keys that change the model's maths and that llama.cpp does not read for the file's architecture, where it
// then differs from the file: "llama.cpp ignores llama.attention.sliding_window = 16". context: positions that
// a sequence may reach (a window that is no shorter changes nothing); window_applied: llama_model_n_swa().
std::vector<std::string> ignored_keys(const GgufScalar& scalar, std::uint32_t context, std::uint32_t window_applied);

// The type of one matrix that activations are multiplied with.
struct MatrixType {
  std::string name;         // ggml's: "q4_K", "f16"
  std::uint32_t block = 1;  // values that share a scale
  bool quantized = false;
};

// BackendFacts::activations: the coarsest rounding that an input of these matrices gets. On the CPU a quantized matrix
// meets blocks of 32 (q8_0; q8_1 is the same with a sum) or, where its own blocks have 256 values, blocks of 256 (q8_k);
// f16 and bf16 matrices meet their own type. CUDA makes blocks of 32 for all; Metal computes in f16.
std::string activations_of(std::span<const MatrixType> matrices, std::string_view device);

// Why the load failed, from llama.cpp's last words.
Error load_error(std::string_view model, std::string_view words);

// llama_decode's status other than 0.
Error decode_error(int status, std::size_t slots, std::string_view words);

}  // namespace assay::adapter
