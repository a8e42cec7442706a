#include "tokenizer/byte_alphabet.h"

#include <array>

#include "tokenizer/unicode.h"

namespace assay {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<std::uint16_t, 256> letter{};
  std::array<std::int16_t, 0x144> byte{};  // -1: outside
};

constexpr Alphabet make_alphabet() {
  Alphabet a;
  for (auto& b : a.byte) b = -1;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned letter = stands_for_itself(byte) ? byte : next++;
    a.letter[byte] = static_cast<std::uint16_t>(letter);
    a.byte[letter] = static_cast<std::int16_t>(byte);
  }
  return a;
}

constexpr Alphabet alphabet = make_alphabet();
static_assert(alphabet.letter[' '] == 0x120 && alphabet.letter[0xAD] == 0x143);

}  // namespace

std::uint32_t byte_to_letter(unsigned char byte) { return alphabet.letter[byte]; }

std::optional<unsigned char> letter_to_byte(std::uint32_t letter) {
  if (letter >= alphabet.byte.size() || alphabet.byte[letter] < 0) return std::nullopt;
  return static_cast<unsigned char>(alphabet.byte[letter]);
}

std::string bytes_to_letters(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) unicode::append(out, byte_to_letter(static_cast<unsigned char>(byte)));
  return out;
}

std::optional<std::string> letters_to_bytes(std::string_view letters) {
  std::string out;
  out.reserve(letters.size());
  for (std::size_t at = 0; at < letters.size();) {
    const unicode::Decoded d = unicode::decode(letters, at);
    if (d.bytes == 0) return std::nullopt;
    const auto byte = letter_to_byte(d.code_point);
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
    at += d.bytes;
  }
  return out;
}

}  // namespace assay
