// The forward pass of a dense decoder as a graph of libmlx operations.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/mlx/compute.h"
#include "adapter/mlx/kv_sequence.h"
#include "adapter/mlx/matrix.h"
#include "engine/slot_runs.h"
#include "model/rope.h"
#include "model/weights.h"

namespace assay::adapter::mlx {

// What the layer has, but for matrices that stand in a stack.
struct GraphLayer : LayerOf<std::optional<Matrix>, std::optional<mx::array>> {
  Stack qkv;
  Stack gate_up;
  bool slides = false;
};

struct GraphModel {
  ModelConfig config;
  Matrix embedding;  // also the head where config.tied_head
  std::optional<Matrix> head;
  mx::array output_norm;  // (hidden)
  std::vector<GraphLayer> layers;
  model::RopeFrequencies rope;
  std::uint64_t bytes = 0;  // of all arrays
  std::vector<std::string> notes;
};

// Throws what libmlx throws, and Loader::Cancelled.
GraphModel load_model(const model::Weights& weights, const Compute& compute, device::ThreadPool& pool,
                      const Loader::Progress& progress);

struct GraphBatch {
  std::vector<std::int32_t> tokens;
  std::vector<SlotRun> runs;
  std::vector<std::int32_t> wanted;  // slots whose logits are asked for, rising
};

class Graph {
 public:
  // Borrows both.
  Graph(const GraphModel& model, const Compute& compute);

  // tokens (slots) int32: those of the batch, or an array that will hold them before anything is evaluated. Lazy.
  // sequences[i]: that of runs[i], changed in place. Returns (wanted, vocab) f32; without wanted ones the last state,
  // (slots, hidden), so that there is something to wait for.
  mx::array build(const GraphBatch& batch, const mx::array& tokens, std::span<KvSequence* const> sequences) const;

 private:
  struct Turn;  // rotation and masks of one batch
  Turn turn_of(const GraphBatch& batch) const;
  mx::array rotate(const mx::array& heads, const Turn& turn) const;
  mx::array attention(const GraphBatch& batch, const Turn& turn, std::uint32_t layer, const mx::array& x,
                      std::span<KvSequence* const> sequences) const;
  mx::array attend(const GraphBatch& batch, const Turn& turn, std::uint32_t run_index, std::uint32_t layer,
                   const mx::array& q, const KvSequence& sequence) const;
  mx::array attend_plain(const mx::array& q, const mx::array& keys, const mx::array& values,
                         const std::optional<mx::array>& mask) const;
  mx::array ffn(const GraphLayer& layer, const mx::array& x) const;
  mx::array norm(const mx::array& x, const mx::array& gain) const;

  const GraphModel& model_;
  const Compute& compute_;
  std::optional<mx::array> rope_periods_;    // fused: 1 / frequency, what mx::fast::rope wants
  std::optional<mx::array> rope_magnitude_;  // fused, YaRN on part of a head: (head_dim)
  double score_scale_ = 0;
  std::function<std::vector<mx::array>(const std::vector<mx::array>&)> swiglu_;
};

}  // namespace assay::adapter::mlx
