// Words of one encoding thread and the tokens they became: natural text repeats its words.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace assay {

using Token = std::int32_t;

// Direct-mapped: a word that falls on another's place replaces it. 1 MiB; a hit costs one cache line.
class WordCache {
 public:
  static constexpr std::size_t word_bytes_max = 32;
  static constexpr std::size_t tokens_max = 7;

  // A word as four numbers; equal words have equal keys.
  struct Key {
    std::array<std::uint64_t, 4> part{};
    std::size_t place = 0;
  };

  // 0 < word.size() <= word_bytes_max.
  static Key key(std::string_view word) {
    Key k;
    const char* p = word.data();
    const std::size_t n = word.size();
    const auto eight = [](const char* at) {
      std::uint64_t v = 0;
      std::memcpy(&v, at, 8);
      return v;
    };
    if (n >= 8) {
      k.part[0] = eight(p);
      k.part[1] = eight(p + n - 8);
      if (n > 16) {
        k.part[2] = eight(p + 8);
        k.part[3] = eight(p + n - 16);
      }
    } else if (n >= 4) {
      std::uint32_t low = 0;
      std::uint32_t high = 0;
      std::memcpy(&low, p, 4);
      std::memcpy(&high, p + n - 4, 4);
      k.part[0] = low | (std::uint64_t{high} << 32);
    } else {
      const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
      k.part[0] = byte(0) | (byte(n / 2) << 8) | (byte(n - 1) << 16);
    }
    std::uint64_t h = (k.part[0] + n) * 0x9E3779B97F4A7C15U;
    h = (h ^ (h >> 29) ^ k.part[1]) * 0xD6E8FEB86659FD93U;
    if (n > 16) h = (h ^ (h >> 31) ^ k.part[2] ^ (k.part[3] << 1)) * 0x9E3779B97F4A7C15U;
    k.place = static_cast<std::size_t>(h >> (64 - places_log2));
    return k;
  }

  // Appends the word's tokens; false: not here.
  bool find(const Key& k, std::size_t size, std::vector<Token>& out) const {
    const Entry& e = entries_[k.place];
    if (e.size != size || e.part != k.part) return false;
    out.insert(out.end(), e.tokens.begin(), e.tokens.begin() + e.count);
    return true;
  }

  // Keeps the word unless it has too many tokens.
  void keep(const Key& k, std::size_t size, std::span<const Token> tokens) {
    if (tokens.size() > tokens_max) return;
    Entry& e = entries_[k.place];
    e.part = k.part;
    e.size = static_cast<std::uint16_t>(size);
    e.count = static_cast<std::uint16_t>(tokens.size());
    std::copy(tokens.begin(), tokens.end(), e.tokens.begin());
  }

 private:
  static constexpr int places_log2 = 14;
  struct alignas(64) Entry {
    std::array<std::uint64_t, 4> part{};
    std::uint16_t size = 0;  // 0: empty place
    std::uint16_t count = 0;
    std::array<Token, tokens_max> tokens{};
  };
  static_assert(sizeof(Entry) == 64);

  std::vector<Entry> entries_ = std::vector<Entry>(std::size_t{1} << places_log2);
};

}  // namespace assay
