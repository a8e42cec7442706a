#include "host/energy.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "base/clock.h"
#include "host/parse.h"

namespace assay::host {
namespace {

namespace fs = std::filesystem;

// A folder as /sys/class/powercap is on a machine with one package.
class PowerCap : public testing::Test {
 protected:
  const fs::path root_ = fs::path(testing::TempDir()) / "assay_powercap";
  void SetUp() override { fs::remove_all(root_); }
  void TearDown() override { fs::remove_all(root_); }
  void zone(const char* folder, const char* name, std::uint64_t microjoules) {
    fs::create_directories(root_ / folder);
    std::ofstream(root_ / folder / "name") << name << "\n";
    std::ofstream(root_ / folder / "energy_uj") << microjoules << "\n";
    std::ofstream(root_ / folder / "max_energy_range_uj") << 262'143'328'850 << "\n";
  }
};

TEST_F(PowerCap, packages_and_memory_are_added_and_their_parts_are_not) {
  zone("intel-rapl:0", "package-0", 1'000'000);
  zone("intel-rapl:0:0", "core", 500'000);
  zone("intel-rapl:0:1", "dram", 2'000'000);
  zone("intel-rapl:1", "psys", 9'000'000);
  zone("intel-rapl-mmio:0", "package-0", 1'000'000);
  const EnergySource rapl = open_rapl(root_);
  ASSERT_NE(rapl.meter, nullptr) << rapl.reason;
  EXPECT_EQ(rapl.meter->source(), "RAPL package-0 + dram");
  EXPECT_EQ(rapl.meter->joules(), 0.0);
  zone("intel-rapl:0", "package-0", 4'000'000);
  zone("intel-rapl:0:0", "core", 2'500'000);
  zone("intel-rapl:0:1", "dram", 2'500'000);
  EXPECT_DOUBLE_EQ(*rapl.meter->joules(), 3.5);
}

TEST_F(PowerCap, a_counter_that_wraps_goes_on) {
  zone("intel-rapl:0", "package-0", 262'143'000'000);
  const EnergySource rapl = open_rapl(root_);
  ASSERT_TRUE(rapl.meter->joules());
  zone("intel-rapl:0", "package-0", 671'150);
  EXPECT_NEAR(*rapl.meter->joules(), 1.0, 1e-9);
}

TEST_F(PowerCap, what_is_not_told_has_a_reason) {
  EXPECT_THAT(open_rapl(root_).reason, testing::HasSubstr("no RAPL counters"));
  zone("intel-rapl:0", "package-0", 1);
  fs::remove(root_ / "intel-rapl:0" / "energy_uj");
  const EnergySource hidden = open_rapl(root_);
  EXPECT_EQ(hidden.meter, nullptr);
  EXPECT_THAT(hidden.reason, testing::HasSubstr("administrator"));
}

TEST_F(PowerCap, a_counter_that_vanishes_is_nothing) {
  zone("intel-rapl:0", "package-0", 1);
  const EnergySource rapl = open_rapl(root_);
  ASSERT_TRUE(rapl.meter->joules());
  fs::remove_all(root_);
  EXPECT_FALSE(rapl.meter->joules());
}

TEST(Energy, of_this_machine_does_not_fall_or_has_a_reason) {
  const EnergySource source = open_energy_meter(nullptr);
  if (source.meter == nullptr) {
    EXPECT_FALSE(source.reason.empty());
    return;
  }
  const auto first = source.meter->joules();
  const auto second = source.meter->joules();
  ASSERT_TRUE(first && second);
  EXPECT_GE(*second, *first);
}

#ifdef FAKE_NVML
TEST(Nvml, two_gpus_are_named_and_added_up) {
  const auto nvml = open_nvml(FAKE_NVML);
  ASSERT_TRUE(nvml) << nvml.error().detail;
  ASSERT_EQ((*nvml)->gpus().size(), 2U);
  EXPECT_EQ((*nvml)->gpus()[1].name, "NVIDIA H200");
  EXPECT_EQ((*nvml)->gpus()[0].memory_bytes, 150'754'820'096U);
  EXPECT_EQ((*nvml)->driver(), "570.86.15");
  EXPECT_EQ((*nvml)->memory_used(), 2U * 754'820'096U);
  const auto used_by = [&](std::vector<std::int64_t> processes) { return (*nvml)->memory_used_by(processes); };
  EXPECT_EQ(used_by({4711}), 6'000'000'000U);
  EXPECT_EQ(used_by({4711, 4712}), 7'000'000'000U);
  EXPECT_EQ(used_by({4713, -1}), 0U);
  EXPECT_EQ(used_by({4711, 1}), std::nullopt) << "one of them is not told";
  setenv("FAKE_NVML_CONTAINER", "1", 1);
  EXPECT_EQ(used_by({4711}), std::nullopt);
  unsetenv("FAKE_NVML_CONTAINER");
  EXPECT_EQ((*nvml)->mhz(), 1980.0);
  EXPECT_EQ((*nvml)->celsius(), 41.0);
  const double before = (*nvml)->joules().value();
  EXPECT_NEAR((*nvml)->joules().value() - before, 2 * 2 * 1.5, 1e-9);
  const EnergySource source = open_energy_meter(nvml->get());
  ASSERT_NE(source.meter, nullptr);
  EXPECT_THAT(source.meter->source(), testing::HasSubstr("NVML 2 GPU"));
}

TEST(Nvml, a_library_that_is_missing_or_broken_says_how) {
  EXPECT_EQ(open_nvml("/no/such/libnvidia-ml.so.1").error().code, Errc::not_found);
  const auto other = open_nvml("libm.so.6");
  EXPECT_THAT(other.error().detail, testing::HasSubstr("has no nvmlInit_v2"));
  setenv("FAKE_NVML_BROKEN", "1", 1);
  const auto broken = open_nvml(FAKE_NVML);
  unsetenv("FAKE_NVML_BROKEN");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().detail, "nvmlInit: Driver Not Loaded");
}
#endif

// Channels as an M-series chip lists them; the parts of a total do not count.
TEST(Energy, channels_of_ioreport_are_added_by_their_units) {
  const std::vector<EnergyChannel> channels{
      {"EACC_CPU0", "mJ", 5}, {"CPU Energy", "mJ", 1200}, {"GPU Energy", "nJ", 800'000'000},
      {"ANE", "mJ", 0},       {"DRAM", "mJ", 300},        {"GPU SRAM", "mJ", 40},
      {"ISP", "uJ", 7}};
  EXPECT_NEAR(energy_of_channels(channels).value(), 2.3, 1e-12);
  const std::vector<EnergyChannel> ultra{{"DIE_0_CPU Energy", "mJ", 1000}, {"DIE_1_CPU Energy", "mJ", 500}};
  EXPECT_NEAR(energy_of_channels(ultra).value(), 1.5, 1e-12);
  EXPECT_FALSE(energy_of_channels({}));
  EXPECT_FALSE(energy_of_channels(std::vector<EnergyChannel>{{"CPU Energy", "furlong", 1}}));
}

}  // namespace
}  // namespace assay::host
