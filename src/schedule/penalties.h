// Changes to logits that look at what was written before: repetition, presence and frequency penalties, and DRY.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "schedule/allowed.h"

namespace assay::schedule {

// Memory reused between calls.
struct PenaltyScratch {
  std::vector<std::uint32_t> counts;  // (vocab), all zero between calls
  std::vector<std::uint32_t> match;   // DRY: length of the repeat that ends before each position
};

// For each token that occurs in the last `penalty_window` of `history` (0: all of it), count times:
//   logit > 0 ? logit / repetition : logit * repetition     (Keskar et al. 2019, CTRL)
//   then - count * frequency - presence                     (OpenAI API reference)
// history: prompt and output, every token within logits.vocab(). A token that is not allowed has no logit to change.
void apply_penalties(const Sampling& settings, std::span<const Token> history, AllowedLogits& logits,
                     PenaltyScratch& scratch);

// DRY ("don't repeat yourself"): if the end of `history` repeats something from before, of length n >= allowed_length,
// the token that came next then loses multiplier * base^(n - allowed_length); the longest such n counts. A repeat does
// not reach over a breaker token, and breakers are never penalised. O(window).
void apply_dry(const Sampling& settings, std::span<const Token> history, AllowedLogits& logits,
               PenaltyScratch& scratch);

}  // namespace assay::schedule
