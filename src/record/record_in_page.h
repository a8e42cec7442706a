// A record inside a web page: how the report keeps it, and how it is found again. The page is the report's own, perhaps
// saved by a browser, so it is read as strictly as a record that is a file.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace assay::measure {

inline constexpr std::string_view record_opens = R"(<script type="application/json" id="record">)";
inline constexpr std::string_view record_closes = "</script>";

// The element that holds the record: ASCII, and nothing in it can end it, begin a comment or be a tag.
std::string embedded_record(const Json& record);

// Whether a text is a web page and no record: it begins with "<".
bool is_page(std::string_view text);

// The JSON text between the tags. Errc::bad_value where the page has no record, two of them, or one without an end.
Result<std::string_view> record_in_page(std::string_view page, std::string_view name);

}  // namespace assay::measure
