#include "measure/matrix.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "measure/client.h"
#include "measure/lane.h"

namespace assay::measure {
namespace {

constexpr std::uint32_t pilot_prompt = 32;
constexpr std::uint32_t pilot_output = 4;
constexpr std::uint32_t least_prompt = 32;  // of an adapted request
constexpr std::uint32_t least_output = 8;

Result<void> range(const std::string& name, std::uint64_t met, std::uint64_t low, std::uint64_t high) {
  if (met >= low && met <= high) return {};
  return fail(Errc::bad_value,
              name + " is " + std::to_string(met) + ", expected " + std::to_string(low) + ".." + std::to_string(high));
}

Result<void> range(const std::string& name, double met, double low, double high) {
  if (met >= low && met <= high) return {};
  return fail(Errc::bad_value,
              name + " is " + std::to_string(met) + ", expected " + std::to_string(low) + ".." + std::to_string(high));
}

Result<void> check(const MatrixSettings& settings) {
  ASSAY_TRY(range("prompt tokens", std::uint64_t{settings.prompt_tokens}, 1, request_tokens_max));
  ASSAY_TRY(range("output tokens", std::uint64_t{settings.output_tokens}, 2, request_tokens_max));
  ASSAY_TRY(range("rounds", std::uint64_t{settings.rounds}, 1, rounds_max));
  ASSAY_TRY(range("sweep rounds", std::uint64_t{settings.sweep_rounds}, 1, rounds_max));
  for (const std::uint32_t depth : settings.sweep_context) {
    ASSAY_TRY(range("a length of the context sweep", std::uint64_t{depth}, 1, request_tokens_max));
  }
  for (const std::uint32_t streams : settings.sweep_streams) {
    ASSAY_TRY(range("a width of the streams sweep", std::uint64_t{streams}, 1, streams_max));
  }
  constexpr double month = 30.0 * 24 * 3600;
  ASSAY_TRY(range("seconds of soak", settings.soak_s, 0, month));
  ASSAY_TRY(range("arrivals per second", settings.arrivals_per_s, 0, 1e4));
  ASSAY_TRY(range("seconds of arrivals", settings.arrivals_s, 0.1, month));
  return range("seconds of budget", settings.budget_s, 1e-3, month);
}

void shorten(Lane& lane, const MatrixSettings& settings, double share) {
  const auto shorter = [share](std::uint32_t tokens, std::uint32_t least) {
    const auto fits = static_cast<std::uint32_t>(tokens * share) / 8 * 8;
    return std::min(tokens, std::max(fits, least));
  };
  lane.prompt_tokens = shorter(settings.prompt_tokens, least_prompt);
  lane.output_tokens = shorter(settings.output_tokens, least_output);
}

Result<void> send_pilot(Run& run, Lane& lane, Row& row, bool first) {
  const MatrixSettings& settings = run.settings;
  if (lane.lost) return {};
  ASSAY_TRY(run.proceed(row.subject.engine + ", pilot", 0));
  const std::uint32_t prompt = std::min(settings.prompt_tokens, pilot_prompt);
  const auto sent =
      send(run, lane, {run.tools.make_prompt(run.random, prompt)}, std::min(settings.output_tokens, pilot_output));
  if (!sent) {
    if (is_stop(sent.error())) return std::unexpected(sent.error());
    give_up(lane, row, "in its first request", sent.error());
    lane.lost = true;
  } else if (first && !row.first) {
    row.first = sent->timings.front();
  }
  return {};
}

// The first request of all: code and pages are cold. Nothing ran on the engine before.
Result<void> start_cold(Run& run, Lane& lane, Row& row) { return send_pilot(run, lane, row, true); }

// A second short request says what one of full length will take.
Result<void> adapt_lengths(Run& run, Lane& lane, Row& row) {
  const MatrixSettings& settings = run.settings;
  const bool known = row.cold.has_value();  // an earlier run sent requests of these lengths
  lane.prompt_tokens = known ? row.prompt_tokens : settings.prompt_tokens;
  lane.output_tokens = known ? row.output_tokens : settings.output_tokens;
  ASSAY_TRY(send_pilot(run, lane, row, false));
  const double needed = lane.seconds_for(settings.prompt_tokens, settings.output_tokens);
  if (known || lane.lost || needed <= settings.budget_s) return {};
  shorten(lane, settings, settings.budget_s / needed);
  if (lane.prompt_tokens == settings.prompt_tokens && lane.output_tokens == settings.output_tokens) return {};
  row.adapted = "lengths adapted: " + std::to_string(lane.prompt_tokens) + " prompt, " +
                std::to_string(lane.output_tokens) + " output; " + std::to_string(settings.prompt_tokens) + " and " +
                std::to_string(settings.output_tokens) + " would take about " + whole_seconds(needed) +
                ", the budget is " + whole_seconds(settings.budget_s);
  return {};
}

// One row's share of the rounds.
struct Unit {
  Lane* lane;
  Row* row;
  std::optional<Row> earlier{};     // what a run before this one left of it
  std::vector<Token> prompt{};      // of cached rows: sent again and again but for its last token
  Observed observed{};              // without the cold round
  std::uint64_t tokens = 0;         // received in those rounds
  std::uint64_t prompt_tokens = 0;  // computed: not cached
  std::uint64_t later_tokens = 0;   // received behind the first ones
  std::vector<float> gaps_ms{};
  BorderTime border{};
};

// Makes the engine hold the prompt, so that the request behind this one finds it.
Result<void> prime(Run& run, Unit& unit) {
  if (unit.prompt.empty()) unit.prompt = run.tools.make_prompt(run.random, unit.row->prompt_tokens);
  const auto sent = send(run, *unit.lane, {unit.prompt}, 1);
  if (!sent) return std::unexpected(sent.error());
  unit.prompt.back() = run.tools.make_prompt(run.random, 1).front();
  return {};
}

Result<void> run_round(Run& run, Unit& unit, std::uint32_t round) {
  const Contestant& contestant = *unit.lane->contestant;
  const bool cached = unit.row->prompts == Prompts::cached;
  if (cached) ASSAY_TRY(prime(run, unit));
  const std::vector<Token> prompt = cached ? unit.prompt : run.tools.make_prompt(run.random, unit.row->prompt_tokens);
  if (contestant.border) contestant.border();
  auto sent = send(run, *unit.lane, {prompt}, unit.row->output_tokens);
  if (!sent) return std::unexpected(std::move(sent.error()));
  const Timing& timing = sent->timings.front();
  unit.row->memory.peak_bytes = std::max(unit.row->memory.peak_bytes, sent->observed.memory_peak_bytes);
  if (round == 0) {
    if (!unit.row->cold) unit.row->cold = timing;
    return {};
  }
  unit.row->rounds.push_back(timing);
  unit.observed += sent->observed;
  unit.tokens += timing.output_tokens;
  unit.prompt_tokens += timing.prompt_tokens - std::min(timing.cached_tokens, timing.prompt_tokens);
  unit.later_tokens += timing.output_tokens - std::min(std::max(timing.first_tokens, 1U), timing.output_tokens);
  unit.gaps_ms.insert(unit.gaps_ms.end(), sent->gaps_ms.begin(), sent->gaps_ms.end());
  if (contestant.border) {
    const BorderTime border = contestant.border();
    unit.border.calls += border.calls;
    unit.border.total_ns += border.total_ns;
    unit.border.engine_ns += border.engine_ns;
  }
  return {};
}

// Energy up to the first token and behind it, where both last long enough for what the meter can tell: RAPL counts every
// millisecond, NVML and others every tenth of a second, and the reading is taken by another thread.
void split_energy(const Unit& unit, Energy& energy) {
  const auto requests = static_cast<double>(unit.row->rounds.size());
  const double least_s = (energy.source.find("RAPL") != std::string::npos ? 0.02 : 0.3) * requests;
  const double prompt_s = unit.observed.prompt_seconds;
  if (std::isnan(unit.observed.prompt_joules) || requests == 0) return;
  if (prompt_s >= least_s && unit.prompt_tokens > 0) {
    energy.j_per_prompt_token = unit.observed.prompt_joules / static_cast<double>(unit.prompt_tokens);
  }
  if (unit.observed.seconds - prompt_s >= least_s && unit.later_tokens > 0) {
    energy.j_per_output_token =
        (unit.observed.joules - unit.observed.prompt_joules) / static_cast<double>(unit.later_tokens);
  }
}

void summarize(Run& run, Unit& unit) {
  Row& row = *unit.row;
  const Contestant& contestant = *unit.lane->contestant;
  if (unit.earlier && unit.observed.seconds <= 0) return;  // nothing was added
  row.between_tokens = delay_of(unit.gaps_ms);
  row.load_s = contestant.load_s;
  if (contestant.kv_read_bytes) {
    row.kv_bytes_per_token = contestant.kv_read_bytes(row.prompt_tokens + row.output_tokens / 2.0);
  }
  row.noise = noise_of(unit.observed);
  row.foreground = foreground_of(unit.observed);
  const std::vector<std::int64_t> processes =
      contestant.processes ? contestant.processes() : std::vector<std::int64_t>();
  row.memory.source = run.tools.watch.memory_source(processes);
  row.memory.device_peak_bytes = unit.observed.device_peak_bytes;
  row.memory.swap_in_bytes = unit.observed.swap_in_bytes;
  row.memory.swap_out_bytes = unit.observed.swap_out_bytes;
  row.memory.swap_known = unit.observed.swap_known;
  if (contestant.backend != nullptr) row.memory.accounted = contestant.backend->memory();
  if (contestant.plan) row.memory.predicted = contestant.plan(row.prompt_tokens + row.output_tokens, 1);
  row.memory.load_swap_out_bytes = contestant.load_swap_out_bytes;
  row.memory.harness_bytes = contestant.harness_bytes;
  row.memory.swapped_bytes = unit.observed.swapped_bytes;
  row.energy.source = run.tools.watch.energy_source();
  row.energy.reason = run.tools.watch.energy_reason();
  if (!row.energy.source.empty() && unit.tokens > 0 && unit.observed.seconds > 0) {
    row.energy.j_per_token = unit.observed.joules / static_cast<double>(unit.tokens);
    row.energy.watts = unit.observed.joules / unit.observed.seconds;
    split_energy(unit, row.energy);
    if (std::isnan(row.energy.watts)) row.energy.reason = "a counter could not be read any more";
  }
  if (unit.border.calls > 0) {
    const auto calls = static_cast<double>(unit.border.calls);
    row.border = Border{.total_us_per_call = static_cast<double>(unit.border.total_ns) * 1e-3 / calls,
                        .engine_us_per_call = static_cast<double>(unit.border.engine_ns) * 1e-3 / calls,
                        .calls = unit.border.calls};
  }
  if (row.prompts == Prompts::cached && !row.rounds.empty() &&
      std::ranges::all_of(row.rounds, [](const Timing& t) { return t.cached_tokens == 0; })) {
    const std::string note = "keeps no prompts: those that were sent before were computed again";
    if (std::ranges::find(row.subject.notes, note) == row.subject.notes.end()) row.subject.notes.push_back(note);
  }
  if (unit.earlier) join(row, *unit.earlier);
}

// Whether the row lacks this round; round 0 also warms an engine that goes on.
bool lacks(const MatrixSettings& settings, const Row& row, std::uint32_t round) {
  const std::size_t done = row.rounds.size();
  return row.status == Row::Status::ok && (round == 0 ? done < settings.rounds : done < round);
}

double unit_s(const Unit& unit) {
  const double requests = unit.row->prompts == Prompts::cached ? 2 : 1;  // one that makes the engine hold the prompt
  return requests * unit.lane->planned_for(unit.row->prompt_tokens, unit.row->output_tokens);
}

Result<void> run_unit(Run& run, Unit& unit, std::uint32_t round) {
  if (!lacks(run.settings, *unit.row, round)) return {};
  ASSAY_TRY(run.proceed(unit.row->subject.engine + ", round " + std::to_string(round), unit_s(unit)));
  if (unit.lane->lost) {  // on the way to the engine's other row, which says why
    unit.row->status = Row::Status::failed;
    unit.row->reason = "in round " + std::to_string(round) + ": the engine failed before";
    return {};
  }
  const auto ran = run_round(run, unit, round);
  if (ran) return {};
  if (is_stop(ran.error())) return ran;
  give_up(*unit.lane, *unit.row, "in round " + std::to_string(round), ran.error());
  return {};
}

Result<void> run_rounds(Run& run, std::vector<Unit>& units) {
  for (std::uint32_t round = 0; round <= run.settings.rounds; ++round) {
    const bool lacking = std::ranges::any_of(units, [&](const Unit& u) { return lacks(run.settings, *u.row, round); });
    if (!lacking) continue;
    std::vector<std::size_t> order(units.size() + 1);  // the last one is the machine itself
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random = run.order_of(0, 0, round);
    shuffle(order, random);
    for (const std::size_t i : order) {
      ASSAY_TRY(i == units.size() ? run.probe(0, round) : run_unit(run, units[i], round));
    }
  }
  return {};
}

// Reckons the run's length from what the pilots took.
void plan_time(Run& run, std::vector<Lane>& lanes, const std::vector<Unit>& units) {
  for (Lane& lane : lanes) {
    lane.planned_prompt_token_s = lane.prompt_token_s;
    lane.planned_step_s = lane.step_s;
  }
  run.done_s = 0;
  run.total_s = sweeps_s(run, lanes) + open_loops_s(run, lanes) + soaks_s(run, lanes);
  for (const Unit& unit : units) {
    for (std::uint32_t round = 0; round <= run.settings.rounds; ++round) {
      if (lacks(run.settings, *unit.row, round)) run.total_s += unit_s(unit);
    }
  }
  if (run.tools.probe) run.total_s += probe_s * (run.settings.rounds + 1);
}

std::vector<Row> empty_rows(const std::vector<Contestant>& contestants, const MatrixSettings& settings) {
  std::vector<Row> rows;
  for (const Contestant& contestant : contestants) {
    Row row;
    row.subject = contestant.subject;
    row.prompt_tokens = settings.prompt_tokens;
    row.output_tokens = settings.output_tokens;
    if (contestant.running == nullptr) {
      row.status = contestant.broke ? Row::Status::failed : Row::Status::refused;
      row.reason = contestant.reason;
    }
    rows.push_back(row);
    if (settings.cached_rows && contestant.running != nullptr) {
      row.prompts = Prompts::cached;
      rows.push_back(row);
    }
  }
  return rows;
}

// What the parity of contestants and the like left in their subjects.
void take_subjects(const std::vector<Contestant>& contestants, std::vector<Row>& rows, bool cached_rows) {
  std::size_t row = 0;
  for (const Contestant& contestant : contestants) {
    const std::size_t count = cached_rows && contestant.running != nullptr ? 2 : 1;
    for (std::size_t i = 0; i < count; ++i, ++row) rows[row].subject = contestant.subject;
  }
}

Result<void> measure_parts(Run& run, const std::vector<Contestant>& contestants, std::vector<Lane>& lanes,
                           std::vector<Unit>& units) {
  std::vector<Row>& rows = run.out.rows;
  for (Lane& lane : lanes) {
    lane.lost = rows[lane.row].status != Row::Status::ok;  // in an earlier run
    ASSAY_TRY(start_cold(run, lane, rows[lane.row]));
  }
  if (run.tools.after_first) {
    ASSAY_TRY(run.tools.after_first());
    take_subjects(contestants, rows, run.settings.cached_rows);
  }
  for (Lane& lane : lanes) {
    ASSAY_TRY(adapt_lengths(run, lane, rows[lane.row]));
    for (std::size_t r = lane.row; r < lane.row + (run.settings.cached_rows ? 2 : 1); ++r) {
      rows[r].prompt_tokens = lane.prompt_tokens;
      rows[r].output_tokens = lane.output_tokens;
      rows[r].adapted = rows[lane.row].adapted;
      units.push_back({.lane = &lane, .row = &rows[r]});
      if (rows[r].cold) units.back().earlier = rows[r];
    }
  }
  plan_time(run, lanes, units);
  ASSAY_TRY(run_rounds(run, units));
  std::vector<Lane> best = best_lanes(lanes, rows);
  ASSAY_TRY(sweep_context(run, best));
  ASSAY_TRY(sweep_streams(run, best));
  ASSAY_TRY(run_open_loops(run, best));
  return run_soaks(run, best);
}

}  // namespace

Result<void> measure_rows(const std::vector<Contestant>& contestants, const MatrixSettings& settings,
                          const MatrixTools& tools, Matrix& out, Begin begin) {
  ASSAY_TRY(check(settings));
  const std::vector<Row> earlier = std::exchange(out.rows, empty_rows(contestants, settings));
  double before_s = 0;
  if (begin == Begin::where_it_ended) {
    take_earlier(out.rows, earlier);
    before_s = out.seconds;
  } else {
    out.ceiling_rounds.clear();
    out.soak_turns.clear();
  }
  // Prompts that a server may have kept from the run before are not sent again.
  Run run{.settings = settings,
          .tools = tools,
          .out = out,
          .random = Random(settings.seed + static_cast<std::uint64_t>(before_s * 1e3)),
          .origin_ns = tools.clock.now_ns() - static_cast<std::int64_t>(before_s * 1e9)};
  std::vector<Lane> lanes;
  for (std::size_t i = 0, row = 0; i < contestants.size(); ++i) {
    const Contestant& contestant = contestants[i];
    if (contestant.running != nullptr) {
      lanes.push_back({.contestant = &contestant, .row = row});
      if (contestant.processes) std::ranges::copy(contestant.processes(), std::back_inserter(run.ours));
    }
    row += settings.cached_rows && contestant.running != nullptr ? 2 : 1;
  }
  std::vector<Unit> units;
  units.reserve(2 * lanes.size());
  const auto measured = measure_parts(run, contestants, lanes, units);
  for (Unit& unit : units) summarize(run, unit);
  out.ceilings = best_ceilings(out.ceiling_rounds);
  derive(out);
  for (Row& row : out.rows) {
    if (row.drift) thin(row.drift->points);
  }
  return measured;
}

Environment describe_environment(Watch& watch, std::int64_t idle_ns, const Stop* stop) {
  Environment out;
  out.accelerators = watch.accelerators();
  out.governor = host::clock_governor();
  watch.begin({}, {});
  constexpr std::int64_t piece_ns = 50'000'000;
  for (std::int64_t left = idle_ns; left > 0 && !asked(stop); left -= piece_ns) watch.rest(std::min(left, piece_ns));
  const Observed idle = watch.end();
  out.idle = foreground_of(idle);
  out.noise = noise_of(idle);
  out.energy_source = watch.energy_source();
  out.energy_reason = watch.energy_reason();
  if (!out.energy_source.empty() && idle.seconds > 0) out.idle_watts = idle.joules / idle.seconds;
  return out;
}

}  // namespace assay::measure
