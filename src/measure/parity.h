// Are two sets of logits the same model? Top-1 agreement, largest difference and mean KL, with a bound from sizes and
// types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "tensor/dtype.h"

namespace assay::measure {

struct Parity {
  std::size_t positions = 0;
  std::size_t top1_equal = 0;  // positions where both choose the same token (lowest id on a tie)
  double max_abs = 0;          // largest |difference| of any logit
  double rms = 0;              // root mean square difference over all logits
  double kl_mean = 0;          // mean over positions of KL(reference || other), nats
  double kl_max = 0;
  double bound = 0;             // what max_abs is held against; 0: none given
  std::size_t unexplained = 0;  // top-1 differs although the reference's gap between its first and second
                                // exceeds twice the bound: two errors of `bound` cannot swap them
  double top1_share() const {
    return positions == 0 ? 0 : static_cast<double>(top1_equal) / static_cast<double>(positions);
  }
  bool holds() const { return max_abs <= bound && unexplained == 0; }
};

// reference and other: (positions, vocab), row-major. Errc::bad_value: sizes differ or are no multiple of vocab;
// Errc::engine_lost: `other` has a NaN or infinity (with position and token).
Result<Parity> compare(std::span<const double> reference, std::span<const float> other, std::size_t vocab,
                       double bound);

// How an engine rounds between exact weights and logits.
struct Rounding {
  enum class Activations : std::uint8_t { f32, f16, bf16, int8_blocks_of_32 } activations = Activations::f32;
  DType kv = DType::f16;  // f32, f16, bf16 or q8_0
};

// A bound on the difference of one logit, from sizes and types. First-order error propagation with independent rounding
// errors (Higham and Mary 2019, "A new approach to probabilistic rounding error analysis"):
//   - each rounding adds a relative error: u for a float type with unit roundoff u (f32 sums: u * sqrt(columns));
//     a block of 32 values rounded to 127 steps of its maximum errs by step / sqrt(12), and the maximum of 32 normal
//     values is near 2.1 of their standard deviations: 2.1 / 127 / sqrt(12) = 0.0048;
//   - a layer rounds four inputs of its matrices (QKV, output, gate and up, down) and K and V; gate times up meets its
//     error twice; the softmax turns an absolute error of a score into a relative one of its weight, and scores of
//     normed heads stay within a few units: counted as `score_gain`;
//   - the residual stream adds the layers' errors: variances add over layers;
//   - a logit is a dot product of the normed state with a row of the head: error = relative error * |state| * |row| /
//     sqrt(hidden) standard deviations; `sigmas` covers the largest of positions * vocab values.
// state_norm: the largest norm of the state after the output norm; row_norm: the largest norm of a row of the head.
struct LogitScale {
  double state_norm = 0;
  double row_norm = 0;
  std::size_t values = 0;  // positions * vocab
};
double logit_error_bound(const ModelConfig& config, const Rounding& rounding, const LogitScale& scale);

}  // namespace assay::measure
