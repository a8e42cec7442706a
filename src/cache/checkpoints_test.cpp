#include "cache/checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::uint32_t> positions(const Checkpoints& all, std::uint32_t sequence) {
  std::vector<std::uint32_t> out;
  for (const auto& copy : all.copies(sequence)) out.push_back(copy.position);
  return out;
}

TEST(Checkpoints, the_latest_at_or_before_a_position_is_restored) {
  Checkpoints all = Checkpoints::create(8, 2).value();
  EXPECT_FALSE(all.latest(0, 100)) << "from the beginning";
  for (const std::uint32_t position : {10, 20, 30}) ASSERT_TRUE(all.take(0, position));
  EXPECT_FALSE(all.latest(0, 9));
  EXPECT_EQ(all.latest(0, 10)->position, 10U);
  EXPECT_EQ(all.latest(0, 29)->position, 20U);
  EXPECT_EQ(all.latest(0, 1000)->position, 30U);
  ASSERT_TRUE(all.cut(0, 20));
  EXPECT_THAT(positions(all, 0), ElementsAre(10, 20));
  EXPECT_EQ(all.slots_free(), 6U);
}

TEST(Checkpoints, one_that_stands_is_not_copied_again) {
  Checkpoints all = Checkpoints::create(2, 1).value();
  const auto first = all.take(0, 7);
  const auto again = all.take(0, 7);
  EXPECT_TRUE(first->fresh);
  EXPECT_FALSE(again->fresh);
  EXPECT_EQ(again->slot, first->slot);
}

TEST(Checkpoints, a_shared_copy_is_free_when_nobody_lists_it) {
  Checkpoints all = Checkpoints::create(4, 3).value();
  ASSERT_TRUE(all.take(0, 5));
  ASSERT_TRUE(all.take(0, 9));
  ASSERT_TRUE(all.share(0, 1, 8));
  EXPECT_THAT(positions(all, 1), ElementsAre(5));
  ASSERT_TRUE(all.cut(0, 0));
  EXPECT_EQ(all.slots_free(), 3U);
  ASSERT_TRUE(all.cut(1, 0));
  EXPECT_EQ(all.slots_free(), 4U);
}

TEST(Checkpoints, the_smallest_gap_goes_when_the_budget_is_spent) {
  Checkpoints all = Checkpoints::create(3, 2).value();
  for (const std::uint32_t position : {100, 110, 300}) ASSERT_TRUE(all.take(0, position));
  ASSERT_TRUE(all.take(0, 400));
  EXPECT_THAT(positions(all, 0), ElementsAre(100, 300, 400)) << "110 was 10 behind 100";
  ASSERT_TRUE(all.take(1, 50));
  EXPECT_THAT(positions(all, 0), ElementsAre(100, 300));
  EXPECT_THAT(positions(all, 1), ElementsAre(50));
}

TEST(Checkpoints, calls_that_break_their_terms_are_refused_and_change_nothing) {
  const auto said = [](const auto& result) { return result ? std::string("done") : to_string(result.error()); };
  EXPECT_THAT(said(Checkpoints::create(0, 1)), HasSubstr("slots is 0"));
  EXPECT_THAT(said(Checkpoints::create(1, 0)), HasSubstr("sequences is 0"));
  Checkpoints all = Checkpoints::create(2, 2).value();
  EXPECT_THAT(said(all.take(2, 1)), HasSubstr("sequence is 2, expected less than 2"));
  EXPECT_THAT(said(all.take(0, 0)), HasSubstr("position 0 of sequence 0, expected one behind 0"));
  ASSERT_TRUE(all.take(0, 9));
  EXPECT_THAT(said(all.take(0, 8)), HasSubstr("position 8 of sequence 0, expected one behind 9"));
  EXPECT_THAT(said(all.share(0, 0, 9)), HasSubstr("sequence 0 has 1"));
  EXPECT_THAT(said(all.share(1, 0, 9)), HasSubstr("sequence 0 has 1"));
  EXPECT_THAT(said(all.share(0, 5, 9)), HasSubstr("sequence is 5"));
  EXPECT_THAT(said(all.cut(7, 0)), HasSubstr("sequence is 7"));
  EXPECT_THAT(positions(all, 0), ElementsAre(9));
  EXPECT_TRUE(all.check_invariants());
}

