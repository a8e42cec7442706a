// Manifests lie in a folder that others may write to.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "adapter/installed/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = assay::parse_json_unique(text, "manifest.json");
  if (!json) return 0;
  const auto manifest = assay::adapter::manifest_from_json(*json);
  if (!manifest) return 0;
  // What was read is written and read again as the same.
  const assay::Json written = assay::adapter::to_json(*manifest);
  const auto again = assay::adapter::manifest_from_json(written);
  ASSAY_ASSERT(again && assay::adapter::to_json(*again) == written);
  return 0;
}
