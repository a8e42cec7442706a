// The steps of a forward pass on the CPU: kernels over rows or heads, split over a pool of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/stop.h"
#include "device/cpu/thread_pool.h"
#include "direct/cpu_model.h"
#include "direct/kv_memory.h"
#include "engine/backend.h"
#include "engine/slot_runs.h"
#include "kernel/attention/attention.h"
#include "kernel/isa.h"
#include "kernel/matmul/matmul.h"
#include "model/steps.h"

namespace assay::direct {

class CpuStages;

// An operation of op Op::added or beyond on the batch that `stages` holds.
using CpuOp = std::function<Result<void>(CpuStages& stages, std::uint32_t layer)>;

// Invariants:
// 1. Between steps x_ holds the residual stream, (tokens, hidden) f32.
// 2. An output element is computed by one thread in one fixed order, whatever the batch and the number of threads.
// 3. reserve() takes the memory of `batch_max` slots; a forward pass takes none of size but for a long context whose
//    attention is split over threads, and says so where there is none.
class CpuStages final {
 public:
  // Borrows all but `added` for its lifetime; stop may be null. Once it is asked, what is left of a pass is skipped, and
  // its steps give Errc::cancelled: the results are then worth nothing.
  CpuStages(const CpuModel& model, KvMemory& cache, device::ThreadPool& pool, kernel::Isa isa, const Stop* stop,
            std::map<model::Op, CpuOp> added)
      : model_(model), cache_(cache), pool_(pool), isa_(isa), stop_(stop), added_(std::move(added)) {}

  // Takes the memory of batches up to batch_max; before the first of them. Errc::full names what for, and the bytes.
  Result<void> reserve(std::uint32_t batch_max);

  // The batch of the next forward pass: slots.size() <= batch_max, positions already allocated in the cache. Borrows
  // both until forward() returns, and copies the rows of embeddings that slots ask for.
  void set_batch(std::span<const Slot> slots, std::span<const SlotRun> runs, std::span<const float> embeddings);
  // Where the rows of this batch go, of the size that its slots want.
  void set_rows(const Rows& rows) { rows_ = rows; }

  // Runs one step over the batch. Errc::unsupported: an operation that is neither known nor among `added`, by its number.
  Result<void> run(const model::Step& step);

  // For added operations: the residual stream of token t of the batch, (hidden); tokens are split over threads by
  // over_tokens.
  std::size_t tokens() const { return slots_.size(); }
  std::span<float> residual(std::size_t token);
  // Runs work(begin, end) over the batch's tokens, on all threads where there are enough of them.
  void over_tokens(const std::function<void(std::size_t begin, std::size_t end)>& work);

  // Errc::cancelled once a stop is asked.
  Result<void> go_on() const;

  std::uint64_t scratch_bytes() const;

 private:
  void embed();
  void project(std::uint32_t layer);
  Result<void> attend(std::uint32_t layer);
  void merge(std::uint32_t layer);
  void gate(std::uint32_t layer);
  void down(std::uint32_t layer);
  void head();

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
  // Puts x (tokens, columns) into activations_ in every form that `matrices` want.
  void set_activations(std::span<const kernel::PackedMatrix* const> matrices, const float* x, std::size_t columns,
                       const std::function<void(std::size_t begin, std::size_t end)>& before);
  // Computes all products; after each range of rows of product i, calls done(i, rows) on the same thread.
  void multiply(std::span<const Product> products,
                const std::function<void(std::size_t product, kernel::RowRange rows)>& done);
  // normed_ and activations_ = the norm of x_, in the forms that `matrices` want.
  void set_normed(std::span<const kernel::PackedMatrix* const> matrices, const std::vector<float>& gain);
  // x_ += w * activations_, or the post norm of it where there is one.
  void add_product(const kernel::PackedMatrix& w, const std::vector<float>& post_norm);
  struct AttentionPiece {
    kernel::AttentionTask task;
    std::size_t out_at;  // index into attended_
  };
  AttentionPiece attention_piece(std::uint32_t layer, std::size_t index, std::size_t tiles) const;
  Result<void> attention_split(std::uint32_t layer, std::size_t tasks, std::size_t tiles);
  void finish_heads(std::uint32_t layer, std::size_t token);

  const CpuModel& model_;
  KvMemory& cache_;
  device::ThreadPool& pool_;
  const kernel::Isa isa_;
  const Stop* const stop_;
  const std::map<model::Op, CpuOp> added_;

  std::span<const Slot> slots_;
  std::span<const SlotRun> runs_;
  Rows rows_;

  std::vector<float> x_;          // (tokens, hidden)
  std::vector<float> normed_;     // (tokens, hidden)
  std::vector<float> y_;          // (tokens, hidden): what output or down gives before it is added
  std::vector<float> q_;          // (tokens, heads * head_dim); attention's output replaces it in attended_
  std::vector<float> k_, v_;      // (tokens, kv_heads * head_dim)
  std::vector<float> attended_;   // (tokens, heads * head_dim)
  std::vector<float> gate_, up_;  // (tokens, width of the feed-forward block)
  struct Angles {
    std::vector<float> cos, sin;  // (tokens, dims / 2)
  };
  std::vector<Angles> angles_;               // of each rope
  std::vector<std::vector<float>> scratch_;  // one per thread, for attention
  std::vector<float> partials_;              // of attention whose positions are split over threads
  kernel::Activations activations_;
};

}  // namespace assay::direct