// A state that cannot be wound back: each token is mixed into it for good.
std::uint64_t mixed(std::uint64_t state, std::uint32_t token) {
  return (state ^ token) * 0x9e3779b97f4a7c15ULL + (state >> 29U);
}

// Sequences of such states, with copies at chosen places: whatever is asked of them, they are what computing from the
// beginning gives.
class Owner {
 public:
  explicit Owner(std::uint64_t seed)
      : random_(seed),
        slots_(static_cast<std::uint32_t>(1 + random_.below(8))),
        copies_(Checkpoints::create(slots_, count).value()),
        memory_(slots_) {}

  std::uint64_t restored = 0;
  std::uint64_t spared = 0;  // positions that were not computed again

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      const std::uint64_t choice = random_.below(10);
      const auto sequence = static_cast<std::uint32_t>(random_.below(count));
      if (choice < 5) {
        grow(sequence);
      } else if (choice < 8) {
        go_back(sequence, static_cast<std::uint32_t>(random_.below(tokens_[sequence].size() + 1)));
      } else {
        share(sequence, static_cast<std::uint32_t>(random_.below(count)));
      }
      const auto held = copies_.check_invariants();
      ASSERT_TRUE(held) << to_string(held.error());
      compare();
    }
  }

 private:
  static constexpr std::uint32_t count = 4;

  void grow(std::uint32_t s) {
    for (std::uint64_t n = random_.below(20); n > 0; --n) {
      tokens_[s].push_back(static_cast<std::uint32_t>(random_.below(1000)));
      states_[s] = mixed(states_[s], tokens_[s].back());
    }
    if (tokens_[s].empty() || random_.below(3) == 0) return;
    const auto taken = copies_.take(s, static_cast<std::uint32_t>(tokens_[s].size()));
    ASSERT_TRUE(taken) << to_string(taken.error());
    if (taken->fresh) memory_[taken->slot] = states_[s];
  }

  // To exactly `position`: the copy before it, and the rest computed again.
  void go_back(std::uint32_t s, std::uint32_t position) {
    const auto from = copies_.latest(s, position);
    ASSERT_TRUE(copies_.cut(s, position));
    states_[s] = from ? memory_[from->slot] : 0;
    tokens_[s].resize(position);
    for (std::uint32_t p = from ? from->position : 0; p < position; ++p) states_[s] = mixed(states_[s], tokens_[s][p]);
    restored += from ? 1 : 0;
    spared += from ? from->position : 0;
  }

  void share(std::uint32_t from, std::uint32_t to) {
    if (from == to || !tokens_[to].empty()) {
      if (from != to && copies_.copies(to).empty()) return;
      ASSERT_FALSE(copies_.share(from, to, 1));
      return;
    }
    const auto upto = static_cast<std::uint32_t>(random_.below(tokens_[from].size() + 1));
    ASSERT_TRUE(copies_.share(from, to, upto));
    tokens_[to].assign(tokens_[from].begin(), tokens_[from].begin() + upto);
    go_back(to, upto);
  }

  void compare() {
    for (std::uint32_t s = 0; s < count; ++s) {
      std::uint64_t state = 0;
      for (const std::uint32_t token : tokens_[s]) state = mixed(state, token);
      ASSERT_EQ(states_[s], state) << s;
    }
  }

  Random random_;
  const std::uint32_t slots_;
  Checkpoints copies_;
  std::vector<std::uint64_t> memory_;  // per slot
  std::vector<std::vector<std::uint32_t>> tokens_ = std::vector<std::vector<std::uint32_t>>(count);
  std::vector<std::uint64_t> states_ = std::vector<std::uint64_t>(count);
};

TEST(Checkpoints, a_state_is_what_computing_it_from_the_beginning_gives_over_hundreds_of_seeds) {
  std::uint64_t restored = 0;
  std::uint64_t spared = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Owner owner(seed);
    owner.run(80);
    if (HasFailure()) return;
    restored += owner.restored;
    spared += owner.spared;
  }
  EXPECT_GT(restored, 1000U);
  EXPECT_GT(spared, 10'000U);
}

}  // namespace
}  // namespace assay
