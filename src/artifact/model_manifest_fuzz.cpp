// A stored model's manifest lies in a folder that others may write to.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "artifact/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model =
      assay::artifact::read_manifest(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!model) return 0;
  // What was read is written and read again as the same.
  const std::string written = assay::artifact::write_manifest(*model);
  const auto again = assay::artifact::read_manifest(written, "fuzz");
  ASSAY_ASSERT(again && assay::artifact::write_manifest(*again) == written);
  return 0;
}
