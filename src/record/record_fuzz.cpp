// Any text: a record or an error; what was read is written and read again to the same document.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "record/record_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay::measure;
  const auto matrix = parse_record({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!matrix) return 0;
  const assay::Json once = to_json(*matrix);
  const auto again = matrix_from_json(once);
  ASSAY_ASSERT(again && to_json(*again) == once);
  return 0;
}
