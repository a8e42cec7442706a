#include "record/record_in_page.h"

namespace assay::measure {
namespace {

// What a browser or an editor may put before the first tag: a byte order mark and white space.
std::string_view without_start(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

}  // namespace

std::string embedded_record(const Json& record) {
  std::string out(record_opens);
  // JSON has these three within its texts only, where an escape means the same.
  for (const char c : record.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    if (c == '<' || c == '>' || c == '&') {
      out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else {
      out += c;
    }
  }
  out += record_closes;
  return out;
}

bool is_page(std::string_view text) { return without_start(text).starts_with('<'); }

Result<std::string_view> record_in_page(std::string_view page, std::string_view name) {
  const std::size_t at = page.find(record_opens);
  if (at == std::string_view::npos) {
    return fail(Errc::bad_value, std::string(name) + ": is a page without a record, expected " +
                                     std::string(record_opens) + " in it, as assay matrix --html writes it");
  }
  const std::size_t begin = at + record_opens.size();
  const std::size_t end = page.find(record_closes, begin);
  if (end == std::string_view::npos) {
    return fail(Errc::bad_value, std::string(name) + ": the record in the page has no end; was the file cut off?");
  }
  if (page.find(record_opens, end) != std::string_view::npos) {
    return fail(Errc::bad_value, std::string(name) + ": has two records in one page, expected one");
  }
  return page.substr(begin, end - begin);
}

}  // namespace assay::measure
