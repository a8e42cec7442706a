#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "host/sockets.h"

namespace assay::host {
namespace {

template <class T>
bool hex(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size();
}

// Words of 32 bits as the kernel prints them: in the machine's (little-endian) order.
bool address_of(std::string_view digits, std::string& out) {
  std::array<std::uint8_t, 16> bytes{};
  if (digits.size() != 8 && digits.size() != 32) return false;
  for (std::size_t word = 0; word < digits.size() / 8; ++word) {
    std::uint32_t value = 0;
    if (!hex(digits.substr(word * 8, 8), value)) return false;
    for (std::size_t i = 0; i < 4; ++i) bytes[word * 4 + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  const auto dotted = [&](std::size_t from) {
    return std::to_string(bytes[from]) + "." + std::to_string(bytes[from + 1]) + "." + std::to_string(bytes[from + 2]) +
           "." + std::to_string(bytes[from + 3]);
  };
  if (digits.size() == 8) {
    out = dotted(0);
    return true;
  }
  bool zeros = true;
  for (std::size_t i = 0; i < 10; ++i) zeros = zeros && bytes[i] == 0;
  if (zeros && bytes[10] == 0xFF && bytes[11] == 0xFF) {  // an IPv4 address in IPv6 clothes
    out = dotted(12);
    return true;
  }
  for (std::size_t i = 10; i < 15; ++i) zeros = zeros && bytes[i] == 0;
  if (zeros && bytes[15] <= 1) {
    out = bytes[15] == 1 ? "::1" : "::";
    return true;
  }
  out.clear();
  for (std::size_t i = 0; i < 16; i += 2) {
    std::array<char, 8> group{};
    std::snprintf(group.data(), group.size(), "%s%x", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
    out += group.data();
  }
  return true;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const auto first = line.find_first_not_of(' ');
    if (first == std::string_view::npos) return out;
    line.remove_prefix(first);
    out.push_back(line.substr(0, line.find(' ')));
    line.remove_prefix(out.back().size());
  }
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view text) {
  std::vector<Listener> out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode ...
    const auto fields = words(line);
    if (fields.size() < 10 || fields[3] != "0A") continue;
    const auto colon = fields[1].find(':');
    Listener listener;
    if (colon == std::string_view::npos || !hex(fields[1].substr(colon + 1), listener.port) ||
        !address_of(fields[1].substr(0, colon), listener.address)) {
      continue;
    }
    std::from_chars(fields[9].data(), fields[9].data() + fields[9].size(), listener.inode);
    out.push_back(std::move(listener));
  }
  return out;
}

}  // namespace assay::host
