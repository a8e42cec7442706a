#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "schedule/sampler.h"
#include "schedule/sampling_limits.h"

namespace assay::schedule {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

enum class Lowest : bool { included, excluded };

// NaN fails every comparison and is refused too.
Result<void> within(const char* name, float met, double low, double high, Lowest lowest = Lowest::included) {
  const bool above = lowest == Lowest::included ? met >= low : met > low;
  if (above && met <= high) return {};
  return fail(Errc::bad_value, std::string("sampling ") + name + ": met " + number(met) + ", expected " +
                                   (lowest == Lowest::included ? "" : "above ") + number(low) + " to " + number(high));
}

Result<void> known_token(const std::string& name, Token token, std::uint32_t vocab) {
  if (token >= 0 && static_cast<std::uint32_t>(token) < vocab) return {};
  return fail(Errc::bad_value, "sampling " + name + ": met token " + std::to_string(token) + ", expected 0 to " +
                                   std::to_string(vocab - 1));
}

Result<void> check_mirostat(const Sampling& s) {
  if (s.mirostat == 0) return {};
  if (s.mirostat != 2) {
    return fail(Errc::bad_value, "sampling mirostat: met " + std::to_string(s.mirostat) + ", expected 0 (off) or 2");
  }
  ASSAY_TRY(within("mirostat_tau", s.mirostat_tau, 0, mirostat_tau_max, Lowest::excluded));
  ASSAY_TRY(within("mirostat_eta", s.mirostat_eta, 0, 1));
  // A setting that would be passed over in silence is refused.
  auto off = [](const char* name, bool is_off) -> Result<void> {
    if (is_off) return {};
    return fail(Errc::bad_value, std::string("sampling ") + name +
                                     ": met a value beside mirostat 2, which replaces it; expected it off");
  };
  if (!(s.temperature > 0)) {
    return fail(Errc::bad_value, "sampling temperature: met 0 beside mirostat 2, expected above 0");
  }
  ASSAY_TRY(off("top_k", s.top_k == 0));
  ASSAY_TRY(off("typical_p", s.typical_p == 1));
  ASSAY_TRY(off("top_p", s.top_p == 1));
  ASSAY_TRY(off("min_p", s.min_p == 0));
  return off("xtc_probability", s.xtc_probability == 0);
}

}  // namespace

Result<void> check_sampling(const Sampling& s, std::uint32_t vocab) {
  ASSAY_TRY(within("temperature", s.temperature, 0, temperature_max));
  ASSAY_TRY(within("top_p", s.top_p, 0, 1));
  ASSAY_TRY(within("min_p", s.min_p, 0, 1));
  ASSAY_TRY(within("typical_p", s.typical_p, 0, 1));
  ASSAY_TRY(within("repetition_penalty", s.repetition_penalty, 0, repetition_penalty_max, Lowest::excluded));
  ASSAY_TRY(within("presence_penalty", s.presence_penalty, -penalty_max, penalty_max));
  ASSAY_TRY(within("frequency_penalty", s.frequency_penalty, -penalty_max, penalty_max));
  ASSAY_TRY(within("dry_multiplier", s.dry_multiplier, 0, dry_multiplier_max));
  ASSAY_TRY(within("dry_base", s.dry_base, 1, dry_base_max));
  if (s.dry_allowed_length == 0) {
    return fail(Errc::bad_value, "sampling dry_allowed_length: met 0, expected 1 or more");
  }
  for (const Token token : s.dry_breakers) ASSAY_TRY(known_token("dry_breakers", token, vocab));
  ASSAY_TRY(within("xtc_probability", s.xtc_probability, 0, 1));
  ASSAY_TRY(within("xtc_threshold", s.xtc_threshold, 0, xtc_threshold_max));
  ASSAY_TRY(check_mirostat(s));
  if (s.logit_bias.size() > logit_bias_max) {
    return fail(Errc::bad_value, "sampling logit_bias: met " + std::to_string(s.logit_bias.size()) +
                                     " entries, expected at most " + std::to_string(logit_bias_max));
  }
  for (const auto& [token, bias] : s.logit_bias) {
    ASSAY_TRY(known_token("logit_bias", token, vocab));
    if (bias == -std::numeric_limits<float>::infinity()) continue;
    ASSAY_TRY(within("logit_bias", bias, -1e4, 1e4));
  }
  if (s.logprobs > logprobs_max) {
    return fail(Errc::bad_value, "sampling logprobs: met " + std::to_string(s.logprobs) + ", expected at most " +
                                     std::to_string(logprobs_max));
  }
  return {};
}

}  // namespace assay::schedule
