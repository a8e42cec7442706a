#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "host/cuda_ptx.h"
#include "host/cuda_read.h"

namespace assay::host {
namespace {

using testing::HasSubstr;

// On a machine with an NVIDIA GPU: our text compiled by its driver, and each kernel's sum held against what was written.
TEST(Cuda, reads_every_word_of_this_machines_gpu_in_every_way) {
  auto reader = CudaReader::open();
  if (!reader) GTEST_SKIP() << "no NVIDIA GPU: " << to_string(reader.error());
  const SteadyClock clock;
  const std::int64_t start = clock.now_ns();
  const auto first = (*reader)->read(clock);
  ASSERT_TRUE(first) << to_string(first.error());
  std::printf("%s, L2 %.0f MiB: %.0f GB/s by %s, %.0f ms with all ways\n", (*reader)->name().c_str(),
              static_cast<double>((*reader)->cache_bytes()) / (1 << 20), first->gb_s, first->pattern.c_str(),
              static_cast<double>(clock.now_ns() - start) * 1e-6);
  auto ways = (*reader)->ways();
  std::ranges::sort(ways, std::greater<>(), &CudaWay::gb_s);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    if (i < 15 || i + 3 >= ways.size()) std::printf("  %6.0f GB/s  %s\n", ways[i].gb_s, ways[i].pattern.c_str());
  }
  for (int i = 0; i < 5; ++i) {
    const std::int64_t again = clock.now_ns();
    const auto next = (*reader)->read(clock);
    ASSERT_TRUE(next) << to_string(next.error());
    std::printf("again: %.0f GB/s by %s, %.0f ms\n", next->gb_s, next->pattern.c_str(),
                static_cast<double>(clock.now_ns() - again) * 1e-6);
    EXPECT_GT(next->gb_s, 0);
  }
  // Odd sizes too: the last vectors of every way.
  for (const std::uint64_t bytes : {std::uint64_t{4096}, std::uint64_t{4096} * 1023, std::uint64_t{4096} * 65537}) {
    auto other = CudaReader::open();
    ASSERT_TRUE(other);
    const auto read = (*other)->read(clock, {.bytes = bytes, .passes = 1, .rounds = 1});
    EXPECT_TRUE(read) << bytes << " bytes: " << to_string(read.error());
  }
}

#ifdef FAKE_CUDA
constexpr CudaReadSettings small{.bytes = 1 << 16, .passes = 2, .rounds = 1, .ways_each_time = 2};

TEST(CudaReader, gives_a_rate_and_gives_back_what_it_took) {
  const SteadyClock clock;
  void* library = dlopen(FAKE_CUDA, RTLD_NOW);
  ASSERT_NE(library, nullptr);
  const auto taken = reinterpret_cast<int (*)()>(dlsym(library, "fake_cuda_taken"));
  ASSERT_NE(taken, nullptr);
  {
    auto reader = CudaReader::open(FAKE_CUDA);
    ASSERT_TRUE(reader) << to_string(reader.error());
    EXPECT_EQ((*reader)->name(), "A GPU");
    EXPECT_EQ((*reader)->cache_bytes(), 4096U);
    EXPECT_TRUE((*reader)->ways().empty());
    for (int i = 0; i < 3; ++i) {
      const auto read = (*reader)->read(clock, small);
      ASSERT_TRUE(read) << to_string(read.error());
      EXPECT_GT(read->gb_s, 0.0);
      EXPECT_THAT(read->pattern, HasSubstr("blocks of"));
      EXPECT_EQ(taken(), 2) << "between readings only the context and the module are held";
    }
    EXPECT_GT((*reader)->ways().size(), 50U);
    EXPECT_TRUE((*reader)->read(clock, {.bytes = 0, .passes = 1, .rounds = 1})) << "a quarter of what is free";
  }
  EXPECT_EQ(taken(), 0);
  dlclose(library);
}

TEST(CudaReader, says_in_the_drivers_words_what_fails_and_gives_back_what_it_took) {
  const SteadyClock clock;
  void* library = dlopen(FAKE_CUDA, RTLD_NOW);
  ASSERT_NE(library, nullptr);
  const auto taken = reinterpret_cast<int (*)()>(dlsym(library, "fake_cuda_taken"));
  ASSERT_NE(taken, nullptr);
  for (const auto& [order, words] : {std::pair{"no_gpu", "cuInit: CUDA_ERROR_NO_DEVICE"},
                                     {"old", "cuModuleLoadData: CUDA_ERROR_INVALID_PTX"},
                                     {"full", "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY"},
                                     {"broken", "cuLaunchKernel: error 999"}}) {
    setenv("FAKE_CUDA_ORDER", order, 1);
    auto reader = CudaReader::open(FAKE_CUDA);
    Error error;
    if (!reader) {
      error = reader.error();
    } else if (const auto read = (*reader)->read(clock, small); !read) {
      error = read.error();
    }
    if (reader) reader->reset();
    unsetenv("FAKE_CUDA_ORDER");
    EXPECT_EQ(error.detail, words) << order;
    EXPECT_EQ(error.code, Errc::unsupported) << order;
    EXPECT_EQ(taken(), 0) << order;
  }
  dlclose(library);
}

TEST(CudaReader, a_kernel_that_leaves_out_sixteen_bytes_is_found_out) {
  const SteadyClock clock;
  auto reader = CudaReader::open(FAKE_CUDA);
  ASSERT_TRUE(reader);
  setenv("FAKE_CUDA_ORDER", "forgets", 1);
  const auto read = (*reader)->read(clock, small);
  unsetenv("FAKE_CUDA_ORDER");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::bug);
  EXPECT_THAT(read.error().detail, HasSubstr("the words read add up to"));
}

TEST(CudaReader, a_library_that_is_missing_or_another_says_so) {
  EXPECT_EQ(CudaReader::open("/no/such/libcuda.so.1").error().code, Errc::not_found);
  EXPECT_THAT(CudaReader::open("libm.so.6").error().detail, HasSubstr("has no cuInit"));
}
#endif

TEST(CudaPtx, names_every_kernel_once_and_loads_as_often_as_it_says) {
  const std::string text = cuda_read_module();
  const auto count = [&](const std::string& from, const std::string& what) {
    std::size_t n = 0;
    for (std::size_t at = from.find(what); at != std::string::npos; at = from.find(what, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count(text, ".visible .entry fill("), 1U);
  for (const CudaReadKernel& kernel : cuda_read_kernels) {
    const std::string head = std::string(".visible .entry ") + kernel.name + "(";
    ASSERT_EQ(count(text, head), 1U) << kernel.name;
    const std::size_t begin = text.find(head);
    const std::string body = text.substr(begin, text.find("\n}\n", begin) - begin);
    EXPECT_EQ(count(body, std::string(kernel.load) + ".v4.u32"), kernel.loads + 1) << "and one in the rest";
    EXPECT_EQ(count(body, "shfl.sync.bfly"), 5U);
  }
}

}  // namespace
}  // namespace assay::host
