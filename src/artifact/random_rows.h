// Random weights of any type at the speed of memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/cpu/thread_pool.h"
#include "tensor/dtype.h"

namespace assay::artifact {

// Quantizing billions of values takes minutes and gives blocks that look alike. So a pool of pieces (256 columns, or the
// largest power of two that divides the columns) of normal(0, 1 / sqrt(columns)) values is quantized once, by the same
// quantizers as any other model, and every row is drawn from it piece by piece.
class RandomRows final {
 public:
  // columns: of the tensors to fill, a multiple of the type's block (asserted). pieces_wanted: how many a tensor holds;
  // the pool is no larger than that, and no larger than pieces_max. The pool depends on type, columns and seed, not on
  // the number of threads.
  RandomRows(DType type, std::uint64_t columns, std::uint64_t pieces_wanted, std::uint64_t seed,
             device::ThreadPool& pool);

  // Whole rows; `seed` says which.
  void fill(std::uint64_t seed, std::span<std::byte> rows) const;

  static constexpr std::uint64_t pieces_max = 1024;

 private:
  std::size_t piece_bytes_;
  std::uint64_t pieces_;
  std::vector<std::byte> pool_;
};

}  // namespace assay::artifact
