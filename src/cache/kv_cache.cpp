#include "cache/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace assay {
namespace {

constexpr std::uint32_t page_positions = kernel::kv_page_positions;

std::uint32_t pages_of(std::uint32_t length) { return static_cast<std::uint32_t>(KvShape::pages_for(length)); }

Result<void> check_shape(const KvShape& shape, std::uint32_t pages, std::uint32_t sequences) {
  const std::uint32_t dim = shape.layout.head_dim;
  const auto bad = [](const std::string& what) { return fail(Errc::bad_value, "KV cache: " + what); };
  if (shape.layers == 0) return bad("layers is 0, expected at least 1");
  if (shape.kv_heads == 0) return bad("kv_heads is 0, expected at least 1");
  if (pages == 0) return bad("pages is 0, expected at least 1");
  if (sequences == 0) return bad("sequences is 0, expected at least 1");
  if (dim == 0 || dim > kernel::kv_head_dim_max) {
    return bad("head_dim is " + std::to_string(dim) + ", expected 1 to " + std::to_string(kernel::kv_head_dim_max));
  }
  if (shape.layout.type == kernel::KvType::q8_0 && dim % 32 != 0) {
    return bad("head_dim is " + std::to_string(dim) + ", expected a multiple of 32 for type q8_0");
  }
  return {};
}

struct Total {
  std::uint32_t sequence;
  std::uint64_t positions;
};

// One entry per sequence, by rising number.
std::vector<Total> totals(std::span<const KvCache::Growth> growth) {
  std::vector<Total> all;
  for (const auto& [sequence, positions] : growth) all.push_back({sequence, positions});
  std::ranges::sort(all, {}, &Total::sequence);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (kept > 0 && all[kept - 1].sequence == all[i].sequence) {
      all[kept - 1].positions += all[i].positions;
    } else {
      all[kept++] = all[i];
    }
  }
  all.resize(kept);
  return all;
}

}  // namespace

Result<KvCache> KvCache::create(const KvShape& shape, std::uint32_t pages, std::uint32_t sequences) {
  ASSAY_TRY(check_shape(shape, pages, sequences));
  std::uint64_t planes = 0;
  std::uint64_t bytes = 0;
  const bool fits = checked_mul(std::uint64_t{shape.layers} * shape.kv_heads, pages, planes) &&
                    checked_mul(planes, shape.layout.plane_bytes(), bytes) &&
                    bytes <= std::numeric_limits<std::size_t>::max() / 2;
  const auto full = [&](const std::string& amount) {
    return fail(Errc::full, "KV cache: " + amount + " for " + std::to_string(pages) + " pages of " +
                                std::to_string(page_positions) + " positions cannot be had");
  };
  if (!fits) return full("more than 2^63 bytes");
  KvCache cache;
  cache.shape_ = shape;
  cache.memory_ = allocate_pages(bytes);
  if (!cache.memory_) return full(std::to_string(bytes) + " bytes");
  ASSAY_TRY(resize(cache.table_, sequences, "KV cache"));
  ASSAY_TRY(resize(cache.references_, pages, "KV cache"));
  ASSAY_TRY(resize(cache.free_, pages, "KV cache"));
  for (std::uint32_t i = 0; i < pages; ++i) cache.free_[i] = pages - 1 - i;  // the first page is taken first
  return cache;
}

KvStatistics KvCache::statistics() const {
  const auto total = static_cast<std::uint32_t>(references_.size());
  const std::uint32_t used = total - pages_free();
  const auto shared = std::ranges::count_if(references_, [](std::uint32_t count) { return count > 1; });
  return {.pages_total = total,
          .pages_used = used,
          .pages_shared = static_cast<std::uint32_t>(shared),
          .bytes_total = total * shape_.page_bytes(),
          .bytes_used = used * shape_.page_bytes(),
          .copies_on_write = copies_on_write_};
}

std::uint32_t KvCache::take_page() {
  ASSAY_ASSERT(!free_.empty());
  const std::uint32_t number = free_.back();
  free_.pop_back();
  references_[number] = 1;
  return number;
}

void KvCache::drop_page(std::uint32_t number) {
  ASSAY_ASSERT(references_[number] > 0);
  if (--references_[number] == 0) free_.push_back(number);
}

Result<void> KvCache::known(std::uint32_t sequence) const {
  if (sequence < table_.size()) return {};
  return fail(Errc::bad_value, "KV cache: sequence is " + std::to_string(sequence) + ", expected less than " +
                                   std::to_string(table_.size()));
}

std::uint64_t KvCache::pages_needed(std::span<const Growth> growth) const {
  std::uint64_t needed = 0;
  std::vector<std::uint32_t> copied;  // shared pages, once per sequence that will copy them
  for (const auto& [id, positions] : totals(growth)) {
    const Sequence& sequence = table_[id];
    if (positions == 0) continue;
    needed += KvShape::pages_for(sequence.length + positions) - sequence.pages.size();
    if (sequence.length % page_positions == 0) continue;
    // Of r sequences that share a last page the first r - 1 to write copy it; the last finds itself alone.
    const std::uint32_t last = sequence.pages.back();
    if (references_[last] > static_cast<std::uint64_t>(std::ranges::count(copied, last)) + 1) {
      copied.push_back(last);
      ++needed;
    }
  }
  return needed;
}

