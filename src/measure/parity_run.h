// Runs a text through a backend and the double-precision reference and compares the logits.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "measure/parity.h"
#include "model/weights.h"

namespace assay::measure {

// English prose, a list, code and numbers, written for this purpose: what parity is measured on without another text.
std::string_view standard_text();

// `count` positions spread evenly over `tokens` tokens, the first and the last included; all of them where count is 0 or
// not below tokens.
std::vector<std::uint32_t> spread_positions(std::uint32_t tokens, std::uint32_t count);

// How `direct` rounds these weights: 8-bit activations where any matrix is quantized.
Rounding direct_rounding(const model::Weights& weights, std::string_view kv_type);

// From the weights: the norm that the state may have after the output norm, and the largest norm of a row of the head.
LogitScale logit_scale(const model::Weights& weights, std::size_t positions);

// Logits (positions.size(), vocab) of sequence 0, which must be empty and is empty afterwards; tokens are fed in chunks
// of the backend's batch. Errors are the backend's; Errc::bad_value: more tokens than the context.
Result<std::vector<float>> backend_logits(Backend& backend, std::span<const Token> tokens,
                                          std::span<const std::uint32_t> positions);

// share of the whole work, 0..1; false stops with Errc::cancelled.
using ParityProgress = std::function<bool(double share)>;

Result<Parity> run_parity(Backend& backend, const model::Weights& weights, const Rounding& rounding,
                          std::span<const Token> tokens, std::span<const std::uint32_t> positions,
                          const ParityProgress& progress = {});

}  // namespace assay::measure
