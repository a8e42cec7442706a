// Safetensors files: a JSON header, then the tensors' bytes without gaps. Views in, nothing copied.
// Source: format description in huggingface/safetensors, README.md. docs/safetensors.md has a worked example.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/view.h"

namespace assay {

// The same bound as the format's own library has.
inline constexpr std::uint64_t safetensors_header_bytes_max = 100'000'000;

struct SafetensorsTensor {
  std::string name;
  TensorView view;
  std::uint64_t at = 0;  // offset of the data in the file
};

struct Safetensors {
  std::vector<SafetensorsTensor> tensors;                     // in the order of their data
  std::vector<std::pair<std::string, std::string>> metadata;  // "__metadata__", e.g. format: pt
};

// Views into `bytes`; data may begin at any byte, since MLX writes headers of any length. Errc::truncated, bad_value
// (header, duplicate, shape, gaps and overlaps, bytes left over), unsupported (a dtype that has no counterpart here); errors name tensor, offset in the file,
// what was met and what was expected, not the file. Cost: the header only.
Result<Safetensors> read_safetensors(std::span<const std::byte> bytes);

}  // namespace assay
