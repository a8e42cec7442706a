// The machine's ceilings, measured in the same run as the speeds that are held against them.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "device/cpu/thread_pool.h"
#include "kernel/isa.h"
#include "measure/record.h"

namespace assay::measure {

struct CeilingSettings {
  std::size_t bytes = std::size_t{512} << 20;  // read by all threads together; far beyond the caches
  int rounds = 5;                              // the best counts: a ceiling is what the machine can do
};

// Reads and multiplies on all threads of the pool, `rounds` times each, about half a second. Errc::full: no memory.
Result<Ceilings> measure_ceilings(device::ThreadPool& pool, kernel::Isa isa, const Clock& clock,
                                  const CeilingSettings& settings = {});

}  // namespace assay::measure
