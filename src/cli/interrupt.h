// Ctrl-C and SIGTERM as a question to the work under way, so that it can take back what is half there.
#pragma once

#include <csignal>

namespace assay::cli {

// While one lives, the first signal is only noted and the second ends the program as usual. One at a time, on the main
// thread; what was set before is put back at the end.
class Interrupt final {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool asked() const;

 private:
  struct sigaction interrupt_before_{};
  struct sigaction terminate_before_{};
};

}  // namespace assay::cli
