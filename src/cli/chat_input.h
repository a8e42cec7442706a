// What a person enters in a conversation: where a text ends, and whether it is a command. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace assay::cli {

// The text to go on with where a line end does not end it: after a backslash, which goes away, and within """ and """.
// nullopt: it is whole.
std::optional<std::string> unfinished(std::string_view text);

// The message that a whole text means: without """ around it, and without blank lines at its end.
std::string message_of(std::string_view text);

// "/temp" of "/temp 0.7"; "" where the text is none: a path (/usr/bin), several lines, or anything else.
std::string_view command_word(std::string_view text);

}  // namespace assay::cli
