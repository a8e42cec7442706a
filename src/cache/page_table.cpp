#include "cache/page_table.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"

namespace assay {
namespace {

struct Total {
  std::uint32_t sequence;
  std::uint64_t positions;
};

// One entry per sequence, by rising number.
std::vector<Total> totals(std::span<const PageTable::Growth> growth) {
  std::vector<Total> all;
  all.reserve(growth.size());
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

Result<PageTable> PageTable::create(std::span<const PageGroup> groups, std::uint32_t page, std::uint32_t sequences) {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  ASSAY_TRY(in_range("page table: groups", groups.size(), 1, most));
  ASSAY_TRY(in_range("page table: positions of a page", page, 1, most));
  ASSAY_TRY(in_range("page table: sequences", sequences, 1, most));
  PageTable table;
  table.page_ = page;
  ASSAY_TRY(resize(table.lengths_, sequences, "page table"));
  ASSAY_TRY(resize(table.groups_, groups.size(), "page table"));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::uint32_t pages = groups[g].pages;
    ASSAY_TRY(in_range("page table: pages", pages, 1, no_page));
    Group& group = table.groups_[g];
    group.window = groups[g].window;
    ASSAY_TRY(resize(group.lists, sequences, "page table"));
    ASSAY_TRY(resize(group.references, pages, "page table"));
    ASSAY_TRY(resize(group.free, pages, "page table"));
    for (std::uint32_t i = 0; i < pages; ++i) group.free[i] = pages - 1 - i;  // the first page is taken first
  }
  return table;
}

std::uint32_t PageTable::Group::take() {
  ASSAY_ASSERT(!free.empty());
  const std::uint32_t number = free.back();
  free.pop_back();
  references[number] = 1;
  return number;
}

void PageTable::Group::drop(std::uint32_t number) {
  ASSAY_ASSERT(references[number] > 0);
  if (--references[number] == 0) free.push_back(number);
}

PageCounts PageTable::counts(std::size_t group) const {
  const Group& g = groups_[group];
  const auto total = static_cast<std::uint32_t>(g.references.size());
  const auto shared = std::ranges::count_if(g.references, [](std::uint32_t count) { return count > 1; });
  return {.total = total,
          .used = total - pages_free(group),
          .shared = static_cast<std::uint32_t>(shared),
          .returned = g.returned};
}

Result<void> PageTable::known(std::uint32_t sequence) const {
  if (sequence < lengths_.size()) return {};
  return fail(Errc::bad_value, "KV cache: sequence is " + std::to_string(sequence) + ", expected less than " +
                                   std::to_string(lengths_.size()));
}

std::string PageTable::where(std::size_t group) const {
  if (groups_.size() == 1) return "";
  const std::uint32_t window = groups_[group].window;
  return window == 0 ? " (layers that see everything)" : " (layers with a window of " + std::to_string(window) + ")";
}

std::uint32_t PageTable::passable(const Group& group, std::uint32_t length) const {
  if (group.window == 0 || length < group.window) return 0;
  return (length - group.window + 1) / page_;
}

std::int64_t PageTable::pages_needed(std::span<const Growth> growth, std::size_t group) const {
  const Group& g = groups_[group];
  std::int64_t needed = 0;
  std::vector<std::uint32_t> let_go(g.references.size());  // references that this call drops
  const auto let = [&](std::uint32_t page) {
    if (++let_go[page] == g.references[page]) --needed;
  };
  std::vector<Total> all = totals(growth);
  std::erase_if(all, [](const Total& total) { return total.positions == 0; });
  for (const auto& [id, positions] : all) {
    const List& list = g.lists[id];
    for (std::uint32_t i = list.passed; i < passable(g, lengths_[id]); ++i) let(list.pages[i]);
  }
  for (const auto& [id, positions] : all) {
    const List& list = g.lists[id];
    const std::uint32_t length = lengths_[id];
    needed += static_cast<std::int64_t>(pages_for(length + positions) - list.pages.size());
    if (length % page_ == 0) continue;
    // Of r sequences that share a last page the first r - 1 to write copy it; the last finds itself alone.
    const std::uint32_t last = list.pages.back();
    if (g.references[last] > let_go[last] + 1) {
      ++let_go[last];
      ++needed;
    }
  }
  return needed;
}

void PageTable::pass(Group& group, std::uint32_t sequence) const {
  List& list = group.lists[sequence];
  for (const std::uint32_t end = passable(group, lengths_[sequence]); list.passed < end; ++list.passed) {
    group.drop(std::exchange(list.pages[list.passed], no_page));
    ++group.returned;
  }
}

Result<std::span<const PageCopy>> PageTable::append(std::span<const Growth> growth) {
  for (const auto& [id, positions] : growth) ASSAY_TRY(known(id));
  const std::vector<Total> all = totals(growth);
  for (const auto& [id, positions] : all) {
    const std::uint64_t length = lengths_[id] + positions;
    if (length > std::numeric_limits<std::uint32_t>::max()) {
      return fail(Errc::bad_value, "KV cache: sequence " + std::to_string(id) + " would reach " +
                                       std::to_string(length) + " positions, expected less than 2^32");
    }
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::int64_t needed = pages_needed(growth, g);
    const auto free = static_cast<std::int64_t>(groups_[g].free.size());
    if (needed <= free) continue;
    return fail(Errc::full, "KV cache: " + std::to_string(needed) + " pages of " + std::to_string(page_) +
                                " positions" + where(g) + " are needed, " + std::to_string(free) + " of " +
                                std::to_string(groups_[g].references.size()) + " are free");
  }
  copies_.clear();
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    // First what goes back: the pages needed were counted with it.
    for (const auto& [id, positions] : all) {
      if (positions > 0) pass(group, id);
    }
    for (const auto& [id, positions] : all) {
      if (positions == 0) continue;
      List& list = group.lists[id];
      if (lengths_[id] % page_ != 0 && group.references[list.pages.back()] > 1) {
        const std::uint32_t old = list.pages.back();
        list.pages.back() = group.take();
        copies_.push_back({g, old, list.pages.back()});
        group.drop(old);
      }
      const auto count = static_cast<std::size_t>(pages_for(lengths_[id] + positions));
      while (list.pages.size() < count) list.pages.push_back(group.take());
    }
  }
  for (const auto& [id, positions] : all) lengths_[id] += static_cast<std::uint32_t>(positions);
  return copies_;
}

Result<void> PageTable::reaches(std::uint32_t sequence, std::uint32_t length, const char* doing) const {
  if (length == 0) return {};
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::uint32_t passed = groups_[g].lists[sequence].passed;
    if (passed <= passable(groups_[g], length)) continue;
    return fail(Errc::unsupported, "KV cache: " + std::string(doing) + " " + std::to_string(length) + " of " +
                                       std::to_string(lengths_[sequence]) + " positions of sequence " +
                                       std::to_string(sequence) + ": a window of " + std::to_string(groups_[g].window) +
                                       " has passed what the next one would see");
  }
  return {};
}

