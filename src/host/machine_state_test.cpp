#include "host/machine_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace assay::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A folder with the files that Linux would have.
class MachineStateTest : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  MachineState read() const {
    fs::create_directories(root_);
    return machine_state(root_.string());
  }

 private:
  const fs::path root_ = fs::path(::testing::TempDir()) / ("machine_state_" + std::to_string(::getpid()));
};

TEST_F(MachineStateTest, nothing_is_known_of_an_empty_system) {
  const MachineState state = read();
  EXPECT_EQ(state.guest_of, "");
  EXPECT_FALSE(state.cpu_quota || state.memory_quota || state.turbo || state.throttled);
  EXPECT_THAT(state.instructions, IsEmpty());
}

#ifdef __linux__
TEST_F(MachineStateTest, a_guest_names_its_host) {
  put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu avx2 hypervisor\n\n");
  EXPECT_EQ(read().guest_of, "an unnamed hypervisor");
  EXPECT_THAT(read().instructions, ElementsAre("fpu", "avx2", "hypervisor"));
  put("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
  EXPECT_EQ(read().guest_of, "Amazon EC2");
  put("proc/cpuinfo", "flags : fpu avx2\n");
  EXPECT_EQ(read().guest_of, "") << "a real machine has a vendor too";
}

TEST_F(MachineStateTest, the_smallest_limit_of_all_groups_holds) {
  put("proc/self/cgroup", "0::/slice/box\n");
  put("sys/fs/cgroup/slice/box/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/slice/box/memory.max", "max\n");
  EXPECT_FALSE(read().cpu_quota);
  put("sys/fs/cgroup/slice/cpu.max", "150000 100000\n");
  put("sys/fs/cgroup/slice/memory.max", "4294967296\n");
  EXPECT_EQ(read().cpu_quota, 1.5);
  EXPECT_EQ(read().memory_quota, 4294967296U);
  put("sys/fs/cgroup/slice/box/cpu.max", "50000 100000\n");
  EXPECT_EQ(read().cpu_quota, 0.5);
}

TEST_F(MachineStateTest, version_one_of_groups_is_read_too) {
  put("proc/self/cgroup", "4:cpu,cpuacct:/\n0::/\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(read().cpu_quota);
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(read().cpu_quota, 2.0);
}

TEST_F(MachineStateTest, clocks_and_heat) {
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "intel_pstate\n");
  put("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
  put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
  put("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "12\n");
  const MachineState state = read();
  EXPECT_EQ(state.governor, "powersave");
  EXPECT_EQ(state.clock_driver, "intel_pstate");
  EXPECT_EQ(state.turbo, false);
  EXPECT_EQ(state.throttled, 12U);
}

TEST_F(MachineStateTest, other_drivers_call_turbo_boost) {
  put("sys/devices/system/cpu/cpufreq/boost", "1\n");
  EXPECT_EQ(read().turbo, true);
}
#endif

}  // namespace
}  // namespace assay::host
