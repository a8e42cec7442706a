#include "process/shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <utility>

namespace assay::process {
namespace {

TEST(SharedMemory, is_seen_by_both_who_map_it) {
  auto memory = SharedMemory::create(100'000);
  ASSERT_TRUE(memory);
  ASSERT_EQ(memory->bytes().size(), 100'000U);
  EXPECT_EQ(memory->bytes()[99'999], std::byte{0});
  auto other = SharedMemory::adopt(::dup(memory->descriptor()));
  ASSERT_TRUE(other);
  ASSERT_EQ(other->bytes().size(), 100'000U);
  other->bytes()[7] = std::byte{42};
  EXPECT_EQ(memory->bytes()[7], std::byte{42});
  const SharedMemory moved = std::move(*memory);
  EXPECT_EQ(moved.bytes()[7], std::byte{42});
  EXPECT_TRUE(memory->bytes().empty());  // NOLINT(bugprone-use-after-move): that it is empty is promised
}

TEST(SharedMemory, cannot_be_cut_short_by_the_other_side) {
  auto memory = SharedMemory::create(8192);
  ASSERT_TRUE(memory);
  EXPECT_NE(::ftruncate(memory->descriptor(), 0), 0);
  EXPECT_NE(::ftruncate(memory->descriptor(), 1 << 20), 0);
  memory->bytes()[8191] = std::byte{1};
}

TEST(SharedMemory, only_such_memory_is_adopted) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_EQ(SharedMemory::adopt(ends[0]).error().code, Errc::bad_value);
  EXPECT_EQ(SharedMemory::adopt(1000).error().code, Errc::bad_value);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(SharedMemory, has_no_name_that_could_be_left_behind) {
  const auto entries = [] {
    std::size_t count = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator it("/dev/shm", error), end; !error && it != end; it.increment(error))
      ++count;
    return count;
  };
  const std::size_t before = entries();
  const auto memory = SharedMemory::create(4096);
  ASSERT_TRUE(memory);
  EXPECT_EQ(entries(), before);
}

}  // namespace
}  // namespace assay::process
