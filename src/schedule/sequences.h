// Which sequence of the backend holds which tokens. Finished sequences are kept as prefix cache until their id or their
// pages are needed; a new request starts from the longest prefix that any sequence, running or kept, already holds.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/backend.h"

namespace assay::schedule {

// Equal leading tokens of both.
std::uint32_t common_prefix(std::span<const Token> a, std::span<const Token> b);

// What the table has done, for tests and for the operator.
struct SequenceCounts {
  std::uint64_t shared = 0;      // a prefix was taken from a sequence that lives on
  std::uint64_t continued = 0;   // a kept sequence was taken over
  std::uint64_t evicted = 0;     // a kept sequence was dropped
  std::uint64_t recomputed = 0;  // a kept sequence could not be cut where it was needed, and began anew
  std::uint64_t refused = 0;     // the backend could not share: the request computes its whole prompt
};

// Invariants:
// 1. tokens(seq) are exactly those whose keys and values the backend holds for seq, position 0 first.
// 2. A sequence is free (holds nothing), taken (one request owns it) or kept.
// 3. Only the table calls forget() and share().
// Every function gives the backend's own error when forget() of a whole sequence fails: the table can then no longer be
// trusted. A tail that the backend cannot drop is computed again, from the beginning.
class Sequences {
 public:
  // prefix_min: shorter common prefixes are computed again, which is cheaper than copying a part of a page.
  Sequences(Backend& backend, std::uint32_t prefix_min);

  // Leading tokens of `prompt` (not empty) that the best sequence holds, 0 below prefix_min; never all of them, because the
  // last token is computed in any case: its logits choose the first token of the answer.
  std::uint32_t held(std::span<const Token> prompt) const { return longest_prefix(prompt).length; }

  struct Place {
    SeqId seq;
    std::uint32_t cached;  // leading tokens already there; < prompt.size()
  };
  // Takes a sequence for `prompt` (not empty), evicting the least recently used kept one if no id is free; nothing if
  // all are taken.
  // Reuse::nothing: every token is to be computed, whatever is held.
  enum class Reuse : std::uint8_t { prefix, nothing };
  Result<std::optional<Place>> take(std::span<const Token> prompt, Reuse reuse = Reuse::prefix);

  // The backend has computed these behind what the sequence held.
  void extend(SeqId seq, std::span<const Token> tokens);
  // Drops what a taken sequence holds behind its first `length` tokens, where that is anything. False: the backend cannot
  // drop that tail, so all of it was dropped; the sequence stays taken.
  Result<bool> cut(SeqId seq, std::uint32_t length);

  // Ends a taken sequence: its pages are free at once.
  Result<void> drop(SeqId seq);
  // Ends a taken sequence: what it holds stays as cache.
  void keep(SeqId seq);
  // Drops the least recently used kept sequence; false if there is none.
  Result<bool> evict();

  // Drops everything, taken ones too.
  Result<void> drop_all();

  std::span<const Token> tokens(SeqId seq) const { return table_[seq].tokens; }
  const SequenceCounts& counts() const { return counts_; }

 private:
  enum class State : std::uint8_t { free, taken, kept };
  struct Sequence {
    State state = State::free;
    std::vector<Token> tokens;
    std::uint64_t used = 0;  // tick of the last take or keep
  };

  struct Prefix {
    std::optional<SeqId> source;
    std::uint32_t length = 0;
  };
  Prefix longest_prefix(std::span<const Token> prompt) const;
  std::optional<SeqId> find(State state, std::optional<SeqId> except) const;  // least recently used
  Result<void> clear(SeqId seq);

  Backend& backend_;
  const std::uint32_t prefix_min_;
  std::vector<Sequence> table_;  // (facts().sequences)
  std::uint64_t tick_ = 0;
  bool can_share_ = true;  // until the backend says Errc::unsupported
  SequenceCounts counts_;
};

}  // namespace assay::schedule
