// What one thread waits for and any other sets off: the wake-up of a loop that owns something nobody else may touch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/descriptor.h"
#include "base/error.h"

namespace assay {

// A pipe that holds at most a few bytes, so that it can stand beside sockets in one wait. notify() may come from any thread
// and from a signal handler; the other functions belong to the thread that is woken. Notifications do not add up.
class Wake final {
 public:
  // Errc::io: no descriptor is free.
  static Result<std::unique_ptr<Wake>> make();

  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // Ends the wait that is under way, or the next one. What was written before it is seen behind take() or wait().
  void notify() noexcept;

  // Whether notify() was called since the last time that one of these two said so. Costs one load where it was not.
  bool take() noexcept;
  // Blocks until notify() is called, `ns` at most (for less than a millisecond: one; below 1: not at all). May say true once
  // more than it was notified.
  bool wait(std::int64_t ns) noexcept;

  // Readable from notify() until take() or wait().
  int descriptor() const { return read_.number(); }

 private:
  Wake(Descriptor read, Descriptor write) : read_(std::move(read)), write_(std::move(write)) {}
  void drain() noexcept;

  std::atomic<bool> raised_{false};
  Descriptor read_;
  Descriptor write_;
};

}  // namespace assay
