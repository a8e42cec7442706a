// Any bytes as a GGUF file: an error or a file whose every value and tensor can be read; then the model in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_config.h"
#include "checkpoint/tensor_list.h"

namespace {

// Reads every byte, so that a sanitizer sees a view that leaves the file.
unsigned sum(std::span<const std::byte> bytes) {
  unsigned total = 0;
  for (const auto byte : bytes) total += static_cast<unsigned>(byte);
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto gguf = assay::Gguf::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!gguf) return 0;
  unsigned total = 0;
  for (const auto& [key, value] : gguf->metadata()) {
    if (gguf->find(key) != &value) std::abort();
    total += sum(value.bytes);
    total += assay::gguf_cast<bool>(value).value_or(false) ? 1 : 0;
    total += assay::gguf_cast<std::uint32_t>(value).value_or(0);
    total += assay::gguf_cast<double>(value).has_value() ? 1 : 0;
    total += assay::gguf_cast<std::string_view>(value).has_value() ? 1 : 0;
    total += assay::gguf_cast<std::vector<std::int32_t>>(value).has_value() ? 1 : 0;
    total += assay::gguf_cast<std::vector<float>>(value).has_value() ? 1 : 0;
    total += assay::gguf_cast<std::vector<std::string_view>>(value).has_value() ? 1 : 0;
  }
  std::vector<assay::MetTensor> met;
  for (const auto& tensor : gguf->tensors()) {
    const auto& view = tensor.view;
    if (view.data.size() != view.rows() * assay::row_bytes(view.dtype, view.columns())) std::abort();
    total += sum(view.data);
    met.push_back({tensor.name, tensor.name, &view});
  }
  if (const auto config = assay::config_from_gguf(*gguf)) static_cast<void>(assay::check_tensors(*config, met));
  static volatile unsigned sink;
  sink = total;
  return 0;
}
