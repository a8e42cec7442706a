// Keys and values of one sequence as libmlx arrays: copied when written while shared, written in place otherwise.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "adapter/mlx/compute.h"
#include "checkpoint/model_config.h"
#include "engine/backend.h"

namespace assay::adapter::mlx {

// (1, kv_heads, capacity, head_dim) per layer; keys are (1, kv_heads, head_dim, capacity) where attention is not fused:
// what the BLAS of a CPU build multiplies fastest. Copies are cheap: they share the arrays.
struct KvSequence {
  Position capacity = 0;
  std::vector<mx::array> keys, values;  // (layers), empty where capacity == 0
};

// Capacity grows in steps of so many positions.
inline constexpr Position kv_step = 256;

// Makes room for `length` positions; lazy, nothing is computed.
void reserve(const Compute& compute, const ModelConfig& config, KvSequence& sequence, Position length);

// Writes count positions from `at` into a layer. k, v: (1, kv_heads, count, head_dim), in any float type.
void append(const Compute& compute, KvSequence& sequence, std::uint32_t layer, Position at, const mx::array& k,
            const mx::array& v);

// Positions [first, end) of a layer, laid out as above.
mx::array keys_of(const Compute& compute, const KvSequence& sequence, std::uint32_t layer, Position first,
                  Position end);
mx::array values_of(const KvSequence& sequence, std::uint32_t layer, Position first, Position end);

}  // namespace assay::adapter::mlx
