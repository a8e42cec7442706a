// Readers of the texts that Linux gives under /proc and /sys. Each takes the whole text and finds nothing rather than
// something wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "device/host/host.h"

namespace assay::device {

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
// The first line of /proc/stat, in ticks per second `hertz`; own stays 0.
CpuTimes parse_stat(std::string_view text, double hertz);

}  // namespace assay::device
