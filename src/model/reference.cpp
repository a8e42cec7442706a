#include "model/reference.h"

#include <string>

#include "model/reference_pass.h"

namespace assay::model {
namespace {

Result<void> check(const ModelConfig& config, std::span<const std::int32_t> tokens,
                   std::span<const std::uint32_t> positions) {
  if (tokens.empty()) return fail(Errc::bad_value, "reference: no tokens, expected at least 1");
  for (const std::int32_t token : tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= config.vocab) {
      return fail(Errc::bad_value,
                  "token " + std::to_string(token) + ": expected 0.." + std::to_string(config.vocab - 1));
    }
  }
  for (const std::uint32_t position : positions) {
    if (position >= tokens.size()) {
      return fail(Errc::bad_value, "position " + std::to_string(position) + ": the text has " +
                                       std::to_string(tokens.size()) + " tokens");
    }
  }
  return {};
}

}  // namespace

Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions,
                                             const ReferenceProgress& progress) {
  return reference_logits(weights, tokens, positions, DisturbedReference{}, progress);
}

Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions, const DisturbedReference& how,
                                             const ReferenceProgress& progress) {
  const ModelConfig& config = weights.config;
  ASSAY_TRY(check(config, tokens, positions));
  ASSAY_ASSERT(how.copies > 0);
  ReferencePass pass(weights, tokens, positions, how);
  const auto in_layer = [](const Step& step) { return step.op != Op::embed && step.op != Op::head; };
  const Step* before = nullptr;
  for (const Step& step : weights.steps) {
    const bool enters = in_layer(step) && (before == nullptr || !in_layer(*before) || before->layer != step.layer);
    before = &step;
    if (enters && progress && !progress(static_cast<double>(step.layer) / (config.layer_count() + 1))) {
      return fail(Errc::cancelled, "reference stopped after layer " + std::to_string(step.layer));
    }
    ASSAY_TRY(pass.run(step));
    if (step.op == Op::embed || !asked(how.stop)) continue;
    return fail(Errc::cancelled, "reference stopped in " + (in_layer(step) ? "layer " + std::to_string(step.layer)
                                                                           : std::string("the head")));
  }
  const Columns& logits = pass.logits;
  std::vector<double> out(logits.tokens * config.vocab);
  for (std::size_t p = 0; p < logits.tokens; ++p) {
    for (std::size_t v = 0; v < config.vocab; ++v) out[p * config.vocab + v] = logits.at(v)[p];
  }
  return out;
}

}  // namespace assay::model
