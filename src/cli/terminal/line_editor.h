// Texts from a person: edited and with history on a terminal, read plainly elsewhere.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "cli/terminal/edit_buffer.h"
#include "cli/terminal/history.h"
#include "cli/terminal/keys.h"
#include "cli/terminal/terminal_mode.h"

namespace assay::cli {

// What may stand in the place of text[begin, cursor).
struct Completion {
  std::size_t begin = 0;
  std::vector<std::string> words;
};

struct EditorOptions {
  std::string prompt = "> ";
  std::string indent = "  ";  // before the second line of a text and those behind it
  std::string prompt_shown;   // the prompt with colour; empty: as it is
  std::string history_file;   // empty: nothing is kept. On a terminal only
  // The text to go on with where enter does not end this one; nullopt: it is whole.
  std::function<std::optional<std::string>(std::string_view text)> unfinished;
  // Is this line one of its own, whatever arrives together with it?
  std::function<bool(std::string_view line)> stands_alone;
  std::function<Completion(std::string_view text, std::size_t cursor)> complete;
};

class LineEditor final {
 public:
  explicit LineEditor(EditorOptions options);

  struct Line {
    enum class Kind : std::uint8_t { text, interrupted, end } kind;  // interrupted: ctrl-C; end: ctrl-D or end of input
    std::string text;  // of one or more lines, without the last newline; at the end of input, what was left unfinished
    bool was_empty = false;  // interrupted: there was no text to throw away
  };
  // Waits for a text. Several lines that arrive at once, with or without the marks of a bracketed paste, are one text.
  // What is not blank joins the history.
  Line read();

  // Takes what was typed up to now, unseen, for the next read(). Called while an answer is written.
  void gather();

  bool interactive() const { return interactive_; }  // a person is there
  // The first reason why the history file could not be written; once.
  std::optional<Error> history_error() { return std::exchange(history_error_, std::nullopt); }

 private:
  struct Queued {
    Key key;
    bool bulk = false;      // it did not arrive alone
    bool followed = false;  // more arrived together with it
  };
  struct Search {
    std::string part;
    std::size_t at;  // the entry shown; history_.size(): none yet
    std::string text_before;
    std::size_t cursor_before;
    bool failed = false;
  };

  Line read_plain();
  Line read_keys();
  // Bytes that are there within so many milliseconds (-1: however long); false: the terminal is gone.
  bool receive(int milliseconds);
  void take_chunk(std::string_view bytes);
  // What ends the reading, if this key does.
  std::optional<Line> handle(const Queued& next);
  std::optional<Line> enter(bool followed);
  Line leave(Line::Kind kind, const char* shown);
  bool search(const Key& key);
  void complete();
  void browse(bool older);
  void show(bool all);
  void follow_resize();
  void pass_below();

  EditorOptions options_;
  bool interactive_ = false;
  std::unique_ptr<TerminalMode> mode_;  // null where lines are read plainly
  History history_;
  std::optional<Error> history_error_;
  KeyDecoder decoder_;
  std::deque<Queued> queue_;
  EditBuffer buffer_;
  std::optional<Search> search_;
  std::size_t entry_ = 0;             // the history entry in the buffer; history_.size(): none
  std::string draft_;                 // what was there before the history was entered
  std::vector<std::string> painted_;  // the rows on the screen
  std::size_t painted_cursor_ = 0;    // of them, that of the cursor
  std::string painted_before_;        // its text up to the cursor
  bool moved_ = false;                // the terminal may show them otherwise now
  std::optional<std::size_t> reported_column_;
  bool gone_ = false;
};

// Ctrl-C sets a flag from now on instead of ending the program; the flag is cleared by the caller.
void catch_interrupts();
bool interrupted();
void clear_interrupt();

// While one lives, ctrl-C asks this stop as well, once interrupts are caught: for work that looks at nothing else. One at
// a time; null: as if there were none. The stop is borrowed, and forgotten at the end.
class StopsOnInterrupt final {
 public:
  explicit StopsOnInterrupt(Stop* stop);
  ~StopsOnInterrupt();
  StopsOnInterrupt(const StopsOnInterrupt&) = delete;
  StopsOnInterrupt& operator=(const StopsOnInterrupt&) = delete;

 private:
  Stop* const stop_;
};

}  // namespace assay::cli
