// Are two sets of logits the same model? Top-1 agreement, largest difference and mean KL, with a bound
// from what rounding does to this very model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"

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

// The largest difference of a logit that rounding explains, from what rounding did to the reference when it was tried
// (reference and disturbed: (positions, vocab) each).
//   - sigma: the root mean square of the tried errors at one position, at the worst position. The errors of a position's
//     logits are sums over thousands of small ones, so normal;
//   - a logit's error grows with the norm of its row of the head: times spread = largest / root mean square of norms;
//   - the largest of n normal values is below sqrt(2 ln n) standard deviations; one more for the tail and for sigma,
//     which is itself an estimate.
double error_bound(std::span<const double> reference, std::span<const double> disturbed, std::size_t vocab,
                   double spread);

}  // namespace assay::measure
