// Small random models of every kind that an engine says it loads: what it is held against before it is installed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "device/cpu/thread_pool.h"
#include "tensor/dtype.h"

namespace assay::cli {

struct ProofModel {
  std::string words;  // "q4_0", "qwen3", "MLX 4 bit, groups of 64"
  bool folder = false;
  ModelConfig config;
  DType type{};                 // of the matrices
  std::uint32_t group = 0;      // folder with affine types: columns that share a scale
  bool flash_attention = true;  // as the engine is told
};

// For "gguf": every type that computes, in a model of one layer, and every architecture in two, each with flash
// attention on and, where the engine has that choice, off. For "mlx": each form of weights that a folder can have, and every architecture. Other words have
// none. The first of a list is a quantized one, so that what is broken for all is seen at once.
std::vector<ProofModel> proof_models(const std::vector<std::string>& loads, bool with_and_without_flash);

// Writes it below `folder` and returns the path that an engine is given. Errc::full, Errc::io.
Result<std::string> write_proof_model(const ProofModel& model, const std::filesystem::path& folder,
                                      device::ThreadPool& pool);

}  // namespace assay::cli
