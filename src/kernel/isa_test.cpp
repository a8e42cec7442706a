#include "kernel/isa.h"

#include <gtest/gtest.h>

namespace assay::kernel {
namespace {

TEST(Isa, names_lead_back_to_the_isa) {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) EXPECT_EQ(isa_from_name(name(isa)), isa);
  EXPECT_FALSE(isa_from_name("AVX2"));
  EXPECT_FALSE(isa_from_name(""));
}

TEST(Isa, the_choice_is_the_forced_one_or_the_best) {
  EXPECT_EQ(choose_isa("").value(), best_isa());
  EXPECT_EQ(choose_isa("portable").value(), Isa::portable);
  const auto unknown = choose_isa("sse9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::bad_value);
  EXPECT_NE(unknown.error().detail.find("ASSAY_ISA=sse9"), std::string::npos);
  if (best_isa() < Isa::avx512) {
    const auto missing = choose_isa("avx512");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::unsupported);
  }
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
