// Text as a terminal shows it: characters as people see them (grapheme clusters) and the cells that they take.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::cli {

// Where the character that begins at byte `at` ends; text.size() at the end. A letter with its accents, an emoji joined
// of several and a flag are one character each (Unicode's extended grapheme clusters). text: valid UTF-8.
std::size_t next_character(std::string_view text, std::size_t at);
// Where the character before byte `at` begins; 0 at the start.
std::size_t previous_character(std::string_view text, std::size_t at);

// The most cells that a terminal may give to the characters of `text`, which holds no control characters. Terminals
// differ in emoji joined of several: some show one of two cells, others each part; a row that is broken by the larger
// number fits in all of them.
std::size_t cells(std::string_view text);

// Letters, digits, marks and '_' make words; so does each ideograph's neighbour.
bool in_word(std::string_view character);

// Valid UTF-8 with \n as the only line end: CR and CR LF become \n, a byte that is none becomes U+FFFD, control
// characters other than \n and \t are dropped.
std::string clean_text(std::string_view bytes);

// The bytes of the longest prefix of `bytes` that is not cut within a character's UTF-8: all but up to 3.
std::size_t whole_utf8(std::string_view bytes);

}  // namespace assay::cli
