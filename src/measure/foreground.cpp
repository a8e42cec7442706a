#include "measure/foreground.h"

#include <sys/mman.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace assay::measure {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto timer_period = 5ms;   // two in a frame of a 100 Hz display
constexpr auto pages_period = 20ms;  // a keystroke's work, often enough for a p99 within a row
constexpr std::size_t page = 4096;
constexpr std::size_t lot = 16;                           // pages
constexpr std::size_t held_bytes = std::size_t{4} << 20;  // counts as memory of a row whose engine runs in this process
constexpr std::size_t samples_max = std::size_t{1} << 20;  // of one span: more than an hour

float milliseconds(Steady::duration time) { return std::chrono::duration<float, std::milli>(time).count(); }

// Touches `lot` pages that were taken now and gives them back. False: no memory, which is the worst delay of all but no
// time.
bool touch_fresh_pages() {
  void* fresh = mmap(nullptr, lot * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (fresh == MAP_FAILED) return false;
  for (std::size_t i = 0; i < lot; ++i) static_cast<volatile char*>(fresh)[i * page] = 1;
  munmap(fresh, lot * page);
  return true;
}

}  // namespace

ForegroundProbe::ForegroundProbe() {
  timer_ = std::thread([this] { timer_loop(); });
  pages_ = std::thread([this] { pages_loop(); });
}

ForegroundProbe::~ForegroundProbe() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  timer_.join();
  pages_.join();
}

void ForegroundProbe::begin() {
  {
    const std::lock_guard lock(mutex_);
    samples_ = {};
    active_ = true;
  }
  wake_.notify_all();
}

ForegroundProbe::Samples ForegroundProbe::end() {
  const std::lock_guard lock(mutex_);
  active_ = false;
  return std::exchange(samples_, {});
}

bool ForegroundProbe::wait_until_active(std::unique_lock<std::mutex>& lock) {
  wake_.wait(lock, [this] { return stopping_ || active_; });
  return !stopping_;
}

void ForegroundProbe::timer_loop() {
  std::unique_lock lock(mutex_);
  while (wait_until_active(lock)) {
    const auto due = Steady::now() + timer_period;
    lock.unlock();
    std::this_thread::sleep_until(due);
    const float late = milliseconds(Steady::now() - due);
    lock.lock();
    if (active_ && samples_.timer_ms.size() < samples_max) samples_.timer_ms.push_back(late);
  }
}

void ForegroundProbe::pages_loop() {
  const auto held = std::make_unique<char[]>(held_bytes);
  std::size_t next = 0;
  std::unique_lock lock(mutex_);
  while (wait_until_active(lock)) {
    lock.unlock();
    std::this_thread::sleep_for(pages_period);
    const auto start = Steady::now();
    for (std::size_t i = 0; i < lot; ++i, next = (next + 101 * page) % held_bytes) {
      volatile char& byte = held[next];
      byte = static_cast<char>(byte + 1);
    }
    const bool fresh = touch_fresh_pages();
    const float took = milliseconds(Steady::now() - start);
    lock.lock();
    if (fresh && active_ && samples_.pages_ms.size() < samples_max) samples_.pages_ms.push_back(took);
  }
}

}  // namespace assay::measure
