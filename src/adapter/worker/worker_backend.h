// A foreign engine in a process of its own, as a Backend. A crash, a hang or garbage is Errc::engine_lost with the cause
// by name, and costs this engine only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "adapter/worker/load_settings.h"
#include "base/clock.h"

namespace assay::adapter {

struct WorkerOptions {
  std::string program;  // path of the worker program
  LoadSettings load;
  // How the installation is called. Not empty: this is facts().version; where the engine calls itself otherwise, that
  // stands at the beginning of facts().build, and `way`, how it was built, behind it.
  std::string version{};
  std::string way{};
  // What a user may do about an engine that is lost, behind each such error: "'assay engines verify --run NAME' ...".
  std::string advice{};
  std::int64_t start_timeout_ns = 20'000'000'000;  // until the first message
  std::int64_t load_timeout_ns = 120'000'000'000;  // without progress
  std::int64_t call_timeout_ns = 600'000'000'000;  // of one forward, forget, share or decode
  std::int64_t stop_timeout_ns = 3'000'000'000;    // after being asked to end, before it is killed
  // Asked a few times a second during a call; false ends the worker with Errc::cancelled. Empty: go on.
  std::function<bool()> keep_waiting{};
};

// What the border costs: total is the caller's view of start() and finish(), and of what was computed between them; engine
// is the worker's own time inside its backend.
struct BorderCost {
  std::uint64_t calls = 0;
  std::int64_t total_ns = 0;
  std::int64_t engine_ns = 0;
};

class WorkerBackend : public Backend {
 public:
  virtual std::int64_t process_id() const = 0;  // -1 when it is dead
  virtual BorderCost border_cost() const = 0;   // since the last call of it
};

// Starts the program, agrees on the protocol's version and loads. Errc::not_found: no such program; Errc::timeout,
// Errc::engine_lost: it crashed, hung or spoke garbage, with the signal or exit code and the end of its stderr; else the
// worker's own error. The process is gone when the result is an error, and when the backend is destroyed. `progress` is
// asked a few times a second whether to go on, with a share that may not have changed, and at the end with 1. `clock`
// outlives the backend.
Result<std::unique_ptr<WorkerBackend>> start_worker(const WorkerOptions& options, const Clock& clock,
                                                    const LoadProgress& progress = {});

}  // namespace assay::adapter
