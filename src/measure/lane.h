// Inside measure_rows: one engine on its lane, and what the parts of a run share. Not for other folders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "measure/matrix.h"

namespace assay::measure {

struct Run {
  const MatrixSettings& settings;
  const MatrixTools& tools;
  Matrix& out;
  Random random;
  std::int64_t origin_ns;            // of all timings in the record
  std::vector<std::int64_t> ours{};  // processes of all engines
  double done_s = 0;                 // of what is expected, for progress
  double total_s = 0;                // 0: not known yet
  RequestId next_id = 1;
  std::string doing{};  // what proceed() was told last

  bool probes = true;  // until the probe fails

  // For the order of a round: the same wherever a run begins. part: of the matrix; point: of a sweep.
  Random order_of(std::uint32_t part, std::uint32_t point, std::uint32_t round) const;
  // Errc::cancelled when asked to stop. seconds: what this is expected to take.
  Result<void> proceed(const std::string& what, double seconds);
  // The ceilings' turn in a round; depth 0: of the rounds proper.
  Result<void> probe(std::uint32_t depth, std::uint32_t round);
};

struct Lane {
  const Contestant* contestant = nullptr;
  std::size_t row = 0;              // its row with fresh prompts
  bool lost = false;                // takes no more requests
  double prompt_token_s = 0;        // seconds for one prompt token, from the latest request
  double step_s = 0;                // for one output token
  std::uint32_t prompt_tokens = 0;  // after adapting
  std::uint32_t output_tokens = 0;
  double planned_prompt_token_s = 0;  // as they were when the run's length was reckoned
  double planned_step_s = 0;

  double planned_for(double prompt, double output) const {
    return prompt * planned_prompt_token_s + output * planned_step_s;
  }
  double seconds_for(double prompt, double output) const { return prompt * prompt_token_s + output * step_s; }
};

struct Observing {
  std::vector<Timing> timings;
  Observed observed;
  std::vector<float> gaps_ms;  // between tokens, of all requests
};

// Sends requests with these prompts at once, under observation, and learns the lane's speed. An error of the engine
// marks nothing: the caller says in which part it happened.
Result<Observing> send(Run& run, Lane& lane, const std::vector<std::vector<Token>>& prompts, std::uint32_t output);

// In nanoseconds since the measurement began, as records have it.
Timing since_origin(const Run& run, Timing timing);

// Not the engine's doing: everything ends.
inline bool is_stop(const Error& error) { return error.code == Errc::cancelled; }

// The engine broke or hung: nothing more is asked of it.
bool is_fatal(const Error& error);

// Marks the row as failed and the lane as lost where the error is fatal. `part`: "in the context sweep".
void give_up(Lane& lane, Row& row, const std::string& part, const Error& error);

// The lanes that go on behind the rounds: of an engine's ways the one that decodes best. In ways.cpp.
std::vector<Lane> best_lanes(const std::vector<Lane>& lanes, const std::vector<Row>& rows);

void shuffle(std::vector<std::size_t>& order, Random& random);

// Takes what an earlier run measured into rows of the same engines.
void take_earlier(std::vector<Row>& rows, const std::vector<Row>& earlier);
// Of a row that was measured in two runs: `row` has the rounds of both and what was seen in the second.
void join(Row& row, const Row& earlier);

// What the parts behind the rounds are expected to take.
double sweeps_s(const Run& run, const std::vector<Lane>& lanes);
double open_loops_s(const Run& run, const std::vector<Lane>& lanes);
double soaks_s(const Run& run, const std::vector<Lane>& lanes);
inline constexpr double probe_s = 0.1;
std::string whole_seconds(double seconds);

// The parts behind the rounds. Each fills its field of the lanes' rows; derive() does the statistics.
Result<void> sweep_context(Run& run, std::vector<Lane>& lanes);
Result<void> sweep_streams(Run& run, std::vector<Lane>& lanes);
Result<void> run_open_loops(Run& run, std::vector<Lane>& lanes);
Result<void> run_soaks(Run& run, std::vector<Lane>& lanes);
void thin(std::vector<DriftPoint>& points);  // to drift_points_max, evenly

}  // namespace assay::measure
