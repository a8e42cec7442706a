// Runs a text through a backend and the double-precision reference and compares the logits.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "measure/parity.h"
#include "measure/rounding.h"
#include "model/weights.h"

namespace assay::measure {

// English prose, a list, code and numbers, written for this purpose: what parity is measured on without another text.
std::string_view standard_text();

// `count` positions spread evenly over `tokens` tokens, the first and the last included; all of them where count is 0 or
// not below tokens.
std::vector<std::uint32_t> spread_positions(std::uint32_t tokens, std::uint32_t count);

// Logits (positions.size(), vocab) of sequence 0, which must be empty and is empty afterwards; tokens are fed in chunks
// of the backend's batch. Errors are the backend's; Errc::bad_value: more tokens than the context, or another vocabulary
// than the model's.
Result<std::vector<float>> backend_logits(Backend& backend, std::span<const Token> tokens,
                                          std::span<const std::uint32_t> positions, std::size_t vocab);

// share of the whole work, 0..1; false stops with Errc::cancelled.
using ParityProgress = std::function<bool(double share)>;

// What engines are held against: the exact logits of a text, and for each way of rounding how far it moves them.
struct Reference {
  std::vector<Token> tokens;
  std::vector<std::uint32_t> positions;
  std::size_t vocab = 0;
  std::vector<double> logits;  // (positions, vocab)
  std::vector<Rounding> roundings;
  std::vector<double> bounds;  // of each rounding
};

// Computes the text 1 + roundings.size() times side by side, on the pool where there is one. Errc::bad_value as
// model::reference_logits.
Result<Reference> make_reference(const model::Weights& weights, std::span<const Token> tokens,
                                 std::span<const std::uint32_t> positions, std::span<const Rounding> roundings,
                                 device::ThreadPool* pool = nullptr, const ParityProgress& progress = {});

// rounding: one of the reference's (asserted). Errors as backend_logits.
Result<Parity> parity_against(const Reference& reference, Backend& backend, const Rounding& rounding);

// Both at once; what parity_against would refuse is met before the reference is computed.
Result<Parity> run_parity(Backend& backend, const model::Weights& weights, const Rounding& rounding,
                          std::span<const Token> tokens, std::span<const std::uint32_t> positions,
                          const ParityProgress& progress = {}, device::ThreadPool* pool = nullptr);

// Seconds that make_reference will take at most on so many threads, from the number of weights: for a choice of length.
double reference_seconds(const model::Weights& weights, std::size_t tokens, std::size_t copies, std::size_t threads);

}  // namespace assay::measure
