#include "host/identity.h"

#include <span>

#include "base/sha256.h"

namespace assay::host {

std::string hashed_id(std::string_view id) {
  constexpr std::string_view white = " \t\r\n";
  const std::size_t begin = id.find_first_not_of(white);
  if (begin == std::string_view::npos) return "";
  id = id.substr(begin, id.find_last_not_of(white) - begin + 1);
  return sha256_hex(std::as_bytes(std::span(id))).substr(0, 16);
}

std::uint64_t cache_size(std::string_view text) {
  std::uint64_t value = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9' && i < 15; ++i) {
    value = value * 10 + static_cast<std::uint64_t>(text[i] - '0');
  }
  if (i == 0) return 0;
  const char unit = i < text.size() ? text[i] : ' ';
  return value << (unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0);
}

}  // namespace assay::host
