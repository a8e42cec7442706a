#include "tokenizer/charsmap.h"

#include <cstring>

#include "base/bytes.h"

namespace assay {

Result<Charsmap> Charsmap::parse(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto trie_bytes = reader.read<std::uint32_t>("charsmap: size of the trie");
  if (!trie_bytes) return std::unexpected(trie_bytes.error());
  if (*trie_bytes % 4 != 0 || *trie_bytes == 0) {
    return fail(Errc::bad_value,
                "charsmap: trie of " + std::to_string(*trie_bytes) + " bytes, expected a multiple of 4");
  }
  const auto trie = reader.view(*trie_bytes, "charsmap: trie");
  if (!trie) return std::unexpected(trie.error());
  const auto rest = reader.text(reader.remaining(), "charsmap: replacements");
  if (!rest) return std::unexpected(rest.error());
  if (rest->empty() || rest->back() != '\0') {
    return fail(Errc::bad_value, "charsmap: the replacements do not end with a zero byte");
  }
  Charsmap map;
  map.units_.resize(*trie_bytes / 4);
  std::memcpy(map.units_.data(), trie->data(), trie->size());
  map.replacements_ = *rest;
  return map;
}

Charsmap::Match Charsmap::longest(std::string_view text) const {
  const auto children = [](std::uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); };
  Match best;
  std::size_t node = children(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || (units_[node] & 0x800000FFU) != byte) break;
    const bool has_value = ((units_[node] >> 8) & 1) != 0;
    node ^= children(units_[node]);
    if (node >= units_.size()) break;
    if (has_value) {
      const std::size_t place = units_[node] & 0x7FFFFFFFU;
      if (place >= replacements_.size()) break;
      best = {i + 1, std::string_view(replacements_.c_str() + place)};  // parse() saw the zero at the end
    }
  }
  return best;
}

}  // namespace assay
