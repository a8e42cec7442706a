// Readers of the texts that Linux gives under /proc and /sys. Each takes the whole text and finds nothing rather than
// something wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "host/host.h"

namespace assay::host {

// The value of "key : value" or "key: value" lines (cpuinfo, meminfo, status), trimmed; first match.
std::optional<std::string> find_field(std::string_view text, std::string_view key);
// NAME="value" or NAME=value (os-release).
std::optional<std::string> find_setting(std::string_view text, std::string_view key);
// "123456 kB" as bytes.
std::optional<std::uint64_t> kilobytes(std::string_view value);
// "key 123" lines (vmstat).
std::optional<std::uint64_t> find_counter(std::string_view text, std::string_view key);
// /proc/pressure/memory.
Pressure parse_pressure(std::string_view text);
// "total=" of the "some" line of /proc/pressure/*, in seconds.
std::optional<double> parse_stall_seconds(std::string_view text);
// User and system time in seconds from /proc/PID/stat, whose second field may hold spaces and brackets.
std::optional<double> parse_process_seconds(std::string_view text, double hertz);
// Second number of /proc/PID/statm: resident pages.
std::optional<std::uint64_t> parse_resident_pages(std::string_view text);
// The first line of /proc/stat, in ticks per second `hertz`; own stays 0.
CpuTimes parse_stat(std::string_view text, double hertz);

// One channel of macOS's IOReport group "Energy Model" over some time.
struct EnergyChannel {
  std::string name;  // "CPU Energy", "DIE_0_CPU Energy", "GPU Energy", "ANE", "DRAM", and many parts of these
  std::string unit;  // "mJ", "uJ", "nJ"
  std::int64_t value = 0;
};
// Joules of processor, GPU, neural engine and memory together; channels that are parts of others are left out. Nothing
// where no channel is known.
std::optional<double> energy_of_channels(std::span<const EnergyChannel> channels);

}  // namespace assay::host
