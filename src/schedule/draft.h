// Guessing ahead: several tokens of an answer in one pass.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/backend.h"

namespace assay::schedule {

// A guess is kept only where the sampler, with the logits of that very position, chooses it too: what is guessed changes how
// long an answer takes and nothing else. By prompt lookup, by a small model, by a table: the scheduler does not know.
class Draft {
 public:
  virtual ~Draft() = default;
  // Appends to `guesses` (empty) how `history` (prompt and answer so far, not empty) may go on, at most `most` tokens (> 0),
  // in order. None where it has no idea. What is outside the vocabulary, and all behind it, is not looked at.
  virtual void propose(std::span<const Token> history, std::size_t most, std::vector<Token>& guesses) = 0;
};

}  // namespace assay::schedule
