// Hand-written pre-tokenizers: what the known regular expressions do, without a regex engine. Each gives exactly the
// pieces of its expression (held against PCRE2 by a test); a piece is a match or the stretch between two matches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace assay {

// Appends the end of every piece of `text` (valid UTF-8, not empty), each plus `base`; the last end is base + text.size().
// Linear in the text.
using Scanner = void (*)(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends);

// The scanner for a regular expression as model files write it, or nullptr.
Scanner find_scanner(std::string_view pattern);

// All expressions that have one, for tests and benchmarks.
std::vector<std::string_view> scanned_patterns();

}  // namespace assay
