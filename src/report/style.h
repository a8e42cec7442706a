// The page's style and its script, as text.
#pragma once

#include <string>
#include <string_view>

namespace assay::measure::report {

// Light by default, dark where the reader's system asks for it or the toggle says so, light on paper.
std::string page_style();
// Switches light and dark and shows the value at the pointer or, by keyboard, one after another; the page is whole
// without it.
std::string_view page_script();

}  // namespace assay::measure::report
