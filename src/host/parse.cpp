#include "host/parse.h"

#include <array>
#include <charconv>

namespace assay::host {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Calls visit(line) until it returns true.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (visit(text.substr(0, end))) return;
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

template <class T>
std::optional<T> number(std::string_view text) {
  text = trim(text);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// std::from_chars for double is missing in some libc++; the numbers here are plain decimals.
std::optional<double> decimal(std::string_view text) {
  text = trim(text);
  const auto point = text.find('.');
  const auto whole = number<std::uint64_t>(text.substr(0, point));
  if (!whole) return std::nullopt;
  double value = static_cast<double>(*whole);
  double place = 0.1;
  for (std::size_t i = point == std::string_view::npos ? text.size() : point + 1; i < text.size(); ++i, place /= 10) {
    if (text[i] < '0' || text[i] > '9') break;
    value += place * (text[i] - '0');
  }
  return value;
}

}  // namespace

std::optional<std::string> find_field(std::string_view text, std::string_view key) {
  std::optional<std::string> found;
  each_line(text, [&](std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || trim(line.substr(0, colon)) != key) return false;
    found = std::string(trim(line.substr(colon + 1)));
    return true;
  });
  return found;
}

std::optional<std::string> find_setting(std::string_view text, std::string_view key) {
  std::optional<std::string> found;
  each_line(text, [&](std::string_view line) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || trim(line.substr(0, equals)) != key) return false;
    std::string_view value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && value.front() == value.back() && (value.front() == '"' || value.front() == '\'')) {
      value = value.substr(1, value.size() - 2);
    }
    found = std::string(value);
    return true;
  });
  return found;
}

std::optional<std::uint64_t> kilobytes(std::string_view value) {
  const auto parsed = number<std::uint64_t>(value);
  if (!parsed || !value.ends_with("kB")) return std::nullopt;
  return *parsed * 1024;
}

std::optional<std::uint64_t> find_counter(std::string_view text, std::string_view key) {
  std::optional<std::uint64_t> found;
  each_line(text, [&](std::string_view line) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') return false;
    found = number<std::uint64_t>(line.substr(key.size()));
    return true;
  });
  return found;
}

Pressure parse_pressure(std::string_view text) {
  Pressure out;
  each_line(text, [&](std::string_view line) {
    const auto at = line.find("avg10=");
    if (at == std::string_view::npos) return false;
    const auto value = decimal(line.substr(at + 6, line.find(' ', at) - at - 6));
    if (line.starts_with("some")) out.some_avg10 = value;
    if (line.starts_with("full")) out.full_avg10 = value;
    return false;
  });
  // PSI has no levels of its own. Any stall of all tasks for a twentieth of the time, or of some for a fifth, is what a
  // person at the machine notices; any measurable stall is a warning.
  if (out.some_avg10) {
    const double full = out.full_avg10.value_or(0);
    out.level = *out.some_avg10 >= 20 || full >= 5 ? Pressure::Level::critical
                : *out.some_avg10 >= 1             ? Pressure::Level::warning
                                                   : Pressure::Level::normal;
  }
  return out;
}

CpuTimes parse_stat(std::string_view text, double hertz) {
  CpuTimes out;
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.starts_with("cpu ")) return out;
  line.remove_prefix(4);
  // user nice system idle iowait irq softirq steal (guest times are inside user)
  std::array<double, 8> ticks{};
  for (double& tick : ticks) {
    line = trim(line);
    const auto value = number<std::uint64_t>(line);
    if (!value) return out;
    tick = static_cast<double>(*value);
    line.remove_prefix(std::min(line.find(' '), line.size()));
  }
  out.idle = (ticks[3] + ticks[4]) / hertz;
  out.busy = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) / hertz;
  out.stolen = ticks[7] / hertz;
  return out;
}

std::optional<double> parse_stall_seconds(std::string_view text) {
  std::optional<double> found;
  each_line(text, [&](std::string_view line) {
    const auto at = line.find("total=");
    if (!line.starts_with("some") || at == std::string_view::npos) return false;
    if (const auto micros = number<std::uint64_t>(line.substr(at + 6))) found = static_cast<double>(*micros) * 1e-6;
    return true;
  });
  return found;
}

std::optional<double> parse_process_seconds(std::string_view text, double hertz) {
  const auto bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  text.remove_prefix(bracket + 1);
  // state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime
  double ticks = 0;
  for (int field = 0; field < 13; ++field) {
    text = trim(text);
    if (text.empty()) return std::nullopt;
    if (field >= 11) {
      const auto value = number<std::uint64_t>(text);
      if (!value) return std::nullopt;
      ticks += static_cast<double>(*value);
    }
    text.remove_prefix(std::min(text.find(' '), text.size()));
  }
  return ticks / hertz;
}

std::optional<std::uint64_t> parse_resident_pages(std::string_view text) {
  const auto space = text.find(' ');
  return space == std::string_view::npos ? std::nullopt : number<std::uint64_t>(text.substr(space));
}

std::optional<double> energy_of_channels(std::span<const EnergyChannel> channels) {
  std::optional<double> joules;
  for (const EnergyChannel& channel : channels) {
    const std::string_view name = channel.name;
    // "CPU Energy" and "GPU Energy" are totals of their cores; Ultra chips have one for each die. The neural engine's
    // channels are "ANE" or "ANE0", memory's "DRAM" or "DRAM0".
    if (!name.ends_with("CPU Energy") && !name.ends_with("GPU Energy") && !name.starts_with("ANE") &&
        !name.starts_with("DRAM")) {
      continue;
    }
    const double unit = channel.unit == "mJ" ? 1e-3 : channel.unit == "uJ" ? 1e-6 : channel.unit == "nJ" ? 1e-9 : 0;
    if (unit == 0 || channel.value < 0) continue;
    joules = joules.value_or(0) + unit * static_cast<double>(channel.value);
  }
  return joules;
}

const char* name(Pressure::Level level) {
  switch (level) {
    case Pressure::Level::unknown:
      return "unknown";
    case Pressure::Level::normal:
      return "normal";
    case Pressure::Level::warning:
      return "warning";
    case Pressure::Level::critical:
      return "critical";
  }
  return "unknown";
}

}  // namespace assay::host
