// Keys and values of many sequences in pages of 32 positions, shared between sequences by reference count.
//
// A page holds all layers and kv heads of 32 consecutive positions, as planes (kernel/attention/kv_layout.h). Each
// sequence has a list of pages; the last may be partly filled.
//
// Ownership, held after every call (check_invariants):
//   1. A page is either on the free list or listed by `references(page)` sequences, at least one; never both.
//   2. A sequence of length n lists exactly ceil(n / 32) pages.
//   3. Only a page with one reference is written. Appending to a shared last page copies it first (copy on write).
//   4. A call that fails has changed nothing.
// Not safe from several threads, except that `store` and reading may run on many as long as no two store to one position
// and no page list changes meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "kernel/attention/kv_layout.h"

namespace assay {

struct KvShape {
  std::uint32_t layers = 0;
  std::uint32_t kv_heads = 0;
  kernel::KvLayout layout;

  // All layers and heads of 32 positions. Only for shapes that KvCache::create accepts.
  std::uint64_t page_bytes() const { return std::uint64_t{layers} * kv_heads * layout.plane_bytes(); }
  // Pages that hold one sequence of so many positions.
  static std::uint64_t pages_for(std::uint64_t positions) {
    return (positions + kernel::kv_page_positions - 1) / kernel::kv_page_positions;
  }
};

struct KvStatistics {
  std::uint32_t pages_total = 0;
  std::uint32_t pages_used = 0;
  std::uint32_t pages_shared = 0;  // of those used: by more than one sequence
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_used = 0;       // whole pages
  std::uint64_t copies_on_write = 0;  // pages copied since creation
};

class KvCache {
 public:
  struct Growth {
    std::uint32_t sequence;
    std::uint32_t positions;
  };

  // Reserves pages * page_bytes of address space; memory is touched as positions are stored. Errc::bad_value: zero
  // layers, heads, pages or sequences, head_dim 0 or over kernel::kv_head_dim_max, or no multiple of 32 for q8_0.
  // Errc::full: the bytes overflow or cannot be had.
  static Result<KvCache> create(const KvShape& shape, std::uint32_t pages, std::uint32_t sequences);

  const KvShape& shape() const { return shape_; }
  std::uint32_t sequences() const { return static_cast<std::uint32_t>(table_.size()); }
  std::uint32_t length(std::uint32_t sequence) const { return table_[sequence].length; }
  std::uint32_t pages_free() const { return static_cast<std::uint32_t>(free_.size()); }
  KvStatistics statistics() const;

  // Pages that `append` would take from the free list; a sequence named twice counts with its sum. Only known
  // sequences.
  std::uint64_t pages_needed(std::span<const Growth> growth) const;

  // Lengthens all the sequences or none; the new positions must then be stored. Errc::full with both numbers of pages;
  // Errc::bad_value for an unknown sequence or a length past 2^32 - 1.
  Result<void> append(std::span<const Growth> growth);

  // Makes the empty sequence `to` begin with the first `upto` positions of `from`; takes no page. Errc::bad_value: `to`
  // is not empty or is `from`, upto > length(from), or an unknown sequence.
  Result<void> share(std::uint32_t from, std::uint32_t to, std::uint32_t upto);

  // Keeps the first `length` positions; more than there are changes nothing. Pages that no sequence lists any more are
  // free at once.
  Result<void> truncate(std::uint32_t sequence, std::uint32_t length);

  // Rounds and keeps the key and value (head_dim each) of a position that `append` made, in one layer and head.
  void store(kernel::Isa isa, std::uint32_t sequence, std::uint32_t position, std::uint32_t layer, std::uint32_t head,
             std::span<const float> key, std::span<const float> value);

  // What attention reads; valid until the sequence's pages change.
  kernel::KvPages view(std::uint32_t sequence, std::uint32_t layer, std::uint32_t head) const;

  // Numbers of the sequence's pages, in order of position.
  std::span<const std::uint32_t> pages(std::uint32_t sequence) const { return table_[sequence].pages; }
  std::uint32_t references(std::uint32_t page) const { return references_[page]; }

  // Errc::bug naming the invariant that does not hold. For tests: walks everything.
  Result<void> check_invariants() const;

 private:
  struct Sequence {
    std::uint32_t length = 0;
    std::vector<std::uint32_t> pages;
  };
  KvCache() = default;
  std::byte* page(std::uint32_t number) { return memory_.get() + number * shape_.page_bytes(); }
  std::uint32_t take_page();
  void drop_page(std::uint32_t number);
  Result<void> known(std::uint32_t sequence) const;

  KvShape shape_;
  Pages memory_;  // large ones where there are: attention jumps from plane to plane
  std::vector<Sequence> table_;
  std::vector<std::uint32_t> references_;  // per page
  std::vector<std::uint32_t> free_;        // a stack
  std::uint64_t copies_on_write_ = 0;
};

}  // namespace assay
