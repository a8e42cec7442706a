// Metadata values as C++ values: the conversions that keep the number, and no others.
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "base/bytes.h"
#include "base/text.h"
#include "checkpoint/gguf.h"

namespace assay {
namespace {

template <class T>
T load(std::span<const std::byte> bytes, std::uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class T>
constexpr std::string_view expected_name() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, std::string_view>) return "string";
  if constexpr (std::is_floating_point_v<T>) return "number";
  return "integer";
}

std::unexpected<Error> wrong_type(const GgufValue& value, std::string_view expected) {
  std::string met(name(value.type));
  if (value.type == GgufType::array) met += " of " + std::string(name(value.element));
  return fail(Errc::bad_value, "met " + met + ", expected " + std::string(expected), value.at);
}

// An integer of the file's type S as T, where it fits.
template <class T, class S>
Result<T> integer(const GgufValue& value, std::uint64_t index) {
  const S met = load<S>(value.bytes, index);
  if (std::in_range<T>(met)) return static_cast<T>(met);
  return fail(Errc::bad_value,
              "met " + std::to_string(met) + ", expected " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                  std::to_string(std::numeric_limits<T>::max()),
              value.at);
}

// The element `index` of scalars of type `type`.
template <class T>
Result<T> scalar(const GgufValue& value, GgufType type, std::uint64_t index) {
  if constexpr (std::is_same_v<T, bool>) {
    if (type != GgufType::boolean) return wrong_type(value, "bool");
    const auto met = load<std::uint8_t>(value.bytes, index);
    if (met <= 1) return met == 1;
    return fail(Errc::bad_value, "met byte " + std::to_string(met) + ", expected bool 0 or 1", value.at);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (type == GgufType::f32) return static_cast<T>(load<float>(value.bytes, index));
    if (type == GgufType::f64) return static_cast<T>(load<double>(value.bytes, index));
    auto whole = scalar<std::int64_t>(value, type, index);
    if (!whole) return wrong_type(value, "number");
    return static_cast<T>(*whole);
  } else {
    switch (type) {
      case GgufType::u8:
        return integer<T, std::uint8_t>(value, index);
      case GgufType::i8:
        return integer<T, std::int8_t>(value, index);
      case GgufType::u16:
        return integer<T, std::uint16_t>(value, index);
      case GgufType::i16:
        return integer<T, std::int16_t>(value, index);
      case GgufType::u32:
        return integer<T, std::uint32_t>(value, index);
      case GgufType::i32:
        return integer<T, std::int32_t>(value, index);
      case GgufType::u64:
        return integer<T, std::uint64_t>(value, index);
      case GgufType::i64:
        return integer<T, std::int64_t>(value, index);
      default:
        return wrong_type(value, "integer");
    }
  }
}

template <class T>
struct Cast {
  static Result<T> from(const GgufValue& value) {
    if (gguf_scalar_bytes(value.type) == 0) return wrong_type(value, expected_name<T>());
    return scalar<T>(value, value.type, 0);
  }
};

template <>
struct Cast<std::string_view> {
  static Result<std::string_view> from(const GgufValue& value) {
    if (value.type != GgufType::string) return wrong_type(value, "string");
    return std::string_view(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }
};

template <class T>
struct Cast<std::vector<T>> {
  static Result<std::vector<T>> from(const GgufValue& value) {
    const std::string expected = "array of " + std::string(expected_name<T>());
    if (value.type != GgufType::array || gguf_scalar_bytes(value.element) == 0) return wrong_type(value, expected);
    std::vector<T> out;
    out.reserve(value.count);
    for (std::uint64_t i = 0; i < value.count; ++i) {
      auto element = scalar<T>(value, value.element, i);
      if (!element) return std::unexpected(with_context("element " + std::to_string(i), std::move(element.error())));
      out.push_back(*element);
    }
    return out;
  }
};

template <>
struct Cast<std::vector<std::string_view>> {
  static Result<std::vector<std::string_view>> from(const GgufValue& value) {
    if (value.type != GgufType::array || value.element != GgufType::string) return wrong_type(value, "array of string");
    std::vector<std::string_view> out;
    out.reserve(value.count);
    ByteReader reader(value.bytes);  // lengths were checked when the directory was read
    for (std::uint64_t i = 0; i < value.count; ++i) {
      const auto length = reader.read<std::uint64_t>("string");
      ASSAY_ASSERT(length.has_value());
      const auto text = reader.text(*length, "string");
      ASSAY_ASSERT(text.has_value());
      out.push_back(*text);
    }
    return out;
  }
};

}  // namespace

template <class T>
Result<T> gguf_cast(const GgufValue& value) {
  return Cast<T>::from(value);
}

template Result<bool> gguf_cast(const GgufValue&);
template Result<std::int32_t> gguf_cast(const GgufValue&);
template Result<std::uint32_t> gguf_cast(const GgufValue&);
template Result<std::int64_t> gguf_cast(const GgufValue&);
template Result<std::uint64_t> gguf_cast(const GgufValue&);
template Result<float> gguf_cast(const GgufValue&);
template Result<double> gguf_cast(const GgufValue&);
template Result<std::string_view> gguf_cast(const GgufValue&);
template Result<std::vector<bool>> gguf_cast(const GgufValue&);
template Result<std::vector<std::int32_t>> gguf_cast(const GgufValue&);
template Result<std::vector<std::uint32_t>> gguf_cast(const GgufValue&);
template Result<std::vector<std::int64_t>> gguf_cast(const GgufValue&);
template Result<std::vector<std::uint64_t>> gguf_cast(const GgufValue&);
template Result<std::vector<float>> gguf_cast(const GgufValue&);
template Result<std::vector<double>> gguf_cast(const GgufValue&);
template Result<std::vector<std::string_view>> gguf_cast(const GgufValue&);

}  // namespace assay
