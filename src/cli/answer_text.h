// An answer's text on stdout as it comes.
#pragma once

#include <string>
#include <string_view>

#include "cli/terminal/word_wrap.h"

namespace assay::cli {

// Text as a terminal may be given it: control characters other than newline and tab become U+FFFD, so that no model can
// move the cursor or rename the window.
std::string printable(std::string_view text);

// On a terminal: printable, and broken between words at its width, which may change meanwhile. Elsewhere (a pipe, a file) text goes out
// as it is, at once.
class AnswerText final {
 public:
  AnswerText();
  void push(std::string_view piece);
  // The rest and a line end.
  void finish();

 private:
  bool terminal_;
  WordWrap wrap_;
};

}  // namespace assay::cli
