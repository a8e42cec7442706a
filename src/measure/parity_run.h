// Runs a text through a backend and the double-precision reference and compares the logits.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "engine/backend.h"
#include "measure/parity.h"
#include "measure/rounding.h"
#include "measure/suspects.h"
#include "model/weights.h"

namespace assay::measure {

// English prose, a list, code and numbers, written for this purpose: what parity is measured on without another text.
std::string_view standard_text();

// `count` positions spread evenly over `tokens` tokens, the first and the last included; all of them where count is 0 or
// not below tokens.
std::vector<std::uint32_t> spread_positions(std::uint32_t tokens, std::uint32_t count);

// share of the reference's work, 0..1; false stops with Errc::cancelled.
using ParityProgress = std::function<bool(double share)>;

inline constexpr std::size_t decode_steps = 16;  // positions at the end of a text that are fed one by one
inline constexpr std::size_t suspects_max = 4;
inline constexpr std::size_t tries = 2;  // of each rounding, for its bound

// Logits (positions.size(), vocab) of sequence 0, which must be empty and is empty afterwards; tokens are fed in chunks
// of the backend's batch, from `one_by_one_from` on each alone. Errors are the backend's; Errc::bad_value: more tokens than
// the context, or another vocabulary than the model's; Errc::cancelled.
Result<std::vector<float>> backend_logits(Backend& backend, std::span<const Token> tokens,
                                          std::span<const std::uint32_t> positions, std::size_t vocab,
                                          std::size_t one_by_one_from = ~std::size_t{0}, const Stop* stop = nullptr);

// The tokens over and over, cut at `length`; tokens: at least one (asserted).
std::vector<Token> text_of_length(std::span<const Token> tokens, std::size_t length);

// What engines are held against: the exact logits of a text, and for each way of rounding how far it moves them.
struct Reference {
  std::vector<Token> tokens;
  std::vector<std::uint32_t> positions;         // compared in prefill
  std::vector<std::uint32_t> decode_positions;  // the last ones, compared in decode
  std::size_t vocab = 0;
  std::vector<double> logits;         // (positions, vocab)
  std::vector<double> decode_logits;  // (decode_positions, vocab)
  std::vector<Rounding> roundings;
  struct Bounds {
    Bound prefill;
    Bound decode;  // of its positions
  };
  std::vector<Bounds> bounds;     // of each rounding
  std::vector<Suspect> suspects;  // over `positions`; empty: not asked for

  const Bounds& bounds_of(const Rounding& rounding) const;  // one of the roundings (asserted)
};

// Computes the text 1 + tries * roundings.size() times side by side, on the pool where there is one; with suspects, up to
// suspects_max times more. Errc::bad_value as model::reference_logits; Errc::cancelled soon after `stop` is asked.
Result<Reference> make_reference(const model::Weights& weights, std::span<const Token> tokens,
                                 std::span<const std::uint32_t> positions, std::span<const Rounding> roundings,
                                 device::ThreadPool* pool = nullptr, const ParityProgress& progress = {},
                                 const Stop* stop = nullptr, bool suspects = false);

// The text in batches, and again with its last positions one by one. rounding: one of the reference's (asserted). Errors
// as backend_logits.
Result<Parity> parity_against(const Reference& reference, Backend& backend, const Rounding& rounding,
                              const Stop* stop = nullptr);

// Decode behind a long prefill against the same positions in one batch: every bit equal where the backend says that it is
// deterministic, else within what the bound explains. No reference is computed. Errc::bad_value: fewer than 2 tokens;
// errors as backend_logits.
Result<SelfAgreement> self_agreement(Backend& backend, std::span<const Token> tokens, const Bound& bound,
                                     const Stop* stop = nullptr);

// All at once; what parity_against would refuse is met before the reference is computed. self_tokens: length of the text
// on which the engine is held against itself, below 2: not.
Result<Parity> run_parity(Backend& backend, const model::Weights& weights, const Rounding& rounding,
                          std::span<const Token> tokens, std::span<const std::uint32_t> positions,
                          const ParityProgress& progress = {}, device::ThreadPool* pool = nullptr,
                          const Stop* stop = nullptr, std::size_t self_tokens = 0);

// Seconds that make_reference will take at most on so many threads, from the number of weights: for a choice of length.
double reference_seconds(const model::Weights& weights, std::size_t tokens, std::size_t roundings, std::size_t threads);

}  // namespace assay::measure
