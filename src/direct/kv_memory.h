// The memory of direct's keys and values on the CPU: what a PageTable only numbers. Layers that share a layout and a
// window are a group with pages of its own; a page holds all layers and kv heads of its group for 32 positions, as planes
// (kernel/attention/kv_layout.h).
//
// Not safe from several threads, except that `store` and reading may run on many as long as no two store to one position
// and no page list changes meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "cache/page_table.h"
#include "checkpoint/model_config.h"
#include "kernel/attention/kv_layout.h"

namespace assay::direct {

struct KvGroup {
  std::vector<std::uint32_t> layers;  // numbers, rising; each layer with keys and values is in one
  std::uint32_t kv_heads = 0;
  kernel::KvLayout layout;
  std::uint32_t window = 0;  // positions that a token sees, itself included; 0: all

  std::uint64_t page_bytes() const { return std::uint64_t{kv_heads} * layers.size() * layout.plane_bytes(); }
};

// The groups of a model, layers with the same heads, their size and window, whose sequences reach `context` positions: a window that is no shorter is none.
std::vector<KvGroup> kv_groups(const ModelConfig& config, kernel::KvType type, std::uint32_t context);

// What all sequences share.
struct KvRoom {
  std::uint32_t context = 0;    // positions that one sequence may reach
  std::uint32_t sequences = 0;  // that may live at once
  std::uint32_t batch = 0;      // most positions appended at once
  std::uint64_t positions = 0;  // of all sequences together; 0: context * sequences, each in whole pages
};

// Pages that the group needs for it: behind a window no more than the window and a batch. Errc::bad_value: too many.
Result<std::uint32_t> kv_pages(const KvGroup& group, const KvRoom& room);

struct KvStatistics {
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_used = 0;       // whole pages
  std::uint64_t copies_on_write = 0;  // pages copied since creation
};

class KvMemory {
 public:
  // Reserves address space for all pages; memory is touched as positions are stored. Errc::bad_value: no layers, heads,
  // pages or sequences, a layer in two groups, head_dim 0 or over kernel::kv_head_dim_max, or no multiple of 32
  // for q8_0. Errc::full: the bytes overflow or cannot be had.
  static Result<KvMemory> create(std::span<const KvGroup> groups, const KvRoom& room);

  const PageTable& table() const { return table_; }
  std::span<const KvGroup> groups() const { return groups_; }
  KvStatistics statistics() const;

  // As PageTable's, the copies made.
  Result<void> append(std::span<const PageTable::Growth> growth);
  Result<void> share(std::uint32_t from, std::uint32_t to, std::uint32_t upto) { return table_.share(from, to, upto); }
  Result<void> truncate(std::uint32_t sequence, std::uint32_t length) { return table_.truncate(sequence, length); }

  // Rounds and keeps the key and value (head_dim each) of a position that `append` made, in one layer and head.
  void store(kernel::Isa isa, std::uint32_t sequence, std::uint32_t position, std::uint32_t layer, std::uint32_t head,
             std::span<const float> key, std::span<const float> value);

  // What attention reads; valid until the sequence's pages change. Pages that a window has passed are no_page.
  kernel::KvPages view(std::uint32_t sequence, std::uint32_t layer, std::uint32_t head) const;

 private:
  static constexpr std::uint32_t no_group = ~0U;
  struct Place {
    std::uint32_t group = no_group;
    std::uint32_t index = 0;  // of the layer within it
  };
  explicit KvMemory(PageTable table) : table_(std::move(table)) {}
  std::byte* page(std::size_t group, std::uint32_t number) const {
    return memory_[group].get() + number * groups_[group].page_bytes();
  }

  PageTable table_;
  std::vector<KvGroup> groups_;
  std::vector<Place> places_;  // per layer
  std::vector<Pages> memory_;  // per group; large pages where there are: attention jumps from plane to plane
  std::uint64_t copies_on_write_ = 0;
};

}  // namespace assay::direct
