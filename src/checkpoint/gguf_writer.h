// Writes a GGUF v3 file: keys and the list of tensors first, then each tensor's bytes in that order, in pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/output_file.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_format.h"
#include "tensor/view.h"

namespace assay {

// Use: set() and add() in any order; begin(); write() until all tensors are there; finish(). The file appears at its
// path only in finish(). What the reader would refuse is refused here: bad_value names key or tensor.
class GgufWriter final {
 public:
  explicit GgufWriter(std::string path) : path_(std::move(path)) {}

  // T: bool, (u)int8 to (u)int64, float, double, string_view, string, or a vector of one of these. The key gets exactly
  // the type of T. A key that was set before gets the new value and keeps its place.
  template <class T>
  void set(std::string_view key, const T& value);
  void set(std::string_view key, const char* text) { set(key, std::string_view(text)); }
  // A value of another file as it is stored there.
  void set(std::string_view key, const GgufValue& value);
  void remove(std::string_view key);

  // A tensor to come, shape outermost first; types that have a GGUF id only.
  void add(std::string_view tensor_name, DType dtype, Shape shape);

  // Bytes that the whole file will have. After the last set() and add().
  Result<std::uint64_t> file_bytes() const;

  // Writes header, metadata and tensor list. Errors as OutputFile::create.
  Result<void> begin();
  // The next bytes of the tensor that is due, which must be `tensor_name`; several calls may share one tensor.
  Result<void> write(std::string_view tensor_name, std::span<const std::byte> bytes);
  // Errc::bad_value when a tensor is missing or short.
  Result<void> finish();

 private:
  struct Value {
    GgufType type{};
    GgufType element{};
    std::uint64_t count = 1;
    std::string bytes;
  };
  struct Tensor {
    std::string name;
    DType dtype{};
    Shape shape;
    std::uint64_t bytes = 0;
    std::uint64_t offset = 0;  // in the data section
  };
  struct Head {
    std::string bytes;             // header, metadata, tensor list and padding
    std::uint64_t data_bytes = 0;  // without the padding after the last tensor
  };

  void put(std::string_view key, Value value);
  Result<std::uint64_t> alignment() const;
  Result<Head> head() const;
  Result<void> pad(std::uint64_t bytes);

  std::string path_;
  std::vector<std::pair<std::string, Value>> metadata_;
  std::vector<Tensor> tensors_;
  std::optional<OutputFile> file_;
  std::uint64_t alignment_ = gguf_alignment_default;
  std::size_t due_ = 0;            // index of the tensor that is due
  std::uint64_t due_written_ = 0;  // bytes of it
};

}  // namespace assay
