// Unicode facts by utf8proc, gathered once into a compact table: categories, white space, and UTF-8 itself.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::unicode {

// Properties of one code point, as bits. Names follow the regex classes that pre-tokenizers use.
enum : std::uint16_t {
  letter = 1 << 0,       // \p{L}
  number = 1 << 1,       // \p{N}
  space = 1 << 2,        // \s: the White_Space property
  mark = 1 << 3,         // \p{M}
  punctuation = 1 << 4,  // \p{P}
  symbol = 1 << 5,       // \p{S}
  upperish = 1 << 6,     // \p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}
  lowerish = 1 << 7,     // \p{Ll}\p{Lm}\p{Lo}\p{M}
  digit = 1 << 8,        // \p{Nd}
  control = 1 << 9,      // \p{C} without unassigned ones
  word = 1 << 10,        // \w: letters, marks, digits, connectors, joiners (UTS 18)
  regex_word = 1 << 13,  // \w of Oniguruma: without the joiners, with six numbers of Latin-1
  nonspacing = 1 << 11,  // \p{Mn}
  han = 1 << 12,         // the CJK ideographs that BERT sets apart
};

inline constexpr std::uint32_t code_point_max = 0x10FFFF;
inline constexpr std::uint32_t replacement = 0xFFFD;

// Constant after construction; two levels, blocks of 256 code points that are equal are kept once (~100 KiB in all).
class Table {
 public:
  Table();
  std::uint16_t operator[](std::uint32_t code_point) const {
    return code_point > code_point_max ? 0 : values_[block_[code_point >> 8] + (code_point & 0xFF)];
  }
  std::uint16_t ascii(unsigned char byte) const { return values_[byte]; }  // byte < 128

 private:
  std::array<std::uint32_t, (code_point_max >> 8) + 1> block_{};  // where the block's 256 values begin
  std::vector<std::uint16_t> values_;
};

// The table, made at the first call (about 5 ms) and constant from then on.
const Table& table();

struct Decoded {
  std::uint32_t code_point;
  std::uint32_t bytes;  // 0: the bytes are no UTF-8
};

// The character at `at` < text.size(). Overlong forms, surrogates and values past U+10FFFF are no UTF-8.
Decoded decode(std::string_view text, std::size_t at);

// The same for text that is known to be valid: no checks.
inline Decoded decode_valid(const char* at) {
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  if (p[0] < 0x80) return {p[0], 1};
  if (p[0] < 0xE0) return {((p[0] & 0x1FU) << 6) | (p[1] & 0x3FU), 2};
  if (p[0] < 0xF0) return {((p[0] & 0x0FU) << 12) | ((p[1] & 0x3FU) << 6) | (p[2] & 0x3FU), 3};
  return {((p[0] & 0x07U) << 18) | ((p[1] & 0x3FU) << 12) | ((p[2] & 0x3FU) << 6) | (p[3] & 0x3FU), 4};
}

// Bytes of the character that a lead byte announces: 1 to 4 (1 for a byte that can lead nothing).
std::uint32_t announced_bytes(unsigned char lead);

void append(std::string& out, std::uint32_t code_point);

// Bytes of the longest prefix of `text` that is valid UTF-8.
std::size_t valid_prefix(std::string_view text);

// `text` with each byte that belongs to no valid character replaced by U+FFFD. Gives `text` itself back where it is
// valid, else a view of `buffer`.
std::string_view sanitize(std::string_view text, std::string& buffer);

enum class Form : std::uint8_t { nfc, nfd, nfkc, nfkd };

// `text` is valid UTF-8. Length grows at most 18 times (NFKD of U+FDFA).
std::string normalize(std::string_view text, Form form);
// Full lower-casing by character (U+0130 becomes two characters, as in Unicode's SpecialCasing).
std::string lowercase(std::string_view text);

}  // namespace assay::unicode
