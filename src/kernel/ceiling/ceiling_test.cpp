#include "kernel/ceiling/ceiling.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay::kernel {
namespace {

TEST(Ceiling, reading_sees_every_byte_on_every_isa) {
  alignas(64) static std::byte memory[2048];
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) continue;
    for (std::byte& byte : memory) byte = std::byte{0};
    EXPECT_EQ(read_all(isa, memory), 0U);
    for (std::size_t i = 0; i < sizeof memory; i += 61) {
      memory[i] = std::byte{1};
      EXPECT_NE(read_all(isa, memory), 0U) << i;
      memory[i] = std::byte{0};
    }
  }
}

TEST(Ceiling, the_multiply_adds_counted_are_those_done) {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) continue;
    const Int8Work one = int8_work(isa, 1);
    EXPECT_EQ(int8_work(isa, 5).macs, 5 * one.macs);
    EXPECT_EQ(int8_work(isa, 5).kept, 5 * one.kept) << "each product is 9";
    EXPECT_EQ(one.kept % 9, 0);
  }
}

}  // namespace
}  // namespace assay::kernel
