#include "record/parity.h"

#include "record/printed.h"

namespace assay::measure {

std::string Agreement::complaint() const {
  if (!(max_abs <= bound)) {
    return "a logit is off by " + printed("%.4g", max_abs) + ", rounding explains " + printed("%.4g", bound);
  }
  if (unexplained > 0) {
    return "top-1 differs at " + std::to_string(unexplained) + " of " + std::to_string(positions) +
           " positions where rounding cannot swap the first two";
  }
  if (rms_times() > rms_times_max) {
    return "the difference is " + printed("%.2f", rms_times()) + " times the rounding that it states (" +
           printed("%.4g", rms) + ", tried " + printed("%.4g", tried_rms) + "), at most " +
           printed("%.1f", rms_times_max) + " is explained";
  }
  return {};
}

std::string SelfAgreement::complaint() const {
  if (bound == 0 && max_abs != 0) return "a logit differs by " + printed("%.4g", max_abs) + ", every bit must be equal";
  if (max_abs > bound) {
    return "a logit differs by " + printed("%.4g", max_abs) + ", rounding explains " + printed("%.4g", bound);
  }
  if (bound > 0 && rms_times() > rms_times_max) {
    return "the difference is " + printed("%.2f", rms_times()) + " times the rounding that it states, at most " +
           printed("%.1f", rms_times_max) + " is explained";
  }
  return {};
}

std::string Parity::complaint() const {
  if (const std::string text = Agreement::complaint(); !text.empty()) return "in prefill: " + text;
  if (decode && !decode->holds()) return "in decode: " + decode->complaint();
  if (!nearer_to.empty()) return "the logits lie nearer to those of a model with " + nearer_to;
  if (self && !self->holds()) {
    return "decode behind " + std::to_string(self->tokens - self->positions) +
           " tokens against one batch: " + self->complaint();
  }
  return {};
}

}  // namespace assay::measure
