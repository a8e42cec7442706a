// The matrix: one workload measured on every engine of this machine in interleaved rounds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "engine/engine.h"
#include "measure/client.h"
#include "measure/record.h"

namespace assay::measure {

// Time in forward passes that went through a border to a worker.
struct BorderTime {
  std::int64_t total_ns = 0;   // as our side saw it
  std::int64_t engine_ns = 0;  // inside the worker's engine
};

// What is measured. An engine that could not be made has none, and a reason.
struct Contestant {
  Subject subject;
  Engine* running = nullptr;   // idle; null: refused
  std::string reason;          // why refused
  Backend* backend = nullptr;  // behind `running`, for parity and what it accounts for; null: text only
  // Processes that run the engine now (a worker's or a server's id); none: this process does.
  std::function<std::vector<std::int64_t>()> processes;
  // What its border cost since the last call; none: no border.
  std::function<BorderTime()> border;
};

// A fresh prompt of settings.prompt_tokens tokens for (round, row); must differ in its first token's neighbourhood so
// that no cache helps.
using MakePrompt = std::function<std::vector<Token>(Random& random)>;
// Called before each request; false stops everything with Errc::cancelled.
using MatrixProgress = std::function<bool(std::uint32_t done, std::uint32_t total, const std::string& engine)>;

// Measures every contestant in interleaved rounds of seeded random order. A contestant that fails is marked, and the
// others go on. Errc::bad_value: settings out of range; Errc::cancelled.
Result<std::vector<Row>> measure_rows(std::vector<Contestant> contestants, const MatrixSettings& settings,
                                      const Clock& clock, const MakePrompt& make_prompt,
                                      const MatrixProgress& progress);

}  // namespace assay::measure
