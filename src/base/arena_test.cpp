#include "base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace assay {
namespace {

TEST(Arena, gives_aligned_pieces_that_do_not_overlap_and_survive_a_move) {
  Arena arena;
  struct Piece {
    std::byte* p;
    std::size_t bytes;
  };
  std::vector<Piece> pieces;
  for (const std::size_t bytes : {1, 64, 65, 3 << 20, 100, 20 << 20, 40 << 20, 7, 70 << 20, 9}) {
    pieces.push_back({arena.allocate(bytes), bytes});
    ASSERT_NE(pieces.back().p, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces.back().p) % 64, 0U);
  }
  const Arena moved = std::move(arena);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    pieces[i].p[0] = pieces[i].p[pieces[i].bytes - 1] = static_cast<std::byte>(i);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i].p[0], static_cast<std::byte>(i));
    EXPECT_EQ(pieces[i].p[pieces[i].bytes - 1], static_cast<std::byte>(i));
  }
}

TEST(Arena, gives_null_for_more_than_there_is) {
  Arena arena;
  EXPECT_EQ(arena.allocate(~std::size_t{0}), nullptr);
  EXPECT_EQ(arena.allocate(~std::size_t{0} / 4), nullptr);
  EXPECT_NE(arena.allocate(10), nullptr);
}

}  // namespace
}  // namespace assay
