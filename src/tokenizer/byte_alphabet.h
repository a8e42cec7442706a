// The byte alphabet of byte-level BPE: every byte is written as one visible character (GPT-2, encoder.py: printable
// Latin-1 stands for itself, the other 68 bytes follow in order from U+0100).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

// The character for a byte.
std::uint32_t byte_to_letter(unsigned char byte);
// The byte for a character; empty for a character outside the alphabet.
std::optional<unsigned char> letter_to_byte(std::uint32_t letter);

// Bytes written in the alphabet.
std::string bytes_to_letters(std::string_view bytes);
// The bytes that `letters` stand for; empty if a character is outside the alphabet or the text is not UTF-8.
std::optional<std::string> letters_to_bytes(std::string_view letters);

}  // namespace assay
