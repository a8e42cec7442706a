// Is it worth to begin a step before its tokens are known?
#pragma once

#include <algorithm>
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

}  // namespace assay::adapter::mlx
