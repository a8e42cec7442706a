#include "kernel/isa.h"

#include <gtest/gtest.h>

namespace assay::kernel {
namespace {

TEST(Isa, names_lead_back_to_the_isa) {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) EXPECT_EQ(isa_from_name(name(isa)), isa);
  EXPECT_FALSE(isa_from_name("AVX2"));
  EXPECT_FALSE(isa_from_name(""));
}

#if defined(__x86_64__)
ASSAY_AVX2 float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

TEST(Isa, the_best_isa_runs_here) {
  if (best_isa() < Isa::avx2) GTEST_SKIP() << "no AVX2 on this machine";
  volatile float a = 1 + 0x1.0p-12F;
  EXPECT_EQ(fused(a, a, -1 - 0x1.0p-11F), 0x1.0p-24F);
}
#endif

}  // namespace
}  // namespace assay::kernel
