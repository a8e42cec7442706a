// Text from outside made fit for an error message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay {

// "text" in double quotes; bytes that are not printable ASCII as \xNN, at most `characters_max` of the source and "..."
// where more follow.
std::string in_quotes(std::string_view text, std::size_t characters_max = 80);

}  // namespace assay
