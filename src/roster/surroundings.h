// Where engines are opened.
#pragma once

#include <filesystem>

#include "base/clock.h"
#include "base/progress.h"
#include "base/stop.h"

namespace assay::roster {

// What opening needs of its program; outlives whatever was opened.
struct Surroundings {
  const Clock& clock;
  const Stop& stop;  // also ends a loading, and what a worker is asked
  ProgressStyle progress;
  std::filesystem::path engines;  // the installed ones
};

}  // namespace assay::roster
