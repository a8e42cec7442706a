// The forward pass of a dense decoder as a graph of libmlx operations.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/mlx/compute.h"
#include "adapter/mlx/kv_sequence.h"
#include "adapter/mlx/matrix.h"
#include "engine/slot_runs.h"
#include "model/rope.h"
#include "model/steps.h"
#include "model/weights.h"

namespace assay::adapter::mlx {

// What the layer has, but for matrices that stand in a stack.
struct GraphLayer : LayerOf<std::optional<Matrix>, std::optional<mx::array>> {
  Stack qkv;
  Stack gate_up;
};

struct GraphModel {
  ModelConfig config;
  Matrix embedding;  // also the head where config.tied_head
  std::optional<Matrix> head;
  mx::array output_norm;  // (hidden)
  std::vector<GraphLayer> layers;
  std::vector<model::RopeFrequencies> ropes;  // as the config has them
  std::vector<model::Step> steps;
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
  struct Turn;  // rotations and masks of one batch
  struct Pass;  // what the steps of one pass share
  Turn turn_of(const GraphBatch& batch) const;
  void run(Pass& pass, const model::Step& step) const;
  void project(Pass& pass, std::uint32_t layer) const;
  void attend(Pass& pass, std::uint32_t layer) const;
  void merge(Pass& pass, std::uint32_t layer) const;
  void gate(Pass& pass, std::uint32_t layer) const;
  void down(Pass& pass, std::uint32_t layer) const;
  void head(Pass& pass) const;
  void add_to_x(Pass& pass, const mx::array& y, const std::optional<mx::array>& post_norm) const;
  mx::array rotate(const mx::array& heads, std::uint32_t rope, const Turn& turn) const;
  mx::array attend_run(const Pass& pass, std::uint32_t run_index, std::uint32_t layer, const mx::array& q) const;
  mx::array attend_plain(const Attention& a, const mx::array& q, const mx::array& keys, const mx::array& values,
                         const std::optional<mx::array>& mask) const;
  mx::array norm(const mx::array& x, const mx::array& gain) const;
  double score_scale(const Attention& a) const;
  // Whether a fused rotation leaves the magnitude to the scores: it turns whole heads.
  bool in_scores(const Attention& a) const;

  const GraphModel& model_;
  const Compute& compute_;
  struct FusedRope {
    mx::array periods;                   // 1 / frequency, what mx::fast::rope wants
    std::optional<mx::array> magnitude;  // YaRN on part of a head: (head_dim)
  };
  std::vector<FusedRope> fused_ropes_;  // where fused: of each rope
  using Gating = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;
  std::map<Activation, Gating> gatings_;  // of those that the layers use
};

}  // namespace assay::adapter::mlx
