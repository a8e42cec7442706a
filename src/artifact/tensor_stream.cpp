#include "artifact/tensor_stream.h"

#include <algorithm>

namespace assay::artifact {

Result<void> TensorStream::write(const std::string& tensor_name, DType type, const Shape& shape, const FillRows& fill) {
  constexpr std::size_t chunk_bytes = std::size_t{256} << 10;  // a chunk of work worth a thread's wake-up
  constexpr std::uint64_t chunks_per_thread = 4;               // in one piece, so that a slow thread delays little
  const TensorView sizes{.dtype = type, .shape = shape, .data = {}, .scales = {}, .biases = {}};
  const std::uint64_t rows = sizes.rows();
  const std::size_t row = row_bytes(type, sizes.columns());
  const std::uint64_t chunk_rows = std::max<std::uint64_t>(1, chunk_bytes / row);
  const std::uint64_t chunks = (rows + chunk_rows - 1) / chunk_rows;
  const std::uint64_t at_once = std::min<std::uint64_t>(chunks, chunks_per_thread * pool_.threads());
  if (buffer_.size() < at_once * chunk_rows * row) buffer_.resize(at_once * chunk_rows * row);
  for (std::uint64_t first = 0; first < chunks; first += at_once) {
    const std::uint64_t count = std::min(at_once, chunks - first);
    pool_.run(count, [&](std::size_t chunk, std::size_t worker) {
      const std::uint64_t index = first + chunk;
      const std::uint64_t first_row = index * chunk_rows;
      const RowChunk work{index, first_row, std::min(chunk_rows, rows - first_row), worker};
      fill(work, std::span(buffer_).subspan(chunk * chunk_rows * row, work.rows * row));
    });
    const std::uint64_t bytes = (std::min(rows, (first + count) * chunk_rows) - first * chunk_rows) * row;
    ASSAY_TRY(writer_.write(tensor_name, std::span(buffer_).first(bytes)));
    done_ += bytes;
    if (progress_ && !progress_(done_)) return fail(Errc::cancelled, "tensor " + tensor_name + ": stopped on request");
  }
  return {};
}

}  // namespace assay::artifact
