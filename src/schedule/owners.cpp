#include "schedule/owners.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace assay::schedule {

std::uint64_t Owners::least() const {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [owner, account] : table_) {
    if (account.live > 0) least = std::min(least, account.served);
  }
  return least;
}

void Owners::enter(OwnerId owner) {
  const std::uint64_t floor = least();
  Account& account = table_[owner];
  const bool alone = floor == std::numeric_limits<std::uint64_t>::max();
  if (account.live == 0 && !alone) account.served = std::max(account.served, floor);
  ++account.live;
}

void Owners::leave(OwnerId owner) {
  const auto account = table_.find(owner);
  ASSAY_ASSERT(account != table_.end() && account->second.live > 0);
  if (--account->second.live > 0) return;
  // Of those that left, whoever would start at the floor anyway is forgotten; where nobody is left, all are.
  const std::uint64_t floor = least();
  std::erase_if(table_, [&](const auto& one) { return one.second.live == 0 && one.second.served <= floor; });
}

void Owners::serve(OwnerId owner, std::uint64_t tokens) {
  const auto account = table_.find(owner);
  ASSAY_ASSERT(account != table_.end() && account->second.live > 0);
  account->second.served += tokens;
}

std::uint64_t Owners::served(OwnerId owner) const {
  const auto account = table_.find(owner);
  ASSAY_ASSERT(account != table_.end() && account->second.live > 0);
  return account->second.served;
}

}  // namespace assay::schedule
