// Lines from a person: edited and with history on a terminal (libedit), read plainly elsewhere.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace assay::cli {

class LineEditor final {
 public:
  // history_file: read now if it is there, written when the object ends; empty: none. On a terminal only.
  LineEditor(std::string prompt, std::string history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  struct Line {
    enum class Kind : std::uint8_t { text, interrupted, end } kind;  // interrupted: ctrl-C; end: ctrl-D or end of input
    std::string text;                                                // without the newline
  };
  // Waits for a line. Non-empty lines join the history.
  Line read();

  bool interactive() const { return terminal_ != nullptr; }

 private:
  struct Terminal;
  std::string prompt_;
  std::string history_file_;
  std::unique_ptr<Terminal> terminal_;  // null where stdin or stdout is no terminal
};

// Ctrl-C sets a flag from now on instead of ending the program; the flag is cleared by the caller.
void catch_interrupts();
bool interrupted();
void clear_interrupt();

}  // namespace assay::cli
