// What doctor finds, and its part about the processor: load, limits, clocks, heat, instructions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace assay::cli {

enum class Verdict : std::uint8_t { good, notice, bad, not_checked };

struct Finding {
  Verdict verdict;
  std::string check;
  std::string text;
  std::string advice;  // what to do about it; may be empty
};

// Looks at who uses the processor for half a second.
void check_machine(const Clock& clock, std::vector<Finding>& out);

}  // namespace assay::cli
