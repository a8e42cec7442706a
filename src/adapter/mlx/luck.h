// Is it worth to begin a step before its tokens are known?
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace assay::adapter::mlx {

// A right guess hides the host's work behind the device's; a wrong one costs a step that nobody wants. So guesses are
// acted upon until one is wrong, and again once so many in a row would have been right: 4 at first, twice as many after
// each wrong one, at most 64. 64 right ones in a row begin anew at 4.
class Luck {
 public:
  bool good() const { return good_; }

  // A guess met what came. acted: it had been acted upon.
  void note(bool acted, bool right) {
    streak_ = right ? streak_ + 1 : 0;
    if (acted && !right) {
      good_ = false;
      needed_ = std::min<std::uint32_t>(64, needed_ == 0 ? 4 : needed_ * 2);
    } else if (!good_ && streak_ >= needed_) {
      good_ = true;
      streak_ = 0;
    } else if (good_ && streak_ >= 64) {
      needed_ = 0;
    }
  }

 private:
  bool good_ = true;
  std::uint32_t streak_ = 0;  // right ones in a row
  std::uint32_t needed_ = 0;  // of those, after the last wrong one
};

// Even right guesses may cost more than they hide: keys and values that a step still reads are copied before the next one
// writes to them. What is faster depends on device, model and context, so both ways are timed in turn, a dozen steps
// each, and the faster one is kept for the next 500.
class Pace {
 public:
  bool begins() const { return phase_ == Phase::begun || (phase_ == Phase::kept && begun_is_faster_); }

  // A step that followed another one took so long, from answer to answer.
  void note(std::int64_t ns) {
    if (phase_ == Phase::kept) {
      if (++count_ >= kept_steps) enter(Phase::waiting);
      return;
    }
    if (count_ >= skipped) times_[count_ - skipped] = ns;  // the first ones still feel the way before
    if (++count_ < skipped + timed) return;
    std::ranges::nth_element(times_, times_.begin() + timed / 2);
    const std::int64_t median = times_[timed / 2];
    if (phase_ == Phase::waiting) {
      waiting_ns_ = median;
      enter(Phase::begun);
    } else {
      begun_is_faster_ = median < waiting_ns_;
      enter(Phase::kept);
    }
  }
  // A guess was wrong: what is being timed is of neither way.
  void again() {
    if (phase_ == Phase::begun) enter(Phase::waiting);
  }

 private:
  enum class Phase : std::uint8_t { waiting, begun, kept };
  static constexpr std::size_t skipped = 3;
  static constexpr std::size_t timed = 9;
  static constexpr std::size_t kept_steps = 500;

  void enter(Phase phase) {
    phase_ = phase;
    count_ = 0;
  }

  Phase phase_ = Phase::waiting;
  std::size_t count_ = 0;
  std::array<std::int64_t, timed> times_{};
  std::int64_t waiting_ns_ = 0;
  bool begun_is_faster_ = false;
};

}  // namespace assay::adapter::mlx
