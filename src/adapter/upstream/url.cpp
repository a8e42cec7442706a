#include "adapter/upstream/url.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace assay::adapter::upstream {
namespace {

constexpr std::size_t url_bytes_max = 2048;

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(Errc::bad_value, "URL " + in_quotes(text) + ": " + std::string(why));
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_ipv6_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (text.size() > url_bytes_max) {
    return bad(text, std::to_string(text.size()) + " bytes, expected at most " + std::to_string(url_bytes_max));
  }
  if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c == 0x7F; })) {
    return bad(text, "a space or control character");
  }
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad(text, "expected http:// or https://");
  }
  if (rest.find('?') != std::string_view::npos) return bad(text, "a query has no place here");
  if (rest.find('#') != std::string_view::npos) return bad(text, "a fragment has no place here");

  const std::size_t slash = rest.find('/');
  std::string_view place = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  if (place.find('@') != std::string_view::npos) {
    return fail(Errc::bad_value, "a URL with a user or password in it: give the key in a file or environment variable");
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  url.path = std::string(path);

  std::string_view port;
  bool has_port = false;
  if (place.starts_with('[')) {
    const std::size_t end = place.find(']');
    if (end == std::string_view::npos) return bad(text, "no ] after the address");
    url.host = std::string(place.substr(1, end - 1));
    if (url.host.find(':') == std::string::npos || !std::ranges::all_of(url.host, is_ipv6_character)) {
      return bad(text, "expected an IPv6 address within [ ]");
    }
    place.remove_prefix(end + 1);
    if (!place.empty()) {
      if (!place.starts_with(':')) return bad(text, "expected :PORT after ]");
      has_port = true;
      port = place.substr(1);
    }
  } else {
    const std::size_t colon = place.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = place.substr(colon + 1);
    url.host = std::string(place.substr(0, colon));
    if (!std::ranges::all_of(url.host, is_host_character)) return bad(text, "expected a host name or address");
  }
  if (url.host.empty()) return bad(text, "no host");
  url.port = url.tls ? 443 : 80;
  if (has_port) {
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (code != std::errc{} || end != port.data() + port.size() || value == 0 || value > 65535) {
      return bad(text, "port " + in_quotes(port) + ", expected 1..65535");
    }
    url.port = static_cast<std::uint16_t>(value);
  }
  return url;
}

std::string authority(const Url& url) {
  std::string out = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port != (url.tls ? 443 : 80)) out += ":" + std::to_string(url.port);
  return out;
}

std::string to_string(const Url& url) { return (url.tls ? "https://" : "http://") + authority(url) + url.path; }

bool is_loopback(const Url& url) {
  if (url.host == "localhost" || url.host == "::1") return true;
  if (!url.host.starts_with("127.")) return false;
  return std::ranges::count(url.host, '.') == 3 &&
         std::ranges::all_of(url.host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace assay::adapter::upstream
