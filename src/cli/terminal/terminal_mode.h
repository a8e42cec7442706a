// The terminal taken over and given back: on every way out of the program, and while it is stopped.
#pragma once

#include <cstddef>

namespace assay::cli {

struct TerminalSize {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

// Of the terminal behind stdout; rows or columns that it does not tell are 24 and 80.
TerminalSize terminal_size();

// Takes the terminal behind stdin and stdout over. From now on its settings are put back before the program ends by
// return, exit() or a signal that ends it (SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, a crash), and while it is stopped
// by SIGTSTP; a signal that the program ignores stays ignored, and what a signal does to the program stays the same. After SIGCONT
// the terminal is taken over again. One at a time; on the main thread.
class TerminalMode final {
 public:
  TerminalMode();
  ~TerminalMode();
  TerminalMode(const TerminalMode&) = delete;
  TerminalMode& operator=(const TerminalMode&) = delete;

  // Every key comes as it is typed, ctrl-C and ctrl-Z too; nothing is echoed. Also after a stop, where the program is in
  // the foreground again.
  void edit();
  // Nothing is echoed and keys are kept for the next read, but ctrl-C, ctrl-Z and ctrl-backslash are signals.
  void answer();

  // Stops the program as ctrl-Z does; returns when it goes on.
  void suspend();

  // Since they were asked last: was the size changed, did the program go on after a stop?
  bool resized();
  bool resumed();
  // Becomes readable when either holds, and by wake_terminal(); drain() empties it.
  int wake_descriptor() const;
  void drain();
};

// Ends a wait for keys. Safe in a signal handler.
void wake_terminal();

}  // namespace assay::cli
