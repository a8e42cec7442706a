// An engine that can be run in several ways (flash attention on and off) is measured in all of them, side by side in the
// same rounds, and shown at its best: one row, each phase from the way that is quickest at it.
#pragma once

#include <cstddef>
#include <span>

#include "record/record.h"

namespace assay::measure {

// Indices of rows. By the medians over their rounds; a row that failed, or whose parity does not hold, only where all did.
struct BestWays {
  std::size_t prefill = 0;  // shortest time to first token
  std::size_t decode = 0;
};
BestWays best_ways(std::span<const Row> rows);

// One row of one engine's: subject, memory, energy, sweeps and all else of the way that decodes best. Where another is
// quicker with the prompt, each round's time to first token is that way's of the same round. Every way stands in
// Row::ways, with its own rounds. rows: not empty; of other lengths (one was adapted): all is the best decoder's.
Row join_ways(std::span<const Row> rows);

// The same for every engine of a finished matrix that has rows of several ways; what points at rows follows. derive()
// belongs behind it.
void join_ways(Matrix& matrix);

}  // namespace assay::measure
