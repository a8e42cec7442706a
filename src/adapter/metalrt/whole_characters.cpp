#include "adapter/metalrt/whole_characters.h"

#include <cstddef>

namespace assay::adapter::metalrt {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Bytes of the character that begins here: its length; 0: it may become one with more bytes; -1: it never will
// (RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF).
int character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  int length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return -1;
  }
  for (int i = 1; i < length; ++i) {
    if (static_cast<std::size_t>(i) == bytes.size()) return 0;
    if (at(i) < low || at(i) > high) return -1;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

}  // namespace

std::string WholeCharacters::push(std::string_view bytes) {
  waiting_ += bytes;
  std::string out;
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const int length = character(rest);
    if (length == 0) break;
    if (length < 0) {
      out += replacement;
      rest.remove_prefix(1);
    } else {
      out += rest.substr(0, static_cast<std::size_t>(length));
      rest.remove_prefix(static_cast<std::size_t>(length));
    }
  }
  waiting_ = std::string(rest);
  return out;
}

std::string WholeCharacters::finish() {
  std::string out;
  if (!waiting_.empty()) out = replacement;
  waiting_.clear();
  return out;
}

}  // namespace assay::adapter::metalrt
