// How much each owner of requests has been served, so that owners share the engine evenly however many requests each has:
// the virtual token counter of Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "engine/engine.h"

namespace assay::schedule {

// Invariants:
// 1. An owner is known while it has a live request, or has been served more than the least served of those that do.
// 2. Whoever comes (again) starts no lower than the least served of those that are there: time away saves nothing up.
// Counts are tokens: the prompt's where a request starts (those in the cache cost nothing), one for each of the answer.
// What is computed again because its pages were taken is not counted again.
class Owners {
 public:
  void enter(OwnerId owner);                        // one more live request
  void leave(OwnerId owner);                        // one less; it has one
  void serve(OwnerId owner, std::uint64_t tokens);  // has a live request
  std::uint64_t served(OwnerId owner) const;        // has a live request

  std::size_t known() const { return table_.size(); }

 private:
  struct Account {
    std::uint64_t served = 0;
    std::uint64_t live = 0;  // requests
  };
  std::uint64_t least() const;  // over those with live requests; the largest number where there are none

  std::map<OwnerId, Account> table_;
};

}  // namespace assay::schedule
