// The five stages of a decoder layer on the CPU: kernels over rows or heads, split over a pool of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/stop.h"
#include "cache/kv_cache.h"
#include "device/cpu/thread_pool.h"
#include "direct/cpu_model.h"
#include "engine/backend.h"
#include "engine/slot_runs.h"
#include "kernel/attention/attention.h"
#include "kernel/isa.h"
#include "kernel/matmul/matmul.h"
#include "model/stages.h"

namespace assay::direct {

// Invariants:
// 1. Between stages x_ holds the residual stream, (tokens, hidden) f32.
// 2. An output element is computed by one thread in one fixed order, whatever the batch and the number of threads.
// 3. reserve() takes the memory of `batch_max` slots; a forward pass takes none of size but for a long context whose
//    attention is split over threads, and says so where there is none.
class CpuStages final : public model::Stages {
 public:
  // Borrows all for its lifetime; stop may be null. Once it is asked, what is left of a pass is skipped, and its stages
  // give Errc::cancelled: the results are then worth nothing.
  CpuStages(const CpuModel& model, KvCache& cache, device::ThreadPool& pool, kernel::Isa isa, const Stop* stop)
      : model_(model), cache_(cache), pool_(pool), isa_(isa), stop_(stop) {}

  // Takes the memory of batches up to batch_max; before the first of them. Errc::full names what for, and the bytes.
  Result<void> reserve(std::uint32_t batch_max);

  // The batch of the next forward pass: slots.size() <= batch_max, positions already allocated in the cache. Borrows
  // both until forward() returns; logits gets one row per slot that wants them. Errc::full: no memory for these rows.
  Result<void> set_batch(std::span<const Slot> slots, std::span<const SlotRun> runs, Logits& logits);

  Result<void> embed() override;
  Result<void> attention_inputs(std::uint32_t layer) override;
  Result<void> attention(std::uint32_t layer) override;
  Result<void> attention_output(std::uint32_t layer) override;
  Result<void> ffn_hidden(std::uint32_t layer) override;
  Result<void> ffn_output(std::uint32_t layer) override;
  Result<void> head() override;

  // Errc::cancelled once a stop is asked.
  Result<void> go_on() const;

  std::uint64_t scratch_bytes() const;

 private:
  struct Product {
    const kernel::PackedMatrix* w;
    float* y;
    std::size_t stride;
  };
  // The pool's, but for tasks that begin after a stop: those are skipped.
  template <class Work>  // work(task, thread)
  void run_tasks(std::size_t count, Work&& work) {
    pool_.run(count, [&](std::size_t task, std::size_t thread) {
      if (!asked(stop_)) work(task, thread);
    });
  }
  // Runs work(begin, end) over the batch's tokens, on all threads where there are enough of them.
  void over_tokens(const std::function<void(std::size_t begin, std::size_t end)>& work);
  // Puts x (tokens, columns) into activations_ in every form that `matrices` want.
  void set_activations(std::span<const kernel::PackedMatrix* const> matrices, const float* x, std::size_t columns,
                       const std::function<void(std::size_t begin, std::size_t end)>& before);
  // Computes all products; after each range of rows of product i, calls done(i, rows) on the same thread.
  void multiply(std::span<const Product> products,
                const std::function<void(std::size_t product, kernel::RowRange rows)>& done);
  struct AttentionPiece {
    kernel::AttentionTask task;
    std::size_t out_at;  // index into attended_
  };
  AttentionPiece attention_piece(std::uint32_t layer, std::size_t index, std::size_t tiles) const;
  Result<void> attention_split(std::uint32_t layer, std::size_t tasks, std::size_t tiles);
  void finish_heads(const CpuLayer& weights, std::uint32_t layer, std::size_t token);

  const CpuModel& model_;
  KvCache& cache_;
  device::ThreadPool& pool_;
  const kernel::Isa isa_;
  const Stop* const stop_;

  std::span<const Slot> slots_;
  std::span<const SlotRun> runs_;
  Logits* logits_ = nullptr;

  std::vector<float> x_;                     // (tokens, hidden)
  std::vector<float> normed_;                // (tokens, hidden)
  std::vector<float> y_;                     // (tokens, hidden): what O or down gives before it is added
  std::vector<float> q_;                     // (tokens, heads * head_dim); attention's output replaces it in attended_
  std::vector<float> k_, v_;                 // (tokens, kv_heads * head_dim)
  std::vector<float> attended_;              // (tokens, heads * head_dim)
  std::vector<float> gate_, up_;             // (tokens, ffn)
  std::vector<float> cos_, sin_;             // (tokens, rope_dims / 2)
  std::vector<std::vector<float>> scratch_;  // one per thread, for attention
  std::vector<float> partials_;              // of attention whose positions are split over threads
  kernel::Activations activations_;
};

}  // namespace assay::direct
