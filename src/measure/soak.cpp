// Drift: requests of one length for a long time, and the machine behind each of them. Engines take turns, in seeded order,
// so that a machine that grows hot is hot for all of them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/lane.h"

namespace assay::measure {
namespace {

DriftPoint point_of(const Timing& timing, const Observed& observed, double at_s) {
  const Noise noise = noise_of(observed);
  return {.at_s = at_s,
          .decode_tok_s = timing.decode_tok_s(),
          .ttft_ms = timing.ttft_ms(),
          .mhz = noise.mhz,
          .celsius = noise.celsius,
          .watts = observed.seconds > 0 ? observed.joules / observed.seconds : not_told,
          .memory_stall = noise.memory_stall,
          .others_cpu_cores = noise.others_cpu_cores,
          .swap_in_bytes = observed.swap_in_bytes,
          .swap_out_bytes = observed.swap_out_bytes,
          .memory_bytes = observed.memory_peak_bytes};
}

// One engine's part of the soaks.
struct Soak {
  Lane* lane;
  std::size_t row;
  std::vector<DriftPoint> points;
  std::string reason;  // why it broke off
};

struct SoakClock {
  const Clock& clock;
  std::int64_t start_ns = clock.now_ns();
  double elapsed_s() const { return static_cast<double>(clock.now_ns() - start_ns) * 1e-9; }
};

// Requests one after another for `seconds`; one at least.
Result<void> take_turn(Run& run, const SoakClock& clock, Soak& soak, double seconds) {
  Row& row = run.out.rows[soak.row];
  const double base_s = run.done_s;
  if (soak.lane->lost) return {};
  SoakTurn turn{.row = static_cast<std::uint32_t>(soak.row), .at_s = clock.elapsed_s()};
  do {
    run.done_s = base_s + clock.elapsed_s() - turn.at_s;
    ASSAY_TRY(run.proceed(row.subject.engine + ", soak, " + whole_seconds(clock.elapsed_s()), 0));
    const auto sent =
        send(run, *soak.lane, {run.tools.make_prompt(run.random, soak.lane->prompt_tokens)}, soak.lane->output_tokens);
    if (!sent) {
      if (is_stop(sent.error())) return std::unexpected(sent.error());
      soak.reason = "after " + whole_seconds(clock.elapsed_s()) + ": " + to_string(sent.error());
      give_up(*soak.lane, row, "soak, " + whole_seconds(clock.elapsed_s()), sent.error());
      soak.lane->lost = true;
      break;
    }
    soak.points.push_back(point_of(sent->timings.front(), sent->observed, clock.elapsed_s()));
  } while (clock.elapsed_s() < turn.at_s + seconds);
  run.done_s = base_s + seconds;
  turn.seconds = clock.elapsed_s() - turn.at_s;
  run.out.soak_turns.push_back(turn);
  return {};
}

Result<void> take_turns(Run& run, const SoakClock& clock, std::vector<Soak>& soaks) {
  std::vector<std::size_t> order(soaks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::uint32_t block = 0; block < drift_blocks; ++block) {
    shuffle(order, run.random);
    for (const std::size_t i : order) ASSAY_TRY(take_turn(run, clock, soaks[i], run.settings.soak_s / drift_blocks));
  }
  return {};
}

}  // namespace

void thin(std::vector<DriftPoint>& points) {
  if (points.size() <= drift_points_max) return;
  std::vector<DriftPoint> kept;
  kept.reserve(drift_points_max);
  for (std::size_t i = 0; i < drift_points_max; ++i) kept.push_back(points[i * points.size() / drift_points_max]);
  points = std::move(kept);
}

double soaks_s(const Run& run, const std::vector<Lane>& lanes) {
  return run.settings.soak_s * static_cast<double>(lanes.size());
}

Result<void> run_soaks(Run& run, std::vector<Lane>& lanes) {
  if (!(run.settings.soak_s > 0)) return {};
  const bool finished = std::ranges::all_of(lanes, [&](const Lane& lane) {
    const auto& drift = run.out.rows[lane.row].drift;
    return lane.lost || (drift && !drift->reason.starts_with(stopped_part));
  });
  if (finished && std::ranges::any_of(lanes, [](const Lane& lane) { return !lane.lost; })) return {};
  run.out.soak_turns.clear();  // engines take turns: a soak that was stopped begins anew for all of them
  std::vector<Soak> soaks;
  for (Lane& lane : lanes) {
    if (!lane.lost) soaks.push_back({.lane = &lane, .row = lane.row, .points = {}, .reason = {}});
  }
  const SoakClock clock{run.tools.clock};
  const auto measured = take_turns(run, clock, soaks);
  for (Soak& soak : soaks) {
    if (!measured && soak.reason.empty()) {
      soak.reason = std::string(stopped_part) + " after " + whole_seconds(clock.elapsed_s());
    }
    run.out.rows[soak.row].drift = Drift{.seconds = clock.elapsed_s(),
                                         .requests = soak.points.size(),
                                         .prompt_tokens = soak.lane->prompt_tokens,
                                         .output_tokens = soak.lane->output_tokens,
                                         .reason = std::move(soak.reason),
                                         .points = std::move(soak.points)};
  }
  return measured;
}

}  // namespace assay::measure
