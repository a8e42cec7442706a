#include "adapter/metalrt/library.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace assay::adapter::metalrt {
namespace {

TEST(MetalrtLibrary, AllFunctionsOfACapabilityOrNone) {
  const auto whole = Library::open(METALRT_FAKE);
  ASSERT_TRUE(whole) << whole.error().detail;
  EXPECT_EQ(whole->capabilities(),
            (std::vector<std::string>{"freeing", "streaming", "raw", "counting", "context", "names"}));
  EXPECT_NE(whole->functions().generate_raw_stream, nullptr);
  EXPECT_EQ(whole->functions().cache_prompt, nullptr);
  const auto core = Library::open(METALRT_FAKE_SMALLEST);
  ASSERT_TRUE(core) << core.error().detail;
  EXPECT_TRUE(core->capabilities().empty());
  const auto half = Library::open(METALRT_FAKE_HALF_THERE);
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, Errc::bad_value);
  EXPECT_NE(half.error().detail.find("half of its raw: metalrt_generate_raw_stream is missing"), std::string::npos);
}

TEST(MetalrtLibrary, WhatIsNoMetalrtIsNamed) {
  EXPECT_EQ(Library::open("/nonexistent/libmetalrt.dylib").error().code, Errc::not_found);
  EXPECT_EQ(Library::open(ASSAY_SOURCE_DIR "/CMakeLists.txt").error().code, Errc::io);
  const auto other = Library::open("libm.so.6");
  EXPECT_FALSE(other);
  setenv("METALRT_FAKE_ORDER", "abi", 1);
  const auto wrong = Library::open(METALRT_FAKE);
  unsetenv("METALRT_FAKE_ORDER");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::unsupported);
  EXPECT_NE(wrong.error().detail.find("its ABI is number 3, this program speaks number 2"), std::string::npos);
}

}  // namespace
}  // namespace assay::adapter::metalrt
