#include "cli/terminal/cells.h"

#include <utf8proc.h>

#include <algorithm>

namespace assay::cli {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

struct Point {
  utf8proc_int32_t value = -1;  // -1: no UTF-8 here
  std::size_t bytes = 1;
};

Point point_at(std::string_view text, std::size_t at) {
  utf8proc_int32_t value = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());  // NOLINT: as the library wants them
  const auto n = utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &value);
  if (n <= 0) return {};
  return {value, static_cast<std::size_t>(n)};
}

}  // namespace

std::size_t next_character(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  Point point = point_at(text, at);
  std::size_t end = at + point.bytes;
  utf8proc_int32_t state = 0;
  while (end < text.size()) {
    const Point next = point_at(text, end);
    if (point.value < 0 || next.value < 0 || utf8proc_grapheme_break_stateful(point.value, next.value, &state)) break;
    end += next.bytes;
    point = next;
  }
  return end;
}

std::size_t previous_character(std::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  if (at == 0) return 0;
  // Whether two code points are one character depends on what stands before them; a new line begins afresh.
  const std::size_t line = at >= 2 ? text.rfind('\n', at - 2) : std::string_view::npos;
  std::size_t begin = line == std::string_view::npos ? 0 : line + 1;
  while (true) {
    const std::size_t end = next_character(text, begin);
    if (end >= at) return begin;
    begin = end;
  }
}

std::size_t cells(std::string_view text) {
  constexpr utf8proc_int32_t emoji_style = 0xFE0F;  // asks for the picture of what is else a letter
  std::size_t total = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = next_character(text, at);
    std::size_t sum = 0;
    bool picture = false;
    while (at < end) {
      const Point point = point_at(text, at);
      picture = picture || point.value == emoji_style;
      sum += point.value < 0 ? 1 : static_cast<std::size_t>(std::max(0, utf8proc_charwidth(point.value)));
      at += point.bytes;
    }
    total += picture ? std::max<std::size_t>(sum, 2) : sum;
  }
  return total;
}

bool in_word(std::string_view character) {
  if (character.empty()) return false;
  const Point point = point_at(character, 0);
  if (point.value == '_') return true;
  switch (point.value < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(point.value)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

std::string clean_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Point point = point_at(bytes, at);
    if (point.value == '\r') {
      out += '\n';
      if (at + 1 < bytes.size() && bytes[at + 1] == '\n') ++at;
    } else if (point.value < 0) {
      out += replacement;
    } else if (point.value == '\n' || point.value == '\t' || utf8proc_category(point.value) != UTF8PROC_CATEGORY_CC) {
      out += bytes.substr(at, point.bytes);
    }
    at += point.bytes;
  }
  return out;
}

std::size_t whole_utf8(std::string_view bytes) {
  constexpr std::size_t longest = 4;
  for (std::size_t back = 1; back <= std::min(longest - 1, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;  // within a character
    const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;
    return length > back ? bytes.size() - back : bytes.size();
  }
  return bytes.size();
}

}  // namespace assay::cli
