// What the GGUF reader and writer share; docs/gguf.md describes the format with a worked example.
// Source: GGUF specification in ggml-org/ggml, docs/gguf.md.
#pragma once

#include <cstdint>
#include <string_view>

namespace assay {

// Type ids of metadata values.
enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

inline constexpr std::string_view gguf_magic = "GGUF";
inline constexpr std::uint32_t gguf_version_written = 3;
inline constexpr std::uint64_t gguf_alignment_default = 32;
// Smaller would put f32 data on odd addresses; larger than 1 GiB cannot be meant.
inline constexpr std::uint64_t gguf_alignment_min = 8;
inline constexpr std::uint64_t gguf_alignment_max = 1U << 30U;
inline constexpr std::uint64_t gguf_key_bytes_max = 65535;  // from the specification
inline constexpr std::uint64_t gguf_name_bytes_max = 256;   // specification: 64; some programs are built with more
inline constexpr std::uint32_t gguf_dimensions_max = 4;     // from the specification
inline constexpr std::uint32_t gguf_array_depth_max = 4;    // arrays in arrays; real files have none
inline constexpr std::uint64_t gguf_parts_max = 99'999;     // five digits in -00001-of-00002.gguf

// Bytes of a scalar of this type; 0 for string and array.
constexpr std::uint32_t gguf_scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean:
      return 1;
    case GgufType::u16:
    case GgufType::i16:
      return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32:
      return 4;
    case GgufType::u64:
    case GgufType::i64:
    case GgufType::f64:
      return 8;
    case GgufType::string:
    case GgufType::array:
      return 0;
  }
  return 0;
}

// "u32", "string", ... for messages; "unknown" for an id outside the list.
constexpr std::string_view name(GgufType type) {
  constexpr std::string_view names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
  const auto id = static_cast<std::uint32_t>(type);
  return id < 13 ? names[id] : "unknown";
}

}  // namespace assay