Result<void> KvCache::append(std::span<const Growth> growth) {
  for (const auto& [id, positions] : growth) ASSAY_TRY(known(id));
  for (const auto& [id, positions] : totals(growth)) {
    const std::uint64_t length = table_[id].length + positions;
    if (length > std::numeric_limits<std::uint32_t>::max()) {
      return fail(Errc::bad_value, "KV cache: sequence " + std::to_string(id) + " would reach " +
                                       std::to_string(length) + " positions, expected less than 2^32");
    }
  }
  const std::uint64_t needed = pages_needed(growth);
  if (needed > free_.size()) {
    return fail(Errc::full, "KV cache: " + std::to_string(needed) + " pages of " + std::to_string(page_positions) +
                                " positions are needed, " + std::to_string(free_.size()) + " of " +
                                std::to_string(references_.size()) + " are free");
  }
  for (const auto& [id, positions] : growth) {
    if (positions == 0) continue;
    Sequence& sequence = table_[id];
    if (sequence.length % page_positions != 0 && references_[sequence.pages.back()] > 1) {
      const std::uint32_t old = sequence.pages.back();
      sequence.pages.back() = take_page();
      std::memcpy(page(sequence.pages.back()), page(old), shape_.page_bytes());
      drop_page(old);
      ++copies_on_write_;
    }
    sequence.length += positions;
    while (sequence.pages.size() < pages_of(sequence.length)) sequence.pages.push_back(take_page());
  }
  return {};
}

Result<void> KvCache::share(std::uint32_t from, std::uint32_t to, std::uint32_t upto) {
  ASSAY_TRY(known(from));
  ASSAY_TRY(known(to));
  if (from == to || table_[to].length != 0) {
    return fail(Errc::bad_value, "KV cache: sequence " + std::to_string(to) + " holds " +
                                     std::to_string(table_[to].length) +
                                     " positions, expected an empty one other than " + std::to_string(from));
  }
  if (upto > table_[from].length) {
    return fail(Errc::bad_value, "KV cache: " + std::to_string(upto) + " positions of sequence " +
                                     std::to_string(from) + " were to be shared, it holds " +
                                     std::to_string(table_[from].length));
  }
  const auto shared = std::span(table_[from].pages).first(pages_of(upto));
  table_[to].pages.assign(shared.begin(), shared.end());
  table_[to].length = upto;
  for (const std::uint32_t number : shared) ++references_[number];
  return {};
}

Result<void> KvCache::truncate(std::uint32_t id, std::uint32_t length) {
  ASSAY_TRY(known(id));
  Sequence& sequence = table_[id];
  if (length >= sequence.length) return {};
  sequence.length = length;
  while (sequence.pages.size() > pages_of(length)) {
    drop_page(sequence.pages.back());
    sequence.pages.pop_back();
  }
  return {};
}

void KvCache::store(kernel::Isa isa, std::uint32_t id, std::uint32_t position, std::uint32_t layer, std::uint32_t head,
                    std::span<const float> key, std::span<const float> value) {
  const Sequence& sequence = table_[id];
  ASSAY_ASSERT(position < sequence.length && layer < shape_.layers && head < shape_.kv_heads);
  const std::uint32_t number = sequence.pages[position / page_positions];
  ASSAY_ASSERT(references_[number] == 1);
  std::byte* plane = page(number) + (std::size_t{layer} * shape_.kv_heads + head) * shape_.layout.plane_bytes();
  kernel::kv_store(isa, shape_.layout, plane, position % page_positions, key, value);
}

kernel::KvPages KvCache::view(std::uint32_t id, std::uint32_t layer, std::uint32_t head) const {
  ASSAY_ASSERT(id < table_.size() && layer < shape_.layers && head < shape_.kv_heads);
  const std::size_t plane = (std::size_t{layer} * shape_.kv_heads + head) * shape_.layout.plane_bytes();
  return {shape_.layout, memory_.get() + plane, shape_.page_bytes(), table_[id].pages};
}

Result<void> KvCache::check_invariants() const {
  std::vector<std::uint32_t> listed(references_.size());
  for (const auto& sequence : table_) {
    if (sequence.pages.size() != pages_of(sequence.length))
      return fail(Errc::bug, "a sequence lists other pages than its length needs");
    for (const std::uint32_t number : sequence.pages) ++listed[number];
  }
  if (listed != references_) return fail(Errc::bug, "references differ from the lists that hold them");
  std::vector<std::uint32_t> on_free_list(references_.size());
  for (const std::uint32_t number : free_) ++on_free_list[number];
  for (std::size_t i = 0; i < references_.size(); ++i) {
    if (on_free_list[i] != (references_[i] == 0 ? 1U : 0U))
      return fail(Errc::bug, "a page is neither free nor listed, or both");
  }
  return {};
}

}  // namespace assay
