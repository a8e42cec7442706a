// Ctrl-C and SIGTERM as a question to the work under way, so that it can take back what is half there.
#pragma once

#include <csignal>

#include "base/stop.h"

namespace assay::cli {

// While one lives, the first signal is only noted, in `stop`, and the second ends the program as usual. One at a time, on
// the main thread, made before the work begins; what was set before is put back at the end. `stop` is borrowed.
class Interrupt final {
 public:
  explicit Interrupt(Stop& stop);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool asked() const { return stop_.asked(); }

 private:
  Stop& stop_;
  struct sigaction interrupt_before_{};
  struct sigaction terminate_before_{};
};

}  // namespace assay::cli
