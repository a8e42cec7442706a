// A model's weights as the CPU kernels want them: matrices packed, vectors as floats.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "device/cpu/thread_pool.h"
#include "kernel/isa.h"
#include "kernel/matmul/matmul.h"
#include "model/rope.h"
#include "model/weights.h"

namespace assay::direct {

struct CpuLayer {
  std::vector<float> attention_norm;          // (hidden)
  std::vector<float> ffn_norm;                // (hidden)
  std::vector<float> q_bias, k_bias, v_bias;  // (rows of the matrix) or empty
  std::vector<float> q_norm, k_norm;          // (head_dim) or empty
  kernel::PackedMatrix q, k, v, output, gate, up, down;
};

// Owns everything but the embedding rows, which are read where they lie in the file.
struct CpuModel {
  Arena arena;  // of the packed matrices
  ModelConfig config;
  TensorView embedding;            // (vocab, hidden), borrowed from the checkpoint
  std::vector<float> output_norm;  // (hidden)
  kernel::PackedMatrix head;       // (vocab, hidden)
  std::vector<CpuLayer> layers;
  model::RopeFrequencies rope;
  std::uint64_t bytes = 0;  // of the packed weights
};

// Called with bytes of the file packed so far; returning false stops with Errc::cancelled.
using PackProgress = std::function<bool(std::uint64_t bytes)>;

// Reads every matrix once, on all threads of the pool. Errc::full when memory is short, naming the tensor.
Result<CpuModel> pack_model(const model::Weights& weights, kernel::Isa isa, device::ThreadPool& pool,
                            const PackProgress& progress);

}  // namespace assay::direct
