#include "adapter/worker/plain_text.h"

#include <cstdint>

namespace assay::adapter {
namespace {

// Bytes of the character at the front, 0 where it may not be in plain text.
std::size_t plain_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  std::uint32_t point = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    point = point << 6U | (byte(i) & 0x3FU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  const bool control = point < 0xA0;
  const bool turns = (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0x200E ||
                     point == 0x200F || point == 0x2028 || point == 0x2029;
  return point < least[size] || point > 0x10FFFF || surrogate || control || turns ? 0 : size;
}

}  // namespace

bool is_plain_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = plain_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string plain_text(std::string_view text, std::size_t bytes_max) {
  std::string out;
  bool blank = false;
  while (!text.empty()) {
    const char first = text[0];
    if (first == ' ' || first == '\n' || first == '\r' || first == '\t') {
      blank = !out.empty();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t size = plain_character(text);
    const std::string_view character = size == 0 ? "?" : text.substr(0, size);
    if (out.size() + character.size() + (blank ? 1 : 0) > bytes_max) break;
    if (blank) out += ' ';
    blank = false;
    out += character;
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace assay::adapter
