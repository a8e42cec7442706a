// The whole forward pass in double precision, written to be read: what every engine is held against. Slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "device/cpu/thread_pool.h"
#include "model/weights.h"

namespace assay::model {

// Called with the share of the work done, 0..1; returning false stops the run with Errc::cancelled.
using ReferenceProgress = std::function<bool(double share)>;

// Logits (positions.size(), vocab) of one sequence `tokens`, at the given rising positions. Weights are taken exactly
// as stored (quantized ones dequantized in float, which is exact for every type), everything else is double: no cache,
// no chunks, no approximation. Costs about 2 * parameters * tokens flops on one core and (5 * hidden + 2 * ffn + heads
// * head_dim * 3) * tokens doubles of memory. Errc::bad_value: no tokens, a token outside the vocabulary, or a position
// outside the text.
Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions,
                                             const ReferenceProgress& progress = {});

// Where an engine may round what the reference keeps.
enum class Site : std::uint8_t {
  matrix_input,   // what a matrix is multiplied with
  matrix_output,  // its product, before anything is done with it
  residual,       // the state between the parts of a layer
  keys,           // after RoPE, as a cache holds them
  values,
};

// Values (features, tokens), feature by feature: token t of feature f at f * stride + t.
struct SiteValues {
  Site site{};
  std::size_t features = 0;
  std::size_t tokens = 0;
  std::size_t stride = 0;
  double* values = nullptr;
};

// The same text computed several times side by side, each time disturbed in its own way: what rounding does to logits,
// by trying it. disturb(copy, values) is called on the thread of the caller, for each copy at each site, in a fixed
// order.
struct DisturbedReference {
  std::uint32_t copies = 1;
  std::function<void(std::uint32_t copy, const SiteValues& values)> disturb;  // empty: none
  device::ThreadPool* pool = nullptr;                                         // null: one thread
  const Stop* stop = nullptr;  // looked at within layers too: Errc::cancelled
};

// (copies, positions.size(), vocab), at about `copies` times the cost.
Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions, const DisturbedReference& how,
                                             const ReferenceProgress& progress = {});

}  // namespace assay::model
