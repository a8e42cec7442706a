// How far an engine's logits were from those of the reference, as a record keeps it, and what does not hold of it.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>

namespace assay::measure {

// An engine whose rounding is that which it states has an rms near the tried one; beyond so many times it computes
// something else. The tries' draws are even over the whole step; what an engine adds by f32 sums, f16 scores or its own exp
// lies far below a step.
inline constexpr double rms_times_max = 1.5;

// Two sets of logits at the same positions.
struct Agreement {
  std::size_t positions = 0;
  std::size_t top1_equal = 0;  // positions where both choose the same token (lowest id on a tie)
  double max_abs = 0;          // largest |difference| of any logit
  double rms = 0;              // root mean square difference over all logits
  double kl_mean = 0;          // mean over positions of KL(reference || other), nats
  double kl_max = 0;
  double bound = 0;             // what max_abs is held against; 0: none given
  std::size_t unexplained = 0;  // top-1 differs although the reference's gap between its first and second
                                // exceeds twice the bound: two errors of `bound` cannot swap them
  double tried_rms = std::numeric_limits<double>::quiet_NaN();  // what rms is held against; NaN: not tried

  double top1_share() const {
    return positions == 0 ? 0 : static_cast<double>(top1_equal) / static_cast<double>(positions);
  }
  double rms_times() const { return rms / tried_rms; }  // "1.02 x the rounding it states"; NaN: not tried
  // One sentence; empty: it holds.
  std::string complaint() const;
  bool holds() const { return complaint().empty(); }
};

// An engine against itself at the workload's length, where a double-precision reference would take too long: the last
// positions one by one behind a prefill of the others, against the same positions in one batch.
struct SelfAgreement {
  std::size_t tokens = 0;     // of the text
  std::size_t positions = 0;  // compared
  std::size_t top1_equal = 0;
  double max_abs = 0;
  double rms = 0;
  double bound = 0;  // twice the reference's: each way may be off by one; 0: every bit must be equal
  double tried_rms =
      std::numeric_limits<double>::quiet_NaN();  // of the two ways together: the root of two times as much

  double rms_times() const { return rms / tried_rms; }
  std::string complaint() const;
  bool holds() const { return complaint().empty(); }
};

// The agreement itself is that of a prefill: the text in batches.
struct Parity : Agreement {
  double spread = std::numeric_limits<double>::quiet_NaN();  // of the tries behind the bounds, as a share of their mean
  std::optional<Agreement> decode{};                         // the last positions of the text one by one
  std::optional<SelfAgreement> self{};
  // A model that is wrong by less than rounding, to which the logits lie nearer than to the right one: "a rope base 1 %
  // larger" (see measure/suspects.h). Empty: none of those that can be seen at this length, or none was tried.
  std::string nearer_to{};

  // The first of the three that does not hold, and how; empty: all that was compared holds.
  std::string complaint() const;
  bool holds() const { return complaint().empty(); }
};

}  // namespace assay::measure
