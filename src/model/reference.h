// The whole forward pass in double precision, written to be read: what every engine is held against. Slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "model/reference_pass.h"
#include "model/weights.h"

namespace assay::model {

// Called with the share of the work done, 0..1; returning false stops the run with Errc::cancelled.
using ReferenceProgress = std::function<bool(double share)>;

// Logits (positions.size(), vocab) of one sequence `tokens`, at the given rising positions. Weights are taken exactly
// as stored (quantized ones dequantized in float, which is exact for every type), everything else is double: no cache,
// no chunks, no approximation. Costs about 2 * parameters * tokens flops on one core and (5 * hidden + 2 * ffn + heads
// * head_dim * 3) * tokens doubles of memory. Errc::bad_value: no tokens, a token outside the vocabulary, or a position
// outside the text; Errc::unsupported: a step that is not known.
Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions,
                                             const ReferenceProgress& progress = {});

// (copies, positions.size(), vocab), at about `copies` times the cost.
Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions, const DisturbedReference& how,
                                             const ReferenceProgress& progress = {});

}  // namespace assay::model
