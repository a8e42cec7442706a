#include "cli/interrupt.h"

#include "base/error.h"

namespace assay::cli {
namespace {

// The only things that the handler touches.
volatile std::sig_atomic_t signals = 0;
volatile std::sig_atomic_t living = 0;

extern "C" void note(int number) {
  if (signals != 0) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  signals = 1;
}

}  // namespace

Interrupt::Interrupt() {
  ASSAY_ASSERT(living == 0);
  living = 1;
  signals = 0;
  struct sigaction action{};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_before_);
  sigaction(SIGTERM, &action, &terminate_before_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
  living = 0;
}

bool Interrupt::asked() const { return signals != 0; }

}  // namespace assay::cli
