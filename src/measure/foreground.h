// The stand-in for an editor beside the model: a thread that wants to be woken every few milliseconds, and one that
// touches memory. How late they are is what a person would feel.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace assay::measure {

// Owns both threads. They sleep outside of begin() .. end(). One thread calls those two in turn.
class ForegroundProbe {
 public:
  ForegroundProbe();
  ~ForegroundProbe();
  ForegroundProbe(const ForegroundProbe&) = delete;
  ForegroundProbe& operator=(const ForegroundProbe&) = delete;

  struct Samples {
    std::vector<float> timer_ms;  // lateness of each wake-up
    std::vector<float> pages_ms;  // time for each lot of 16 held pages and 16 fresh ones
  };
  void begin();
  Samples end();

 private:
  void timer_loop();
  void pages_loop();
  bool wait_until_active(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  bool stopping_ = false;
  bool active_ = false;
  Samples samples_;
  std::thread timer_;
  std::thread pages_;
};

}  // namespace assay::measure
