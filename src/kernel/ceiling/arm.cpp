#include <arm_neon.h>

#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {
namespace {

constexpr int chains = 16;  // four a cycle, three or four cycles each

}  // namespace

// UDOT: 16 multiply-adds in one instruction, summed by fours in 32 bits.
__attribute__((target("+dotprod"))) Int8Work multiply_dotprod(std::uint64_t rounds) {
  uint8x16_t a = vdupq_n_u8(3);
  const uint8x16_t b = vdupq_n_u8(5);
  uint32x4_t sums[chains];
  for (auto& sum : sums) {
    sum = vdupq_n_u32(0);
    __asm__ volatile("" : "+w"(sum));  // chains that start alike would be one chain to the compiler
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = vdotq_u32(sum, a, b);
    __asm__ volatile("" : "+w"(a));  // rounds are not known to be alike
  }
  Int8Work out{.macs = rounds * chains * 16, .sum = 0};
  for (const uint32x4_t sum : sums) out.sum += vaddlvq_u32(sum);
  return out;
}

// UMMLA: two rows of 8 bytes times two rows of 8, 32 multiply-adds in one instruction.
__attribute__((target("+i8mm"))) Int8Work multiply_i8mm(std::uint64_t rounds) {
  uint8x16_t a = vdupq_n_u8(3);
  const uint8x16_t b = vdupq_n_u8(5);
  uint32x4_t sums[chains];
  for (auto& sum : sums) {
    sum = vdupq_n_u32(0);
    __asm__ volatile("" : "+w"(sum));
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = vmmlaq_u32(sum, a, b);
    __asm__ volatile("" : "+w"(a));
  }
  Int8Work out{.macs = rounds * chains * 32, .sum = 0};
  for (const uint32x4_t sum : sums) out.sum += vaddlvq_u32(sum);
  return out;
}

}  // namespace assay::kernel::ceiling
