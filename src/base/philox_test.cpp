#include "base/philox.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace assay {
namespace {

std::array<std::uint32_t, 4> words(const PhiloxCounter& counter) {
  return {counter.word[0], counter.word[1], counter.word[2], counter.word[3]};
}

// The known answers that the paper's authors publish with their library: philox4x32, 10 rounds.
TEST(Philox, gives_the_published_answers) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(words(philox({{0, 0, 0, 0}}, {{0, 0}})), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(words(philox({{ones, ones, ones, ones}}, {{ones, ones}})),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words(philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, {{0xa4093822, 0x299f31d0}})),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, a_draw_is_made_of_seed_position_and_use_as_documented) {
  const auto bits = words(philox({{7, 1, 0, 0}}, {{0x89abcdef, 0x01234567}}));
  const std::uint64_t number = (std::uint64_t{bits[1]} << 32 | bits[0]) >> 11;
  EXPECT_EQ(uniform_draw(0x0123456789abcdefULL, 7, DrawUse::xtc), static_cast<double>(number) / 9007199254740992.0);
  static_assert(uniform_draw(1, 2, DrawUse::token) < 1);  // a compiler can make it too
}

TEST(Philox, every_bit_of_seed_position_and_use_counts) {
  std::set<double> met = {uniform_draw(0, 0, DrawUse::token), uniform_draw(0, 0, DrawUse::xtc)};
  for (int bit = 0; bit < 64; ++bit) met.insert(uniform_draw(std::uint64_t{1} << bit, 0, DrawUse::token));
  for (int bit = 0; bit < 32; ++bit) met.insert(uniform_draw(0, std::uint32_t{1} << bit, DrawUse::token));
  EXPECT_EQ(met.size(), 2U + 64U + 32U);
}

// Chi-squared over 64 equal parts; 118 is the 99.998 % quantile for 63 degrees. Seeds in a row and positions in a row are
// how they are used: neither may show.
TEST(Philox, draws_fill_the_unit_interval_evenly_along_seeds_and_along_positions) {
  constexpr int draws = 64'000;
  for (const bool along_seeds : {true, false}) {
    std::array<int, 64> counts{};
    for (std::uint32_t i = 0; i < draws; ++i) {
      const double u = along_seeds ? uniform_draw(i, 20, DrawUse::token) : uniform_draw(20, i, DrawUse::token);
      ASSERT_GE(u, 0);
      ASSERT_LT(u, 1);
      ++counts[static_cast<std::size_t>(u * 64)];
    }
    double chi2 = 0;
    for (const int count : counts) chi2 += (count - 1000.0) * (count - 1000.0) / 1000.0;
    EXPECT_LT(chi2, 118) << along_seeds;
    EXPECT_GT(chi2, 20) << "too even to be random";
  }
}

}  // namespace
}  // namespace assay
