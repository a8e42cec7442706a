// GGUF files: metadata and tensors as views into the mapped file. Nothing but the directory is copied.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "checkpoint/gguf_format.h"
#include "tensor/view.h"

namespace assay {

// A metadata value where it lies in the file. gguf_cast reads it.
struct GgufValue {
  GgufType type{};
  GgufType element{};                // array: type of its elements
  std::uint64_t count = 1;           // array: number of elements
  std::span<const std::byte> bytes;  // scalar; characters of a string; elements of an array as stored
  std::uint64_t at = 0;              // offset of the value in its file
};

// The value as T: bool, int32/uint32/int64/uint64, float, double, string_view, or a vector of one of these but bool
// (vector<bool> too). Integers of any width convert where the number fits, floats from any number. Strings are views
// into the file. Errc::bad_value says what was met and expected.
template <class T>
Result<T> gguf_cast(const GgufValue& value);

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

struct GgufTensor {
  std::string_view name;
  TensorView view;             // shape outermost first: the reverse of the file's order
  std::uint32_t part = 0;      // index into Gguf::files()
  std::uint64_t at = 0;        // offset of the data in that file
  std::uint64_t entry_at = 0;  // offset of the tensor's entry in that file
};

// One model file, or all parts of a split one (NAME-00001-of-0000N.gguf) as if they were one. Version 2 and 3.
// Views stay valid as long as the object, also when it is moved. Safe to read from several threads.
class Gguf final {
 public:
  // `path`: the file or any part. Every error names file, key or tensor, offset, what was met and what was expected:
  // not_found, truncated, bad_value (magic, counts, duplicates, overlaps, alignment, parts that do not belong
  // together), unsupported (version 1, big-endian, unknown type ids). Cost: reads the directory only, O(its bytes).
  static Result<Gguf> open(const std::string& path);

  // One unsplit file in memory that must outlive the object; `name` stands in errors.
  static Result<Gguf> parse(std::span<const std::byte> bytes, std::string_view name);

  std::uint32_t version() const { return version_; }
  std::uint64_t alignment() const { return alignment_; }  // bytes, of the first part
  const std::vector<std::string>& files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }  // of all files

  // Metadata of the first part, in file order; and tensors of all parts, in file order.
  std::span<const GgufEntry> metadata() const { return metadata_; }
  std::span<const GgufTensor> tensors() const { return tensors_; }

  const GgufValue* find(std::string_view key) const;             // nullptr: absent
  const GgufTensor* tensor(std::string_view tensor_name) const;  // nullptr: absent

  // The value of a key as T (see gguf_cast). get: Errc::not_found names an absent key. maybe: nullopt instead.
  template <class T>
  Result<T> get(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return missing(key);
    auto cast = gguf_cast<T>(*value);
    if (!cast) return std::unexpected(in_key(key, std::move(cast.error())));
    return cast;
  }
  template <class T>
  Result<std::optional<T>> maybe(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return std::optional<T>();
    auto cast = gguf_cast<T>(*value);
    if (!cast) return std::unexpected(in_key(key, std::move(cast.error())));
    return std::optional<T>(std::move(*cast));
  }

  // See MappedFile::drop_pages(): for who has copied what it needs.
  void drop_pages() const;

  // Errors about this file, with its name in front.
  std::unexpected<Error> missing(std::string_view key) const;
  Error in_key(std::string_view key, Error error) const;

 private:
  Gguf() = default;
  Result<void> add_part(std::span<const std::byte> bytes, const std::string& path);

  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = gguf_alignment_default;
  std::uint64_t bytes_ = 0;
  std::vector<MappedFile> mapped_;
  std::vector<std::string> files_;
  std::vector<GgufEntry> metadata_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> key_index_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
};

}  // namespace assay