Result<void> PageTable::share(std::uint32_t from, std::uint32_t to, std::uint32_t upto) {
  ASSAY_TRY(known(from));
  ASSAY_TRY(known(to));
  if (from == to || lengths_[to] != 0) {
    return fail(Errc::bad_value, "KV cache: sequence " + std::to_string(to) + " holds " + std::to_string(lengths_[to]) +
                                     " positions, expected an empty one other than " + std::to_string(from));
  }
  if (upto > lengths_[from]) {
    return fail(Errc::bad_value, "KV cache: " + std::to_string(upto) + " positions of sequence " +
                                     std::to_string(from) + " were to be shared, it holds " +
                                     std::to_string(lengths_[from]));
  }
  ASSAY_TRY(reaches(from, upto, "sharing"));
  for (Group& group : groups_) {
    const List& giver = group.lists[from];
    const auto shared = std::span(giver.pages).first(static_cast<std::size_t>(pages_for(upto)));
    List& taker = group.lists[to];
    taker.pages.assign(shared.begin(), shared.end());
    taker.passed = upto == 0 ? 0 : giver.passed;
    for (const std::uint32_t number : shared.subspan(taker.passed)) ++group.references[number];
  }
  lengths_[to] = upto;
  return {};
}

Result<void> PageTable::truncate(std::uint32_t id, std::uint32_t length) {
  ASSAY_TRY(known(id));
  if (length >= lengths_[id]) return {};
  ASSAY_TRY(reaches(id, length, "keeping"));
  for (Group& group : groups_) {
    List& list = group.lists[id];
    while (list.pages.size() > pages_for(length)) {
      if (list.pages.back() != no_page) group.drop(list.pages.back());
      list.pages.pop_back();
    }
    if (length == 0) list.passed = 0;
  }
  lengths_[id] = length;
  return {};
}

Result<void> PageTable::check_invariants() const {
  for (const Group& group : groups_) {
    std::vector<std::uint32_t> listed(group.references.size());
    for (std::size_t s = 0; s < group.lists.size(); ++s) {
      const auto& [passed, pages] = group.lists[s];
      if (pages.size() != pages_for(lengths_[s]))
        return fail(Errc::bug, "a sequence lists other pages than its length needs");
      if (passed > passable(group, lengths_[s])) return fail(Errc::bug, "a page that will be seen was given back");
      for (std::uint32_t i = 0; i < pages.size(); ++i) {
        if ((pages[i] == no_page) != (i < passed)) return fail(Errc::bug, "pages passed are not the first ones");
        if (pages[i] != no_page) ++listed[pages[i]];
      }
    }
    if (listed != group.references) return fail(Errc::bug, "references differ from the lists that hold them");
    std::vector<std::uint32_t> on_free_list(group.references.size());
    for (const std::uint32_t number : group.free) ++on_free_list[number];
    for (std::size_t i = 0; i < group.references.size(); ++i) {
      if (on_free_list[i] != (group.references[i] == 0 ? 1U : 0U))
        return fail(Errc::bug, "a page is neither free nor listed, or both");
    }
  }
  return {};
}

}  // namespace assay
