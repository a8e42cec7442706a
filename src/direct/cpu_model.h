// A model's weights as the CPU kernels want them: matrices packed, vectors as floats.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <type_traits>
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

// Vectors are empty where the model has none; a matrix then has no rows.
using CpuLayer = LayerOf<kernel::PackedMatrix, std::vector<float>>;

// Owns all that it needs: the file may change, shrink or go once it is made.
struct CpuModel {
  Arena arena;  // of the packed matrices, and of the embedding's copy
  ModelConfig config;
  TensorView embedding;            // (vocab, hidden), a copy in the arena as the file has it; empty: the head's rows
  std::vector<float> output_norm;  // (hidden)
  kernel::PackedMatrix head;       // (vocab, hidden)
  std::vector<CpuLayer> layers;
  std::vector<model::RopeFrequencies> ropes;  // as the config has them
  std::vector<model::Step> steps;
  std::uint64_t bytes = 0;  // of the packed weights and the embedding's copy

  // The embedding of one token into `out` (hidden): the same bits whether they come from the head or the copy.
  void embed(Token token, std::span<float> out) const;
};

// Calls f(matrix) for the head and for every matrix of the layers.
template <class F>
void each_product(const CpuModel& model, F&& f) {
  f(model.head);
  const auto see = [&](Role, const auto& thing) {
    if constexpr (std::is_same_v<decltype(thing), const kernel::PackedMatrix&>) {
      if (thing.rows() != 0) f(thing);
    }
  };
  for (const CpuLayer& layer : model.layers) each_of_layer(layer, see);
}

// Called with bytes of the file packed so far; returning false stops with Errc::cancelled.
using PackProgress = std::function<bool(std::uint64_t bytes)>;

// Reads every matrix once, on all threads of the pool. stop: ends it within a matrix too; may be null. Errc::full when memory is short, naming the tensor.
Result<CpuModel> pack_model(const model::Weights& weights, kernel::Isa isa, device::ThreadPool& pool,
                            const PackProgress& progress, const Stop* stop);

}  // namespace assay::direct
