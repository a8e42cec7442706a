// Time as an argument: whoever decides by time is handed a Clock, so that a test can drive it.
#pragma once

#include <atomic>
#include <cstdint>

namespace assay {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since an arbitrary start; never goes back.
  virtual std::int64_t now_ns() const = 0;
};

// The operating system's monotonic clock.
class SteadyClock final : public Clock {
 public:
  std::int64_t now_ns() const override;
};

// Stands still until told to move. Safe to read from several threads.
class FakeClock final : public Clock {
 public:
  std::int64_t now_ns() const override { return now_.load(); }
  void advance(std::int64_t ns) { now_.fetch_add(ns); }

 private:
  std::atomic<std::int64_t> now_{0};
};

// Seconds since 1970 by the wall clock; for records and templates, never for measuring.
std::int64_t wall_seconds();

}  // namespace assay
