// HTML escaping, for the filters and for strings marked safe.
#pragma once

#include <string>
#include <string_view>

namespace assay::jinja {

std::string escape_html(std::string_view text);

}  // namespace assay::jinja
