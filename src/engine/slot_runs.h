// What every backend checks about a batch of slots before it computes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/backend.h"

namespace assay {

// Slots [first, first + count) are of one sequence and begin at `position`.
struct SlotRun {
  SeqId seq = 0;
  Position position = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  bool operator==(const SlotRun&) const = default;
};

// The part of plan_runs() that is not about slots. Errc::unsupported: turns or embeddings that facts say the backend lacks;
// Errc::bad_value: not one turn per slot, embeddings that are no rows of facts.embedding.
Result<void> check_extras(const Batch& batch, const BackendFacts& facts);

// Splits slots into runs of one sequence each, in order; a sequence may come once. lengths[s]: positions that sequence s
// holds, (facts.sequences). Errc::bad_value: the batch's size, an unknown sequence, slots of one sequence apart, a
// position that does not continue it or is outside the context, a token outside the vocabulary, a row of embeddings that
// is not there. Errc::unsupported: hidden rows, embeddings or turns that facts say the backend lacks. `runs` is reused.
Result<void> plan_runs(const Batch& batch, const BackendFacts& facts, std::span<const Position> lengths,
                       std::vector<SlotRun>& runs);

// What forget() may do: true: cut the sequence at `from`; false: nothing is there to drop.
// Errc::bad_value: an unknown sequence; Errc::unsupported: a middle.
Result<bool> check_forget(const BackendFacts& facts, std::span<const Position> lengths, SeqId seq, Position from,
                          Position to);

// Errc::bad_value: an unknown sequence, `to` holds something or is `from`, `upto` is more than `from` holds.
Result<void> check_share(const BackendFacts& facts, std::span<const Position> lengths, SeqId from, SeqId to,
                         Position upto);

}  // namespace assay
