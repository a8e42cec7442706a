#include "kernel/ceiling/ceiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/instructions.h"
#include "base/random.h"
#include "kernel/isa.h"

namespace assay::kernel {
namespace {

struct Aligned {
  void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{64}); }
};

// All 64-bit words, each taken once, in plain C++.
std::uint64_t plain_fold(const std::byte* memory, std::size_t bytes) {
  std::uint64_t out = 0;
  for (std::size_t at = 0; at < bytes; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, memory + at, 8);
    out ^= word;
  }
  return out;
}

bool has_path(std::string_view name) {
  const auto paths = int8_paths();
  return std::ranges::any_of(paths, [&](const Int8Path& path) { return path.name == name; });
}

TEST(Ceiling, every_way_of_reading_reads_each_word_exactly_once) {
  Random random(3);
  for (const std::size_t bytes : {read_granule, 3 * read_granule, 16 * read_granule}) {
    const std::unique_ptr<std::byte, Aligned> memory(
        static_cast<std::byte*>(::operator new(bytes, std::align_val_t{64})));
    for (std::size_t i = 0; i < bytes; ++i) memory.get()[i] = static_cast<std::byte>(random.below(256));
    const std::uint64_t expected = plain_fold(memory.get(), bytes);
    for (const ReadPattern& pattern : read_patterns()) {
      EXPECT_EQ(pattern.read(memory.get(), bytes), expected) << pattern.name << ", " << bytes << " bytes";
    }
  }
}

TEST(Ceiling, a_changed_byte_anywhere_is_seen_by_every_way_of_reading) {
  constexpr std::size_t bytes = 2 * read_granule;
  const std::unique_ptr<std::byte, Aligned> memory(
      static_cast<std::byte*>(::operator new(bytes, std::align_val_t{64})));
  std::memset(memory.get(), 0, bytes);
  for (const ReadPattern& pattern : read_patterns()) {
    EXPECT_EQ(pattern.read(memory.get(), bytes), 0U) << pattern.name;
    for (std::size_t i = 0; i < bytes; i += 61) {
      memory.get()[i] = std::byte{1};
      EXPECT_NE(pattern.read(memory.get(), bytes), 0U) << pattern.name << ", byte " << i;
      memory.get()[i] = std::byte{0};
    }
  }
}

TEST(Ceiling, every_multiply_add_that_is_counted_was_done) {
  for (const Int8Path& path : int8_paths()) {
    for (const std::uint64_t rounds : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1024},
                                       std::uint64_t{1025}, std::uint64_t{5000}}) {
      const Int8Work work = path.multiply(rounds);
      EXPECT_EQ(work.macs, rounds * path.multiply(1).macs) << path.name;
      EXPECT_EQ(work.sum, static_cast<std::int64_t>(15 * work.macs)) << path.name << ", " << rounds << " rounds";
    }
  }
}

TEST(Ceiling, sums_stay_exact_for_as_many_rounds_as_are_allowed) {
  for (const Int8Path& path : int8_paths()) {
    if (path.name == "plain") continue;  // seconds
    const Int8Work work = path.multiply(int8_rounds_max);
    EXPECT_EQ(work.sum, static_cast<std::int64_t>(15 * work.macs)) << path.name;
  }
}

TEST(Ceiling, each_path_of_this_machine_is_there_under_its_name) {
  const Instructions has = instructions();
  EXPECT_TRUE(has_path("plain"));
#if defined(__x86_64__)
  EXPECT_EQ(has_path("avx2 maddubs"), best_isa() >= Isa::avx2);
  EXPECT_EQ(has_path("avx vnni"), has.avx_vnni);
  EXPECT_EQ(has_path("avx512 maddubs"), has.avx512bw);
  EXPECT_EQ(has_path("avx512 vnni"), has.avx512_vnni);
  EXPECT_EQ(has_path("amx int8"), has.amx_int8);
  EXPECT_EQ(best_isa() >= Isa::avx512, has.avx512_vnni && best_isa() >= Isa::avx512);
#elif defined(__aarch64__)
  EXPECT_EQ(has_path("dotprod"), has.dotprod);
  EXPECT_EQ(has_path("i8mm"), has.i8mm);
#endif
}

// The widest of an x86 machine: 1024 multiply-adds a cycle. Sums of other lengths and twice in a row, since tiles that
// an earlier call left behind would show in the second.
TEST(Ceiling, amx_tiles_multiply_and_leave_nothing_behind) {
  if (!instructions().amx_int8) GTEST_SKIP() << "this machine has no AMX int8, or its system does not permit it";
  const auto paths = int8_paths();
  const auto amx = std::ranges::find(paths, "amx int8", &Int8Path::name);
  ASSERT_NE(amx, paths.end());
  for (const std::uint64_t rounds : {1U, 2U, 7U, 1000U}) {
    const Int8Work work = amx->multiply(rounds);
    EXPECT_EQ(work.macs, rounds * 6 * 16 * 16 * 64);
    EXPECT_EQ(work.sum, static_cast<std::int64_t>(15 * work.macs));
  }
}

}  // namespace
}  // namespace assay::kernel
