// Who listens on this machine, and which programs run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::host {

struct Listener {
  std::string address;  // "127.0.0.1", "0.0.0.0", "::1", "::"
  std::uint16_t port = 0;
  std::uint64_t inode = 0;  // of the socket; 0 where the system does not tell
  std::string program;      // name of the process that holds it; empty where it may not be seen
  std::int64_t pid = 0;     // 0 where it may not be seen

  bool loopback() const { return address.starts_with("127.") || address == "::1"; }
};

struct Process {
  std::int64_t pid = 0;
  std::string name;     // of the program file, without its folder
  std::string command;  // arguments joined by spaces
  std::uint64_t resident_bytes = 0;
};

// TCP listeners of this network namespace, by port; nothing where the system does not tell (macOS, today).
std::optional<std::vector<Listener>> listeners();

// Processes that this user may see, without this one; nothing where the system does not tell (macOS, today).
std::optional<std::vector<Process>> processes();

// Lines of /proc/net/tcp (4-byte addresses) or tcp6 (16-byte) that listen. Lines that do not parse are passed over.
std::vector<Listener> parse_listeners(std::string_view text);

}  // namespace assay::host
