// Which page holds which positions of which sequence: numbers only, no memory and no kernels. Pages are shared between
// sequences by reference count; whoever owns the memory makes the copies that append() asks for.
//
// Layers that share a layout and a window are a group; each group has pages of its own, numbered from 0. In a group with
// a window w a token sees w positions, itself included: pages that no later token of a sequence can see go back.
//
// Ownership, held after every call (check_invariants), in each group:
//   1. A page is either on the free list or listed by `references` sequences, at least one; never both.
//   2. A sequence of length n lists exactly ceil(n / page) entries, of which the first passed() are no_page.
//   3. Only a page with one reference is written. Appending to a shared last page copies it first (copy on write).
//   4. A call that fails has changed nothing.
//   5. The pages that the token at position `length` sees are there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"

namespace assay {

struct PageGroup {
  std::uint32_t pages = 0;
  std::uint32_t window = 0;  // positions that a token sees, itself included; 0: all
};

// To be copied whole before anything is written to `to`.
struct PageCopy {
  std::uint32_t group = 0;
  std::uint32_t from = 0;
  std::uint32_t to = 0;

  bool operator==(const PageCopy&) const = default;
};

struct PageCounts {
  std::uint32_t total = 0;
  std::uint32_t used = 0;
  std::uint32_t shared = 0;    // of those used: by more than one sequence
  std::uint64_t returned = 0;  // entries given back behind a window since creation
};

class PageTable {
 public:
  static constexpr std::uint32_t no_page = ~0U;  // in the place of a page that a window has passed

  struct Growth {
    std::uint32_t sequence;
    std::uint32_t positions;
  };

  // page: positions of one. Errc::bad_value: no groups, pages, sequences or positions; Errc::full: no memory for the
  // table itself.
  static Result<PageTable> create(std::span<const PageGroup> groups, std::uint32_t page, std::uint32_t sequences);

  std::uint32_t page_positions() const { return page_; }
  std::uint64_t pages_for(std::uint64_t positions) const { return (positions + page_ - 1) / page_; }
  std::size_t groups() const { return groups_.size(); }
  std::uint32_t sequences() const { return static_cast<std::uint32_t>(lengths_.size()); }
  std::span<const std::uint32_t> lengths() const { return lengths_; }  // (sequences): positions that each holds
  std::uint32_t pages_free(std::size_t group = 0) const {
    return static_cast<std::uint32_t>(groups_[group].free.size());
  }
  PageCounts counts(std::size_t group = 0) const;

  // Pages that `append` would take from the group's free list, less those that it gives back before; a sequence named
  // twice counts with its sum. Only known sequences.
  std::int64_t pages_needed(std::span<const Growth> growth, std::size_t group = 0) const;

  // Lengthens all the sequences or none. The copies are to be made before the new positions are written, and are valid
  // until the next call. Pages behind a window are given back as far as the first new position allows: a truncate() to
  // the lengths before is always possible. Errc::full with both numbers of pages; Errc::bad_value for an unknown sequence
  // or a length past 2^32 - 1.
  Result<std::span<const PageCopy>> append(std::span<const Growth> growth);

  // Makes the empty sequence `to` begin with the first `upto` positions of `from`; takes no page. Errc::bad_value: `to`
  // is not empty or is `from`, upto > length(from), or an unknown sequence. Errc::unsupported: a window has passed what
  // the next token would see.
  Result<void> share(std::uint32_t from, std::uint32_t to, std::uint32_t upto);

  // Keeps the first `length` positions; more than there are changes nothing. Pages that no sequence lists any more are
  // free at once. Errc::unsupported as share(), never for length 0.
  Result<void> truncate(std::uint32_t sequence, std::uint32_t length);

  // Numbers of the sequence's pages, in order of position, no_page for the first passed() of them.
  std::span<const std::uint32_t> pages(std::uint32_t sequence, std::size_t group = 0) const {
    return groups_[group].lists[sequence].pages;
  }
  std::uint32_t passed(std::uint32_t sequence, std::size_t group = 0) const {
    return groups_[group].lists[sequence].passed;
  }
  std::uint32_t references(std::uint32_t page, std::size_t group = 0) const { return groups_[group].references[page]; }

  // Errc::bug naming the invariant that does not hold. For tests: walks everything.
  Result<void> check_invariants() const;

 private:
  struct List {
    std::uint32_t passed = 0;
    std::vector<std::uint32_t> pages;
  };
  struct Group {
    std::uint32_t window = 0;
    std::vector<List> lists;                // (sequences)
    std::vector<std::uint32_t> references;  // per page
    std::vector<std::uint32_t> free;        // a stack
    std::uint64_t returned = 0;

    std::uint32_t take();
    void drop(std::uint32_t number);
  };
  PageTable() = default;
  Result<void> known(std::uint32_t sequence) const;
  // Pages that the token at `length` and all later ones do not see.
  std::uint32_t passable(const Group& group, std::uint32_t length) const;
  Result<void> reaches(std::uint32_t sequence, std::uint32_t length, const char* doing) const;
  void pass(Group& group, std::uint32_t sequence) const;
  std::string where(std::size_t group) const;

  std::uint32_t page_ = 0;
  std::vector<std::uint32_t> lengths_;
  std::vector<Group> groups_;
  std::vector<PageCopy> copies_;
};

}  // namespace assay
