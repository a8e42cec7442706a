// Copies of a state that cannot drop a tail (a recurrent layer's), at chosen positions of its sequence: to go back to a
// position is to restore the latest copy at or before it and to compute the rest again. Numbers only: which slot of the
// owner's memory holds which copy. A copy never changes, so sequences share it by reference count.
//
// Ownership, held after every call (check_invariants):
//   1. A slot is either free or listed by as many sequences as its references say, at least one.
//   2. The copies of a sequence stand in rising order of position, no two at one.
//   3. No more slots are used than there are: the budget.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"

namespace assay {

class Checkpoints {
 public:
  struct Copy {
    std::uint32_t position = 0;  // positions that the state has seen
    std::uint32_t slot = 0;

    bool operator==(const Copy&) const = default;
  };

  // slots: copies that there is memory for. Errc::bad_value: none, or no sequences; Errc::full: no memory for the lists.
  static Result<Checkpoints> create(std::uint32_t slots, std::uint32_t sequences);

  std::uint32_t slots_free() const { return static_cast<std::uint32_t>(free_.size()); }
  std::span<const Copy> copies(std::uint32_t sequence) const { return lists_[sequence]; }
  std::uint32_t references(std::uint32_t slot) const { return references_[slot]; }

  // The slot into which the owner is to copy the state of `sequence`, which has seen `position` positions. Where one stands
  // there already, that one, and nothing is to be copied: `fresh` is false. Where none is free, the copy goes that costs
  // least to be without: whose gap to the one before it is smallest, never the first of a sequence while another can go.
  // Errc::bad_value: an unknown sequence, position 0, or one before a copy that stands.
  struct Taken {
    std::uint32_t slot = 0;
    bool fresh = true;
  };
  Result<Taken> take(std::uint32_t sequence, std::uint32_t position);

  // The latest copy at or before `position`; nothing: the sequence begins anew.
  std::optional<Copy> latest(std::uint32_t sequence, std::uint32_t position) const;

  // The sequence goes on from `position`: what stands behind it goes. 0: all.
  Result<void> cut(std::uint32_t sequence, std::uint32_t position);

  // `to` (without copies) gets those of `from` at or before `upto`. Errc::bad_value: an unknown sequence, `to` has some or
  // is `from`.
  Result<void> share(std::uint32_t from, std::uint32_t to, std::uint32_t upto);

  // Errc::bug naming the invariant that does not hold. For tests: walks everything.
  Result<void> check_invariants() const;

 private:
  Checkpoints() = default;
  Result<void> known(std::uint32_t sequence) const;
  void drop(std::uint32_t slot);
  void give_up_one();

  std::vector<std::vector<Copy>> lists_;   // per sequence
  std::vector<std::uint32_t> references_;  // per slot
  std::vector<std::uint32_t> free_;        // a stack
};

}  // namespace assay
