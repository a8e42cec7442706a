// Any bytes as a safetensors file: an error or tensors whose every byte can be read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = assay::read_safetensors(std::as_bytes(std::span(data, size)));
  if (!file) return 0;
  unsigned total = 0;
  for (const auto& tensor : file->tensors) {
    const auto& view = tensor.view;
    if (view.data.size() != view.rows() * assay::row_bytes(view.dtype, view.columns())) std::abort();
    for (const auto byte : view.data) total += static_cast<unsigned>(byte);
  }
  static volatile unsigned sink;
  sink = total;
  return 0;
}
