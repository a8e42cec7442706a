#include "base/instructions.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace assay {
namespace {

#if defined(__linux__)
// What the kernel lists of the first processor.
bool listed(const std::string& flag) {
  std::ifstream in("/proc/cpuinfo");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto line = text.find("\nflags");
  const auto arm_line = text.find("\nFeatures");
  const auto begin = line != std::string::npos ? line : arm_line;
  if (begin == std::string::npos) return false;
  const std::string flags = text.substr(begin + 1, text.find('\n', begin + 1) - begin - 1) + " ";
  return flags.find(" " + flag + " ") != std::string::npos;
}

TEST(Instructions, are_those_that_the_kernel_lists) {
  const Instructions has = instructions();
#if defined(__x86_64__)
  EXPECT_EQ(has.avx512bw, listed("avx512bw"));
  EXPECT_EQ(has.avx_vnni, listed("avx_vnni"));
  EXPECT_EQ(has.avx512_vnni, listed("avx512_vnni"));
  EXPECT_FALSE(has.dotprod || has.i8mm);
  // Listed and yet not permitted: a sandbox may refuse tile data to a process.
  if (!listed("amx_int8")) {
    EXPECT_FALSE(has.amx_int8);
  }
#elif defined(__aarch64__)
  EXPECT_FALSE(has.avx512bw || has.avx_vnni || has.avx512_vnni || has.amx_int8);
#endif
}
#endif

TEST(Instructions, are_the_same_when_asked_again) {
  const Instructions first = instructions();
  const Instructions second = instructions();
  EXPECT_EQ(first.amx_int8, second.amx_int8);
  EXPECT_EQ(first.avx512_vnni, second.avx512_vnni);
}

}  // namespace
}  // namespace assay
