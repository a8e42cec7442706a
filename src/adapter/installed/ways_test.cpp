#include "adapter/installed/ways.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace assay::adapter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Family = Compiler::Family;

const Compiler gcc12{.family = Family::gcc, .c = "", .cxx = "/usr/bin/c++", .version = "12.2.0"};
const Compiler gcc14{.family = Family::gcc, .c = "", .cxx = "/usr/bin/c++", .version = "14.2.0"};
const Compiler clang19{
    .family = Family::clang, .c = "/usr/bin/clang-19", .cxx = "/usr/bin/clang++-19", .version = "19.1.7"};

Machine zen3() { return {.arch = "x86_64", .cpu = {"avx", "avx2"}, .usual = gcc12, .clang = {}}; }
Machine xeon() { return {.arch = "x86_64", .cpu = {"avx2", "amx_tile", "amx_int8"}, .usual = gcc12, .clang = clang19}; }

std::vector<std::string> words_of(const Ways& ways) {
  std::vector<std::string> out;
  std::ranges::transform(ways.list, std::back_inserter(out), [](const Way& way) { return way.words; });
  return out;
}

TEST(Ways, TheDefaultBuildComesFirstAndThePlainestLast) {
  const Ways ways = ways_of(Recipe::llama_source, zen3());
  EXPECT_THAT(words_of(ways), ElementsAre("GCC 12.2.0", "GCC 12.2.0 for any x86-64 with AVX2"));
  EXPECT_THAT(ways.list[0].definitions, IsEmpty());
  EXPECT_EQ(ways.list[0].compiler.family, Family::none) << "cmake's own choice";
  EXPECT_THAT(ways.list[1].definitions, ElementsAre("-DGGML_NATIVE=OFF"));
  EXPECT_THAT(ways.doubted, IsEmpty());
}

TEST(Ways, ClangIsTheSecondWayWhereItIsThere) {
  Machine machine = zen3();
  machine.clang = clang19;
  const Ways ways = ways_of(Recipe::llama_source, machine);
  EXPECT_THAT(words_of(ways), ElementsAre("GCC 12.2.0", "clang 19.1.7", "GCC 12.2.0 for any x86-64 with AVX2"));
  EXPECT_EQ(ways.list[1].compiler.cxx, "/usr/bin/clang++-19");
  machine.usual = clang19;
  EXPECT_THAT(words_of(ways_of(Recipe::llama_source, machine)),
              ElementsAre("clang 19.1.7", "clang 19.1.7 for any x86-64 with AVX2"));
}

TEST(Ways, WithAmxAndAnOldGccClangComesFirst) {
  const Ways ways = ways_of(Recipe::llama_source, xeon());
  EXPECT_THAT(words_of(ways), ElementsAre("clang 19.1.7", "GCC 12.2.0", "GCC 12.2.0 without AMX",
                                          "GCC 12.2.0 for any x86-64 with AVX2"));
  ASSERT_EQ(ways.doubted.size(), 1U);
  EXPECT_EQ(ways.doubted[0].way, "GCC 12.2.0");
  EXPECT_THAT(ways.doubted[0].why, HasSubstr("AMX"));
  EXPECT_THAT(ways.list[2].definitions, ElementsAre(HasSubstr("-U__AMX_TILE__")));
}

TEST(Ways, WithAmxAndWithoutClangTheProofDecides) {
  Machine machine = xeon();
  machine.clang = {};
  const Ways ways = ways_of(Recipe::llama_source, machine);
  EXPECT_THAT(words_of(ways),
              ElementsAre("GCC 12.2.0", "GCC 12.2.0 without AMX", "GCC 12.2.0 for any x86-64 with AVX2"));
  EXPECT_THAT(ways.doubted, IsEmpty());
}

TEST(Ways, ANewerGccIsNotDoubted) {
  Machine machine = xeon();
  machine.usual = gcc14;
  const Ways ways = ways_of(Recipe::llama_source, machine);
  EXPECT_EQ(words_of(ways).front(), "GCC 14.2.0");
  EXPECT_THAT(ways.doubted, IsEmpty());
}

TEST(Ways, OtherMachinesAndEnginesHaveTheirOwn) {
  Machine machine = zen3();
  machine.arch = "aarch64";
  EXPECT_THAT(words_of(ways_of(Recipe::llama_source, machine)),
              ElementsAre("GCC 12.2.0", "GCC 12.2.0 for any 64-bit ARM"));
  EXPECT_THAT(words_of(ways_of(Recipe::mlx_wheels, xeon())), ElementsAre("GCC 12.2.0", "clang 19.1.7"));
  machine.usual = {};
  EXPECT_THAT(words_of(ways_of(Recipe::mlx_wheels, machine)), ElementsAre("the usual compiler"));
}

TEST(Ways, CompilersAreKnownByTheirFirstLine) {
  const auto known = [](const char* line) { return words(parse_compiler(line)); };
  EXPECT_EQ(known("c++ (Debian 12.2.0-14+deb12u1) 12.2.0"), "GCC 12.2.0");
  EXPECT_EQ(known("g++ (GCC) 14.2.1 20250207 (Red Hat 14.2.1-7)"), "GCC 14.2.1");
  EXPECT_EQ(known("Debian clang version 19.1.7 (3~deb12u1)"), "clang 19.1.7");
  EXPECT_EQ(known("Apple clang version 15.0.0 (clang-1500.3.9.4)"), "clang 15.0.0");
  EXPECT_EQ(parse_compiler("icpc: remark").family, Family::none);
  EXPECT_EQ(parse_compiler("").family, Family::none);
  EXPECT_EQ(parse_compiler("c++ (GCC) ").family, Family::none);
}

}  // namespace
}  // namespace assay::adapter
