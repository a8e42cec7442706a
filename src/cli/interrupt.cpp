#include "cli/interrupt.h"

#include <atomic>

#include "base/error.h"

namespace assay::cli {
namespace {

// The only thing that the handler touches; null where no Interrupt lives.
std::atomic<Stop*> noted{nullptr};
static_assert(std::atomic<Stop*>::is_always_lock_free);

extern "C" void note(int number) {
  Stop* stop = noted.load(std::memory_order_relaxed);
  if (stop == nullptr || stop->asked()) {
    std::signal(number, SIG_DFL);
    std::raise(number);
    return;
  }
  stop->ask();
}

}  // namespace

Interrupt::Interrupt(Stop& stop) : stop_(stop) {
  ASSAY_ASSERT(noted.load() == nullptr);
  stop.forget();
  noted = &stop;
  struct sigaction action{};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_before_);
  sigaction(SIGTERM, &action, &terminate_before_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
  noted = nullptr;
}

}  // namespace assay::cli
