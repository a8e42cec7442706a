// Reads the directory of one GGUF file. Used by Gguf; split files are put together there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf.h"

namespace assay {

struct GgufPart {
  std::uint32_t version = 0;
  std::uint64_t alignment = gguf_alignment_default;
  std::uint64_t data_at = 0;  // offset of the data section
  std::vector<GgufEntry> metadata;
  std::vector<GgufTensor> tensors;
};

// Views into `bytes`. Errors as Gguf::open, without the file's name. Keys and tensor names are unique in the result,
// tensor data lies inside the file, aligned, and does not overlap.
Result<GgufPart> read_gguf_part(std::span<const std::byte> bytes);

}  // namespace assay
