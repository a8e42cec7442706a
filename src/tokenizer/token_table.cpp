#include "tokenizer/token_table.h"

#include <bit>

#include "base/error.h"

namespace assay {

TokenTable::TokenTable(std::size_t count) : entries_(std::bit_ceil(count * 2 + 2)), mask_(entries_.size() - 1) {}

void TokenTable::insert(std::string_view text, std::int32_t value) {
  ASSAY_ASSERT(value >= 0);
  if ((count_ + 1) * 2 > entries_.size()) grow();
  const std::uint64_t h = hash_bytes(text.data(), text.size());
  for (std::size_t i = h & mask_;; i = (i + 1) & mask_) {
    Entry& e = entries_[i];
    const bool same = e.value != absent && e.hash == static_cast<std::uint32_t>(h >> 32) && e.size == text.size() &&
                      std::string_view(bytes_).substr(e.begin, e.size) == text;
    if (same) {
      e.value = value;
      return;
    }
    if (e.value != absent) continue;
    ASSAY_ASSERT(bytes_.size() + text.size() < UINT32_MAX);  // vocabularies are refused before they are that large
    e = {static_cast<std::uint32_t>(h >> 32), static_cast<std::uint32_t>(bytes_.size()),
         static_cast<std::uint32_t>(text.size()), value};
    bytes_.append(text);
    longest_ = std::max(longest_, text.size());
    ++count_;
    return;
  }
}

void TokenTable::grow() {
  const std::vector<Entry> old = std::move(entries_);
  entries_.assign(old.size() * 2, Entry{});
  mask_ = entries_.size() - 1;
  for (const Entry& e : old) {
    if (e.value == absent) continue;
    const std::uint64_t h = hash_bytes(bytes_.data() + e.begin, e.size);
    std::size_t i = h & mask_;
    while (entries_[i].value != absent) i = (i + 1) & mask_;
    entries_[i] = e;
  }
}

}  // namespace assay
