#include "adapter/installed/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "adapter/installed/install.h"
#include "adapter/installed/test_folder.h"

namespace assay::adapter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Platform linux_x86{"linux", "x86_64"};

TEST(Catalogue, EveryEntryIsPinnedAndNoneIsThereTwice) {
  std::set<std::string> seen;
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_TRUE(is_pinned(entry)) << entry.name;
    EXPECT_FALSE(entry.loads.empty());
    EXPECT_GT(entry.disk_bytes, 0U);
    for (const Fetch& fetch : entry.fetches) {
      EXPECT_EQ(fetch.sha256.size(), 64U) << fetch.project;
      EXPECT_GT(fetch.bytes, 0U) << fetch.project;
    }
    EXPECT_TRUE(seen.insert(entry.name + entry.system + entry.arch + entry.device).second);
  }
  EXPECT_THAT(engine_names(), ElementsAre("llama.cpp", "mlx"));
}

TEST(Catalogue, EveryPlatformThatAssayRunsOnHasBothEngines) {
  for (const Platform& platform : {linux_x86, Platform{"linux", "aarch64"}, Platform{"macos", "aarch64"}}) {
    for (const std::string& name : engine_names()) {
      const std::string device = platform.system == "macos" ? "metal" : "cpu";
      EXPECT_TRUE(find_entry({.name = name, .version = "", .device = device, .sha256 = ""}, platform))
          << name << platform.arch;
    }
  }
}

TEST(Catalogue, AnUnknownEngineIsToldWhichThereAre) {
  const auto entry = find_entry({.name = "vllm", .version = "", .device = "cpu", .sha256 = ""}, linux_x86);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, Errc::not_found);
  EXPECT_THAT(entry.error().detail, HasSubstr("llama.cpp, mlx"));
}

TEST(Catalogue, ADeviceOfAnotherPlatformIsUnsupported) {
  const auto entry = find_entry({.name = "mlx", .version = "", .device = "metal", .sha256 = ""}, linux_x86);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, Errc::unsupported);
  EXPECT_THAT(entry.error().detail, HasSubstr("cpu, cuda"));
}

TEST(Catalogue, AnotherVersionIsNotPinnedUnlessAHashIsGiven) {
  Wanted wanted{.name = "llama.cpp", .version = "0.3.35", .device = "cpu", .sha256 = ""};
  auto entry = find_entry(wanted, linux_x86);
  ASSERT_TRUE(entry);
  EXPECT_FALSE(is_pinned(*entry));
  EXPECT_EQ(entry->fetches.front().version, "0.3.35");
  wanted.sha256 = std::string(64, 'a');
  entry = find_entry(wanted, linux_x86);
  ASSERT_TRUE(entry);
  EXPECT_TRUE(is_pinned(*entry));
}

TEST(Catalogue, AVersionThatIsAPathOrACommandIsRefused) {
  for (const char* version : {"../../x", "1;rm", "-r", ".1", "1 2", "1/2"}) {
    EXPECT_FALSE(find_entry({.name = "llama.cpp", .version = version, .device = "cpu", .sha256 = ""}, linux_x86))
        << version;
  }
}

TEST(Catalogue, ThePinnedVersionsHashIsNotOverruled) {
  const auto entry =
      find_entry({.name = "mlx", .version = "", .device = "cpu", .sha256 = std::string(64, 'a')}, linux_x86);
  ASSERT_FALSE(entry);
  EXPECT_THAT(entry.error().detail, HasSubstr("pinned"));
}

TEST(Catalogue, CudaLiesBesideTheOthers) {
  const auto cpu = find_entry({.name = "mlx", .version = "", .device = "cpu", .sha256 = ""}, linux_x86);
  const auto cuda = find_entry({.name = "mlx", .version = "", .device = "cuda", .sha256 = ""}, linux_x86);
  ASSERT_TRUE(cpu && cuda);
  EXPECT_NE(folder_version(*cpu), folder_version(*cuda));
}

TEST(Catalogue, WithNvidiasLibrariesThereOnlyMlxsOwnWheelIsLeft) {
  const auto cuda = find_entry({.name = "mlx", .version = "", .device = "cuda", .sha256 = ""}, linux_x86);
  ASSERT_TRUE(cuda);
  const auto less = without_nvidia(*cuda);
  ASSERT_TRUE(less) << to_string(less.error());
  ASSERT_EQ(less->fetches.size(), 1U);
  EXPECT_EQ(less->fetches.front().project, "mlx-cuda-13");
  EXPECT_LT(less->disk_bytes, cuda->disk_bytes);
  EXPECT_GT(less->disk_bytes, less->fetches.front().bytes);
  for (const char* name : {"mlx", "llama.cpp"}) {
    const auto cpu = find_entry({.name = name, .version = "", .device = "cpu", .sha256 = ""}, linux_x86);
    ASSERT_TRUE(cpu);
    const auto refused = without_nvidia(*cpu);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr(name));
  }
}

TEST(WorkerBuild, ChangesWithTheSourceAndNotWithTests) {
  const TestFolder folder;
  const std::string top = folder.path().string();
  EXPECT_EQ(worker_build_of(top, "0.1.0", "mlx"), "") << "no source: nothing to compare with";
  spill(folder.path() / "src" / "base" / "a.h", "1");
  spill(folder.path() / "src" / "adapter" / "mlx" / "b.cpp", "1");
  const std::string before = worker_build_of(top, "0.1.0", "mlx");
  EXPECT_THAT(before, HasSubstr("0.1.0 "));
  spill(folder.path() / "src" / "adapter" / "mlx" / "b_test.cpp", "1");
  spill(folder.path() / "src" / "adapter" / "llama_cpp" / "c.cpp", "1");
  spill(folder.path() / "src" / "cli" / "d.cpp", "1");
  EXPECT_EQ(worker_build_of(top, "0.1.0", "mlx"), before);
  spill(folder.path() / "src" / "adapter" / "mlx" / "b.cpp", "2");
  EXPECT_NE(worker_build_of(top, "0.1.0", "mlx"), before);
  EXPECT_EQ(worker_build_of(top, "0.1.0", "vllm"), "");
}

}  // namespace
}  // namespace assay::adapter
