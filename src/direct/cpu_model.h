// A model's weights as the CPU kernels want them: matrices packed, vectors as floats.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/stop.h"
#include "device/cpu/thread_pool.h"
#include "engine/backend.h"
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

// Owns all that it needs: the file may change, shrink or go once it is made.
struct CpuModel {
  Arena arena;  // of the packed matrices, and of the embedding's copy
  ModelConfig config;
  TensorView embedding;            // (vocab, hidden), a copy in the arena as the file has it; empty: the head's rows
  std::vector<float> output_norm;  // (hidden)
  kernel::PackedMatrix head;       // (vocab, hidden)
  std::vector<CpuLayer> layers;
  model::RopeFrequencies rope;
  std::uint64_t bytes = 0;  // of the packed weights and the embedding's copy

  // The embedding of one token into `out` (hidden): the same bits whether they come from the head or the copy.
  void embed(Token token, std::span<float> out) const;
};

// Called with bytes of the file packed so far; returning false stops with Errc::cancelled.
using PackProgress = std::function<bool(std::uint64_t bytes)>;

// Reads every matrix once, on all threads of the pool. stop: ends it within a matrix too; may be null. Errc::full when memory is short, naming the tensor.
Result<CpuModel> pack_model(const model::Weights& weights, kernel::Isa isa, device::ThreadPool& pool,
                            const PackProgress& progress, const Stop* stop);

}  // namespace assay::direct
