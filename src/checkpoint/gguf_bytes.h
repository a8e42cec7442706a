// Tests only: GGUF files put together byte by byte, right or wrong, independently of the writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/gguf_format.h"

namespace assay::testing_bytes {

class GgufBytes {
 public:
  template <class T>
  GgufBytes& raw(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    text.append(bytes, sizeof(T));
    return *this;
  }
  GgufBytes& u32(std::uint32_t value) { return raw(value); }
  GgufBytes& u64(std::uint64_t value) { return raw(value); }
  GgufBytes& string(std::string_view value) {
    u64(value.size());
    text += value;
    return *this;
  }
  GgufBytes& header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
    text += "GGUF";
    return u32(version).u64(tensors).u64(keys);
  }
  GgufBytes& key(std::string_view name, GgufType type) { return string(name).u32(static_cast<std::uint32_t>(type)); }
  GgufBytes& key_u32(std::string_view name, std::uint32_t value) { return key(name, GgufType::u32).u32(value); }
  GgufBytes& key_f32(std::string_view name, float value) { return key(name, GgufType::f32).raw(value); }
  GgufBytes& key_string(std::string_view name, std::string_view value) {
    return key(name, GgufType::string).string(value);
  }
  // dimensions as the file has them: innermost first.
  GgufBytes& tensor(std::string_view name, std::initializer_list<std::uint64_t> dimensions, std::uint32_t type,
                    std::uint64_t offset) {
    string(name).u32(static_cast<std::uint32_t>(dimensions.size()));
    for (const auto extent : dimensions) u64(extent);
    return u32(type).u64(offset);
  }
  GgufBytes& data(std::size_t bytes, std::size_t alignment = 32) {
    text.append((alignment - text.size() % alignment) % alignment, '\0');
    text.append(bytes, '\x11');
    return *this;
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(text)); }

  std::string text;
};

// A fresh folder for one test; removed when the next run asks for it.
inline std::string fresh_folder(const std::string& base, const std::string& name) {
  const auto folder = std::filesystem::path(base) / ("assay_checkpoint_" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder.string();
}

inline std::string write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace assay::testing_bytes
