#include "base/npy.h"

#include "base/output_file.h"

namespace assay {

Result<void> write_npy(const std::string& path, std::span<const float> values, std::uint64_t rows,
                       std::uint64_t columns) {
  ASSAY_ASSERT(values.size() == rows * columns);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  // Magic, version and length take 10 bytes; the whole must be a multiple of 64 and end in a newline.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 255);
  start += static_cast<char>(header.size() >> 8);

  auto file = OutputFile::create(path, start.size() + header.size() + values.size_bytes());
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(start + header));
  ASSAY_TRY(file->write(std::as_bytes(values)));
  return file->commit();
}

}  // namespace assay
