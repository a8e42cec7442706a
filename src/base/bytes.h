// A cursor over borrowed little-endian bytes that refuses before it reads past the end.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace assay {

static_assert(std::endian::native == std::endian::little, "readers assume a little-endian machine");

// a * b or a + b; false where the true value does not fit in `out` (any unsigned type: size_t and uint64_t are not one type on macOS).
template <std::unsigned_integral Out>
[[nodiscard]] constexpr bool checked_mul(std::uint64_t a, std::uint64_t b, Out& out) {
  return !__builtin_mul_overflow(a, b, &out);
}
template <std::unsigned_integral Out>
[[nodiscard]] constexpr bool checked_add(std::uint64_t a, std::uint64_t b, Out& out) {
  return !__builtin_add_overflow(a, b, &out);
}

// Reads forward from `bytes`, which must outlive the reader and every view it gives.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return bytes_.size() - position_; }

  // One scalar. Errc::truncated with the offset when fewer bytes remain; nothing is consumed then.
  template <class T>
    requires std::is_arithmetic_v<T>
  Result<T> read(std::string_view what) {
    if (remaining() < sizeof(T)) return truncated(what, sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  // A view of the next `count` bytes; no copy.
  Result<std::span<const std::byte>> view(std::uint64_t count, std::string_view what);
  // The same as text.
  Result<std::string_view> text(std::uint64_t count, std::string_view what);
  Result<void> skip(std::uint64_t count, std::string_view what);

 private:
  std::unexpected<Error> truncated(std::string_view what, std::uint64_t needed) const;

  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
};

}  // namespace assay
