// The matrix: one workload measured on every engine of this machine in interleaved rounds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/stop.h"
#include "engine/engine.h"
#include "measure/watch.h"
#include "record/record.h"

namespace assay::measure {

// Forward passes that went through a border to a worker.
struct BorderTime {
  std::uint64_t calls = 0;
  std::int64_t total_ns = 0;   // as our side saw them
  std::int64_t engine_ns = 0;  // of that inside the worker's engine
};

// Of MatrixSettings.
inline constexpr std::uint32_t request_tokens_max = 1U << 24;  // the longest context of any engine
inline constexpr std::uint32_t rounds_max = 100'000;           // what a record's list holds
inline constexpr std::uint32_t streams_max = 4096;

// Tokens decoded behind each prompt of a context sweep, of requests with so many.
constexpr std::uint32_t context_sweep_output(std::uint32_t output_tokens) {
  return output_tokens < 32 ? output_tokens : 32;
}

// What is measured. An engine that could not be made has none, and a reason. One that is run in several ways stands once
// for each way (subject.way), one behind the other with all else alike, and has a row for each until join_ways (ways.h).
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
  // Takes out of the backend what its scheduler keeps of earlier prompts, so that parity finds it empty; none: text only.
  std::function<Result<void>()> drop_kept{};
  double load_s = not_told;              // how long it took to come up
  std::int64_t load_swap_out_bytes = 0;  // by the whole machine meanwhile
  std::uint64_t harness_bytes = 0;       // of assay itself, where the engine runs in this process
  // Bytes of keys and values that one token behind `depth` positions reads; none: not known.
  std::function<std::uint64_t(double depth)> kv_read_bytes{};
  // What so many requests at once of so many positions each will take, known before anything is loaded; none: not known.
  std::function<MemoryUse(std::uint32_t positions, std::uint32_t requests)> plan{};
};

// A fresh prompt of so many tokens; two of them must differ in their first tokens, so that no cache helps.
using MakePrompt = std::function<std::vector<Token>(Random& random, std::uint32_t tokens)>;
// Called before each request with what comes next ("mlx, round 2"); false stops everything with Errc::cancelled.
using MatrixProgress = std::function<bool(std::uint64_t done, std::uint64_t total, const std::string& what)>;

// The machine's ceilings now.
using TakeCeilings = std::function<Result<Ceilings>()>;

struct MatrixTools {
  const Clock& clock;
  Watch& watch;
  MakePrompt make_prompt;
  MatrixProgress progress{};  // may be empty
  // Called between the cold starts and the rounds: what would warm an engine, such as parity. Filled subjects of the
  // contestants are taken over into their rows. May be empty.
  std::function<Result<void>()> after_first{};
  // The machine's ceilings now, quickly: one more entrant of every round. May be empty. After an error it is not asked again.
  TakeCeilings probe{};
  const Stop* stop = nullptr;  // looked at within requests too, which then end with Errc::cancelled
};

enum class Begin : std::uint8_t { anew, where_it_ended };

// Measures every contestant: a short pilot that adapts lengths to the budget, interleaved rounds of seeded random
// order, then the sweeps, the open loop and the soak where they are asked for. A contestant that fails is marked, keeps
// what it gave, and the others go on. Fills out.rows in the order of the contestants, one with cached prompts behind each
// where asked for, out.ceilings, ceiling_rounds and soak_turns; reads out.machine and out.artifact.
// Errc::bad_value: settings out of range. Errc::cancelled: asked to stop; `out` has what was measured until then, derived.
// Begin::where_it_ended: `out` has what such a run of the same contestants and settings left, out.seconds long, and only
// what it lacks is measured: rounds and points go on where they ended, behind a request that warms the engine and is
// not kept; an open loop and soaks that were not finished begin anew; what failed stays failed. The order within a round
// follows from the seed and the round's number, so it is the same either way.
Result<void> measure_rows(const std::vector<Contestant>& contestants, const MatrixSettings& settings,
                          const MatrixTools& tools, Matrix& out, Begin begin = Begin::anew);

// Version and build are the caller's to fill. Takes `idle_ns`, less where a stop is asked.
Environment describe_environment(Watch& watch, std::int64_t idle_ns, const Stop* stop = nullptr);

}  // namespace assay::measure
