// Tensors that are made while they are written: rows in chunks, chunks by threads, bytes in order.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "artifact/hash.h"
#include "base/error.h"
#include "checkpoint/gguf_writer.h"
#include "device/cpu/thread_pool.h"
#include "tensor/view.h"

namespace assay::artifact {

struct RowChunk {
  std::uint64_t index = 0;  // of the chunk in its tensor; the same rows whatever the number of threads
  std::uint64_t first_row = 0;
  std::uint64_t rows = 0;
  std::size_t worker = 0;  // < pool.threads()
};
// Makes rows * row_bytes bytes. Called from several threads at once, each with a chunk of its own.
using FillRows = std::function<void(const RowChunk& chunk, std::span<std::byte> out)>;

// Keeps the count of bytes over all tensors of a file.
class TensorStream final {
 public:
  // Borrows all three for its lifetime.
  TensorStream(GgufWriter& writer, device::ThreadPool& pool, const ByteProgress& progress)
      : writer_(writer), pool_(pool), progress_(progress) {}

  // Writes the tensor that is due. A vector is one row. Errors as GgufWriter::write; Errc::cancelled.
  Result<void> write(const std::string& tensor_name, DType type, const Shape& shape, const FillRows& fill);

 private:
  GgufWriter& writer_;
  device::ThreadPool& pool_;
  const ByteProgress& progress_;
  std::uint64_t done_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace assay::artifact
