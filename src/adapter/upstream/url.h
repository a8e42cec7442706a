// Where an upstream lives: http or https, a host, a port, and the path that its endpoints begin with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace assay::adapter::upstream {

struct Url {
  bool tls = false;
  std::string host;  // a name or an address; IPv6 without its brackets
  std::uint16_t port = 0;
  std::string path;  // "" or "/prefix", without a last slash

  bool operator==(const Url&) const = default;
};

// "http://127.0.0.1:8080", "https://node.example/llm", "http://[::1]:1234". The port is 80 or 443 where none is given.
// Errc::bad_value names the part: another scheme, a user or password (keys belong in a file), a query, a fragment, a
// space or control character, a port outside 1..65535.
Result<Url> parse_url(std::string_view text);

// As it stands in a Host header and in errors: "127.0.0.1:8080", "[::1]:1234"; the scheme's own port is left out.
std::string authority(const Url& url);
std::string to_string(const Url& url);

// 127.0.0.0/8, ::1 or "localhost": what is sent there stays on this machine.
bool is_loopback(const Url& url);

}  // namespace assay::adapter::upstream
