// A wish that the work under way should end, which long work looks at between its steps.
#pragma once

#include <atomic>

namespace assay {

// Asked for by a signal handler or another thread, seen by every thread; it stays asked.
class Stop final {
 public:
  void ask() noexcept { asked_.store(true, std::memory_order_relaxed); }
  bool asked() const noexcept { return asked_.load(std::memory_order_relaxed); }
  // For the next piece of work. Nothing that still looks at it may be under way.
  void forget() noexcept { asked_.store(false, std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");
  std::atomic<bool> asked_{false};
};

// Where a function borrows a Stop or null.
inline bool asked(const Stop* stop) noexcept { return stop != nullptr && stop->asked(); }

}  // namespace assay
