// Are two sets of logits the same model? Top-1 agreement, largest and mean difference and KL, with bounds from what rounding
// does to this very model.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include "base/error.h"
#include "record/parity.h"

namespace assay::measure {

// What rounding explains, from trying it on the reference: see tried_bound().
struct Bound {
  double max_abs = 0;                                     // the largest difference of a logit; 0: none given
  double rms = std::numeric_limits<double>::quiet_NaN();  // root mean square of the tried differences; NaN: not tried
  double spread =
      std::numeric_limits<double>::quiet_NaN();  // how far the tries lie apart, as a share of their mean rms
};

// reference and other: (positions, vocab), row-major. Errc::bad_value: sizes differ or are no multiple of vocab;
// Errc::engine_lost: `other` has a NaN or infinity (with position and token).
Result<Parity> compare(std::span<const double> reference, std::span<const float> other, std::size_t vocab,
                       const Bound& bound);

// Two runs of one engine, (positions, vocab) each; tokens: of the text. Errors as compare().
Result<SelfAgreement> compare_self(std::span<const float> batch, std::span<const float> one_by_one, std::size_t vocab,
                                   std::size_t tokens, const Bound& bound, bool bits);

// What rounding explains, from what it did to the reference when it was tried (reference: (positions, vocab), tries: as
// many such sets, one behind the other, at least one).
//   - sigma: the root mean square of the tried errors at one position, of all tries, at the worst position. The errors of a
//     position's logits are sums over thousands of small ones, so normal;
//   - a logit's error grows with the norm of its row of the head: times rows = largest / root mean square of norms;
//   - the largest of n normal values is below sqrt(2 ln n) standard deviations; one more for the tail and for sigma,
//     which is itself an estimate.
Bound tried_bound(std::span<const double> reference, std::span<const double> tries, std::size_t vocab, double rows);

}  // namespace assay::measure
