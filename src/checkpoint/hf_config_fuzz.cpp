// Any text as config.json: an error or numbers that hold together.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checkpoint/config_check.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/tensor_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = assay::read_hf_config({reinterpret_cast<const char*>(data), size});
  if (!config) return 0;
  if (!assay::check_config(config->model)) std::abort();
  if (config->model.layers.size() <= 8 && assay::expected_tensors(config->model).empty()) std::abort();
  return 0;
}
