// Any text as a page: a record or an error. The same text as a field of a record, put into a page and read again: the
// same record, whatever tags are in it.
#include <cstdint>
#include <string>
#include <string_view>

#include "record/record_in_page.h"
#include "record/record_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay::measure;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto read = parse_record(text, "fuzz")) {
    const auto again = parse_record("<p>" + embedded_record(to_json(*read)), "page");
    ASSAY_ASSERT(again && to_json(*again) == to_json(*read));
  }
  Matrix matrix;
  matrix.machine.chip = text.substr(0, 4096);
  const std::string element = embedded_record(to_json(matrix));
  const auto inside = record_in_page(element, "element");
  ASSAY_ASSERT(inside && inside->find_first_of("<>&") == std::string_view::npos);
  ASSAY_ASSERT(element.size() == record_opens.size() + inside->size() + record_closes.size());
  ASSAY_ASSERT(parse_record(element, "element").has_value());
  return 0;
}
