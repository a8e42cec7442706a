#include "base/text.h"

namespace assay {

std::string in_quotes(std::string_view text, std::size_t characters_max) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char character : text.substr(0, characters_max)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte < 0x7F && character != '"' && character != '\\') {
      out += character;
    } else {
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  if (text.size() > characters_max) out += "...";
  return out + "\"";
}

}  // namespace assay
