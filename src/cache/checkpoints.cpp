#include "cache/checkpoints.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/check.h"

namespace assay {

Result<Checkpoints> Checkpoints::create(std::uint32_t slots, std::uint32_t sequences) {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  ASSAY_TRY(in_range("checkpoints: slots", slots, 1, most));
  ASSAY_TRY(in_range("checkpoints: sequences", sequences, 1, most));
  Checkpoints out;
  ASSAY_TRY(resize(out.lists_, sequences, "checkpoints"));
  ASSAY_TRY(resize(out.references_, slots, "checkpoints"));
  ASSAY_TRY(resize(out.free_, slots, "checkpoints"));
  for (std::uint32_t i = 0; i < slots; ++i) out.free_[i] = slots - 1 - i;
  return out;
}

Result<void> Checkpoints::known(std::uint32_t sequence) const {
  if (sequence < lists_.size()) return {};
  return fail(Errc::bad_value, "checkpoints: sequence is " + std::to_string(sequence) + ", expected less than " +
                                   std::to_string(lists_.size()));
}

void Checkpoints::drop(std::uint32_t slot) {
  ASSAY_ASSERT(references_[slot] > 0);
  if (--references_[slot] == 0) free_.push_back(slot);
}

// Without a copy, going back to it costs as many positions as lie between it and the one before, in each sequence that
// lists it.
void Checkpoints::give_up_one() {
  std::vector<std::uint64_t> worth(references_.size(), 0);
  for (const auto& list : lists_) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      constexpr std::uint64_t first = 1ULL << 32U;  // above any gap, and in order among themselves
      worth[list[i].slot] += i == 0 ? first + list[i].position : list[i].position - list[i - 1].position;
    }
  }
  // Every slot is used: none is worth 0.
  const auto least = static_cast<std::uint32_t>(std::ranges::min_element(worth) - worth.begin());
  for (auto& list : lists_) {
    if (std::erase_if(list, [&](const Copy& copy) { return copy.slot == least; }) != 0) drop(least);
  }
}

Result<Checkpoints::Taken> Checkpoints::take(std::uint32_t sequence, std::uint32_t position) {
  ASSAY_TRY(known(sequence));
  auto& list = lists_[sequence];
  if (!list.empty() && list.back().position == position) return Taken{list.back().slot, false};
  if (position == 0 || (!list.empty() && list.back().position > position)) {
    return fail(Errc::bad_value, "checkpoints: position " + std::to_string(position) + " of sequence " +
                                     std::to_string(sequence) + ", expected one behind " +
                                     std::to_string(list.empty() ? 0 : list.back().position));
  }
  if (free_.empty()) give_up_one();
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  references_[slot] = 1;
  list.push_back({position, slot});
  return Taken{slot, true};
}

std::optional<Checkpoints::Copy> Checkpoints::latest(std::uint32_t sequence, std::uint32_t position) const {
  const auto& list = lists_[sequence];
  const auto behind = std::ranges::upper_bound(list, position, {}, &Copy::position);
  if (behind == list.begin()) return std::nullopt;
  return *(behind - 1);
}

Result<void> Checkpoints::cut(std::uint32_t sequence, std::uint32_t position) {
  ASSAY_TRY(known(sequence));
  auto& list = lists_[sequence];
  while (!list.empty() && list.back().position > position) {
    drop(list.back().slot);
    list.pop_back();
  }
  return {};
}

Result<void> Checkpoints::share(std::uint32_t from, std::uint32_t to, std::uint32_t upto) {
  ASSAY_TRY(known(from));
  ASSAY_TRY(known(to));
  if (from == to || !lists_[to].empty()) {
    return fail(Errc::bad_value, "checkpoints: sequence " + std::to_string(to) + " has " +
                                     std::to_string(lists_[to].size()) + ", expected one without other than " +
                                     std::to_string(from));
  }
  for (const Copy& copy : lists_[from]) {
    if (copy.position > upto) break;
    lists_[to].push_back(copy);
    ++references_[copy.slot];
  }
  return {};
}

Result<void> Checkpoints::check_invariants() const {
  std::vector<std::uint32_t> listed(references_.size());
  for (const auto& list : lists_) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0 && list[i - 1].position >= list[i].position) return fail(Errc::bug, "copies stand out of order");
      ++listed[list[i].slot];
    }
  }
  if (listed != references_) return fail(Errc::bug, "references differ from the lists that hold them");
  std::vector<std::uint32_t> on_free_list(references_.size());
  for (const std::uint32_t slot : free_) ++on_free_list[slot];
  for (std::size_t i = 0; i < references_.size(); ++i) {
    if (on_free_list[i] != (references_[i] == 0 ? 1U : 0U)) return fail(Errc::bug, "a slot is neither free nor listed");
  }
  return {};
}

}  // namespace assay
