#include "cli/answer_text.h"

#include <unistd.h>

#include <cstdio>

#include "cli/terminal/terminal_mode.h"

namespace assay::cli {
namespace {

void write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080..U+009F, the other control characters, are C2 80..C2 9F in UTF-8.
    const bool second =
        byte == 0xC2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0U) == 0x80U;
    if (second || byte == 0x7F || (byte < 0x20 && byte != '\n' && byte != '\t')) {
      out += "\xEF\xBF\xBD";
      i += second ? 1 : 0;
    } else {
      out += text[i];
    }
  }
  return out;
}

AnswerText::AnswerText() : terminal_(::isatty(STDOUT_FILENO) == 1) {}

void AnswerText::push(std::string_view piece) {
  write_out(terminal_ ? wrap_.push(printable(piece), terminal_size().columns) : std::string(piece));
}

void AnswerText::finish() {
  if (terminal_) write_out(wrap_.finish(terminal_size().columns));
  write_out("\n");
}

}  // namespace assay::cli
