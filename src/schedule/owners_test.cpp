#include "schedule/owners.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/random.h"

namespace assay::schedule {
namespace {

TEST(Owners, time_away_saves_nothing_up_and_debts_stay) {
  Owners owners;
  owners.enter(1);
  owners.serve(1, 1000);
  owners.enter(2);
  EXPECT_EQ(owners.served(2), 1000U) << "no credit for the time before";
  owners.serve(2, 500);
  owners.leave(2);
  owners.serve(1, 100);
  owners.enter(2);
  EXPECT_EQ(owners.served(2), 1500U) << "leaving and coming back clears nothing";
  owners.leave(2);
  owners.serve(1, 1000);
  owners.enter(2);
  EXPECT_EQ(owners.served(2), 2100U);
}

TEST(Owners, whoever_left_and_owes_nothing_is_forgotten) {
  Owners owners;
  owners.enter(0);
  for (OwnerId owner = 1; owner <= 10'000; ++owner) {
    owners.enter(owner);
    owners.serve(owner, 5);
    owners.serve(0, 5);
    owners.leave(owner);
    ASSERT_LE(owners.known(), 3U);
  }
  owners.leave(0);
  EXPECT_EQ(owners.known(), 0U);
}

// Owners that always have something waiting, with requests of any sizes: whoever is served least goes first. Between two of
// them the difference is never more than the largest request.
TEST(Owners, those_who_always_want_something_get_the_same) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const std::size_t count = 2 + random.below(6);
    const std::uint64_t largest = 1 + random.below(5000);
    Owners owners;
    for (OwnerId owner = 0; owner < count; ++owner) owners.enter(owner);
    std::array<std::uint64_t, 8> got{};
    for (int turn = 0; turn < 500; ++turn) {
      OwnerId next = 0;
      for (OwnerId owner = 1; owner < count; ++owner) {
        if (owners.served(owner) < owners.served(next)) next = owner;
      }
      const std::uint64_t tokens = 1 + random.below(largest);
      owners.serve(next, tokens);
      got[next] += tokens;
      const auto [low, high] = std::minmax_element(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(count));
      ASSERT_LE(*high - *low, largest) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace assay::schedule
