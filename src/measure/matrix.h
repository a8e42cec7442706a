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
#include "measure/record.h"
#include "measure/watch.h"

namespace assay::measure {

// Forward passes that went through a border to a worker.
struct BorderTime {
  std::uint64_t calls = 0;
  std::int64_t total_ns = 0;   // as our side saw them
  std::int64_t engine_ns = 0;  // of that inside the worker's engine
};

// What is measured. An engine that could not be made has none, and a reason.
struct Contestant {
  Subject subject;
  Engine* running = nullptr;   // idle; null: refused
  std::string reason;          // why refused
  bool broke = false;          // not refused: it broke off while it was started, so its row is a failed one
  Backend* backend = nullptr;  // behind `running`, for parity and what it accounts for; null: text only
  // Processes that run the engine now (a worker's or a server's id); none: this process does; -1: it runs elsewhere.
  std::function<std::vector<std::int64_t>()> processes;
  // What its border cost since the last call; none: no border.
  std::function<BorderTime()> border;
};

// A fresh prompt of so many tokens; two of them must differ in their first tokens, so that no cache helps.
using MakePrompt = std::function<std::vector<Token>(Random& random, std::uint32_t tokens)>;
// Called before each request with what comes next ("mlx, round 2"); false stops everything with Errc::cancelled.
using MatrixProgress = std::function<bool(std::uint64_t done, std::uint64_t total, const std::string& what)>;

struct MatrixTools {
  const Clock& clock;
  Watch& watch;
  MakePrompt make_prompt;
  MatrixProgress progress;  // may be empty
};

// Measures every contestant: a short pilot that adapts lengths to the budget, interleaved rounds of seeded random
// order, then the sweeps, the open loop and the soak where they are asked for. A contestant that fails is marked, keeps
// what it gave, and the others go on. Rows in the order of the contestants, one with cached prompts behind each where
// asked for. Errc::bad_value: settings out of range; Errc::cancelled.
Result<std::vector<Row>> measure_rows(const std::vector<Contestant>& contestants, const MatrixSettings& settings,
                                      const MatrixTools& tools);

// Version and build are the caller's to fill. Takes `idle_ns`.
Environment describe_environment(Watch& watch, std::int64_t idle_ns);

}  // namespace assay::measure
