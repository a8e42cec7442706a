// The levels of this machine, for tests and benches: one that is added to Isa is taken up by itself.
#pragma once

#include <vector>

#include "kernel/isa.h"

namespace assay::kernel {

// From portable to the best one, in rising order.
inline std::vector<Isa> isas_here() {
  std::vector<Isa> all;
  for (int level = 0; level <= static_cast<int>(best_isa()); ++level) all.push_back(static_cast<Isa>(level));
  return all;
}

}  // namespace assay::kernel
