// Text -> token by one probe into an open table; the bytes lie in one block.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// 64 bits from bytes, by multiplication and folding. No defence against chosen collisions is needed: the table's keys
// come from a vocabulary, and probes end at the first empty place of a table that is at most half full.
inline std::uint64_t hash_bytes(const char* p, std::size_t n) {
  constexpr std::uint64_t k0 = 0x9E3779B97F4A7C15U;
  constexpr std::uint64_t k1 = 0xD6E8FEB86659FD93U;
  const auto fold = [](std::uint64_t a, std::uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  std::uint64_t h = k0 ^ n;
  while (n > 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, p, 8);
    h = fold(h ^ eight, k1);
    p += 8;
    n -= 8;
  }
  std::uint64_t last = 0;
  std::memcpy(&last, p, n);
  return fold(h ^ last, k1);
}

class TokenTable {
 public:
  static constexpr std::int32_t absent = -1;

  // Room for `count` texts.
  explicit TokenTable(std::size_t count = 0);

  // Adds a text with a value >= 0; the text's value is replaced if it is there already.
  void insert(std::string_view text, std::int32_t value);
  // The value, or absent.
  std::int32_t find(std::string_view text) const {
    if (text.size() > longest_) return absent;
    const std::uint64_t h = hash_bytes(text.data(), text.size());
    for (std::size_t i = h & mask_;; i = (i + 1) & mask_) {
      const Entry& e = entries_[i];
      if (e.value == absent) return absent;
      if (e.hash == static_cast<std::uint32_t>(h >> 32) && e.size == text.size() &&
          std::memcmp(bytes_.data() + e.begin, text.data(), text.size()) == 0) {
        return e.value;
      }
    }
  }
  // Calls f(text) for every text, in no order.
  template <class F>
  void each(F&& f) const {
    for (const Entry& e : entries_) {
      if (e.value != absent) f(std::string_view(bytes_).substr(e.begin, e.size));
    }
  }
  std::size_t size() const { return count_; }
  std::size_t longest() const { return longest_; }  // bytes of the longest text

 private:
  struct Entry {
    std::uint32_t hash = 0;  // upper half
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    std::int32_t value = absent;
  };
  void grow();

  std::vector<Entry> entries_;
  std::string bytes_;
  std::size_t mask_ = 0;
  std::size_t count_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace assay
