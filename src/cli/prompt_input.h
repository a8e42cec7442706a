// The text that assay run is asked about: what was typed, files and stdin, joined.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/stop.h"

namespace assay::cli {

struct PromptInput {
  std::string prompt;  // as an argument; "-" stands for stdin
  bool given = false;  // perhaps empty
  std::vector<std::string> files;
  bool may_be_empty = false;  // an empty prompt that was given is one
};

// The prompt, the files in their order, and what a pipe or file on stdin holds, each beginning on a line of its own. A
// terminal on stdin is not read, unless "-" asks for it, and an empty stdin beside something else is nothing.
// Errc::bad_value: nothing at all, a named file or "-" that is empty, text that is no UTF-8 (what and at which byte);
// Errc::full: more than prompt_bytes_max of one; Errc::not_found, Errc::io: a file that cannot be read; Errc::cancelled
// soon after `stop` is asked, also while stdin gives nothing.
Result<std::string> gather_prompt(const PromptInput& input, const Stop& stop);

inline constexpr std::size_t prompt_bytes_max = std::size_t{64} << 20;  // more than the longest context of any model

// Where `text` stops being UTF-8; its size where it does not.
std::size_t utf8_length(std::string_view text);

}  // namespace assay::cli
