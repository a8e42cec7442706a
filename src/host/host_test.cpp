#include "host/host.h"

#include <gtest/gtest.h>

#include <vector>

#include "host/parse.h"

namespace assay::host {
namespace {

TEST(Host, this_machine_has_cores_memory_and_a_name) {
  const HostFacts facts = host_facts();
  EXPECT_FALSE(facts.chip.empty());
  EXPECT_GE(facts.cores, 1U);
  EXPECT_GT(facts.memory_bytes, 64U << 20);
  EXPECT_FALSE(facts.os.empty());
  EXPECT_FALSE(facts.kernel.empty());
}

TEST(Host, the_footprint_grows_when_memory_is_touched) {
  const auto before = process_memory().footprint;
  if (!before) GTEST_SKIP() << "the system does not tell the footprint";
  std::vector<char> touched(64U << 20, 1);
  const auto after = process_memory().footprint;
  ASSERT_TRUE(after);
  EXPECT_GT(*after, *before + (48U << 20)) << touched[5];
}

TEST(Host, own_cpu_time_rises_with_work) {
  const double before = cpu_times().own;
  volatile double x = 1;
  while (cpu_times().own - before < 0.02) x = x * 1.0000001;
  EXPECT_GT(cpu_times().own, before);
}

TEST(Parse, fields_of_cpuinfo_and_meminfo) {
  EXPECT_EQ(find_field("processor\t: 0\nmodel name\t: AMD EPYC\n", "model name"), "AMD EPYC");
  EXPECT_EQ(find_field("SwapTotal:       0 kB\n", "SwapTotal"), "0 kB");
  EXPECT_FALSE(find_field("SwapTotal: 0 kB\n", "Swap"));
  EXPECT_EQ(kilobytes("24689004 kB"), 24689004ULL * 1024);
  EXPECT_FALSE(kilobytes("12 MB"));
  EXPECT_FALSE(kilobytes(""));
}

TEST(Parse, settings_with_and_without_quotes) {
  const char* text = "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
  EXPECT_EQ(find_setting(text, "PRETTY_NAME"), "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(find_setting(text, "NAME"), "Debian");
  EXPECT_FALSE(find_setting(text, "ID"));
}

TEST(Parse, counters_match_whole_names) {
  EXPECT_EQ(find_counter("pswpin 7\npswpout 9\n", "pswpout"), 9U);
  EXPECT_FALSE(find_counter("pswpin_x 7\n", "pswpin"));
}

TEST(Parse, pressure_levels_follow_the_stalls) {
  const auto text = [](const char* some, const char* full) {
    return std::string("some avg10=") + some + " avg60=0.00 avg300=0.00 total=1\nfull avg10=" + full +
           " avg60=0.00 avg300=0.00 total=1\n";
  };
  EXPECT_EQ(parse_pressure(text("0.00", "0.00")).level, Pressure::Level::normal);
  EXPECT_EQ(parse_pressure(text("2.50", "0.10")).level, Pressure::Level::warning);
  EXPECT_EQ(parse_pressure(text("9.00", "6.25")).level, Pressure::Level::critical);
  EXPECT_DOUBLE_EQ(*parse_pressure(text("2.50", "0.00")).some_avg10, 2.5);
  EXPECT_EQ(parse_pressure("").level, Pressure::Level::unknown);
}

TEST(Host, another_process_is_counted_as_this_one_is) {
  const auto own = resident_bytes(own_process());
  if (!own) GTEST_SKIP() << "the system does not tell";
  EXPECT_GT(*own, 1U << 20);
  EXPECT_GT(process_cpu_seconds(own_process()).value_or(-1), -0.5);
  EXPECT_FALSE(resident_bytes(1 << 30));
  EXPECT_FALSE(process_memory(1 << 30).footprint);
  EXPECT_FALSE(process_cpu_seconds(1 << 30));
}

TEST(Parse, stalls_and_times_of_a_process) {
  EXPECT_DOUBLE_EQ(parse_stall_seconds("some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull total=9\n").value(),
                   2.5);
  EXPECT_FALSE(parse_stall_seconds("full avg10=0.00 total=9\n"));
  EXPECT_FALSE(parse_stall_seconds(""));
  EXPECT_DOUBLE_EQ(
      parse_process_seconds("7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3", 100).value(), 3.0);
  EXPECT_FALSE(parse_process_seconds("7 (x) S 1 7 7 0 -1 4194560 100 0 0 0 250", 100));
  EXPECT_FALSE(parse_process_seconds("", 100));
  EXPECT_EQ(parse_resident_pages("2000 512 300 1 0 90 0"), 512U);
  EXPECT_FALSE(parse_resident_pages("2000"));
}

TEST(Parse, cpu_times_count_stolen_time_as_busy) {
  const CpuTimes times = parse_stat("cpu  100 0 50 1000 10 1 2 30 0 0\ncpu0 1 2 3\n", 100);
  EXPECT_DOUBLE_EQ(*times.busy, 1.83);
  EXPECT_DOUBLE_EQ(*times.idle, 10.1);
  EXPECT_DOUBLE_EQ(*times.stolen, 0.3);
  EXPECT_FALSE(parse_stat("cpu  1 2 x", 100).busy);
  EXPECT_FALSE(parse_stat("intr 1", 100).busy);
}

}  // namespace
}  // namespace assay::host
