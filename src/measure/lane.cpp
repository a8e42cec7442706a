#include "measure/lane.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/client.h"

namespace assay::measure {

Random Run::order_of(std::uint32_t part, std::uint32_t point, std::uint32_t round) const {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // of splitmix64, so that neighbours have nothing in common
  const std::uint64_t place = (std::uint64_t{part} << 56U) + (std::uint64_t{point} << 32U) + round;
  return Random((settings.seed + 1) * odd ^ (place + 1) * odd);
}

Result<void> Run::proceed(const std::string& what, double seconds) {
  const auto ms = [](double s) { return static_cast<std::uint64_t>(s * 1e3); };
  const bool go_on = !tools.progress || tools.progress(ms(std::min(done_s, total_s)), ms(total_s), what);
  if (!go_on || asked(tools.stop)) return fail(Errc::cancelled, "matrix stopped before " + what);
  done_s += seconds;
  doing = what;
  return {};
}

Result<void> Run::probe(std::uint32_t depth, std::uint32_t round) {
  if (!tools.probe) return {};
  const bool taken_before = std::ranges::any_of(
      out.ceiling_rounds, [&](const CeilingRound& one) { return one.depth == depth && one.round == round; });
  if (taken_before) return {};
  ASSAY_TRY(proceed("the machine's ceilings, round " + std::to_string(round), probe_s));
  if (!probes) return {};
  auto taken = tools.probe();
  probes = taken.has_value();
  if (!taken) return {};  // the rows' shares say that there is none
  out.ceiling_rounds.push_back({.round = round,
                                .depth = depth,
                                .at_s = static_cast<double>(tools.clock.now_ns() - origin_ns) * 1e-9,
                                .ceilings = std::move(*taken)});
  return {};
}

Result<Observing> send(Run& run, Lane& lane, const std::vector<std::vector<Token>>& prompts, std::uint32_t output) {
  const Contestant& contestant = *lane.contestant;
  std::vector<Request> requests(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    requests[i].id = run.next_id++;
    requests[i].prompt = prompts[i];
    requests[i].output_tokens_max = output;
  }
  const std::vector<std::int64_t> processes =
      contestant.processes ? contestant.processes() : std::vector<std::int64_t>();
  run.tools.watch.begin(processes, run.ours);
  Beside beside;
  if (requests.size() == 1) beside.on_first_token = [&run] { run.tools.watch.first_token(); };
  auto timings =
      time_requests(*contestant.running, run.tools.clock, requests, run.settings.timeout_ns, &beside, run.tools.stop);
  Observing out{.timings = {}, .observed = run.tools.watch.end(), .gaps_ms = std::move(beside.gaps_ms)};
  std::uint64_t& footprint = out.observed.memory_peak_bytes;
  footprint -= std::min(footprint, contestant.harness_bytes);
  if (!timings && is_stop(timings.error())) return fail(Errc::cancelled, "matrix stopped in " + run.doing);
  if (!timings) return std::unexpected(std::move(timings.error()));
  out.timings = std::move(*timings);
  for (Timing& timing : out.timings) timing = since_origin(run, timing);
  const Timing& timing = out.timings.front();
  if (prompts.size() == 1 && timing.prompt_tokens > timing.cached_tokens) {
    if (const double speed = timing.decode_tok_s(); speed > 0) lane.step_s = 1 / speed;
    lane.prompt_token_s = std::max(timing.ttft_ms(), 0.0) * 1e-3 / (timing.prompt_tokens - timing.cached_tokens);
  }
  return out;
}

Timing since_origin(const Run& run, Timing timing) {
  for (std::int64_t* ns : {&timing.sent_ns, &timing.first_ns, &timing.last_ns}) *ns -= run.origin_ns;
  return timing;
}

bool is_fatal(const Error& error) { return error.code != Errc::bad_value && error.code != Errc::full; }

void give_up(Lane& lane, Row& row, const std::string& part, const Error& error) {
  row.status = Row::Status::failed;
  row.reason = part + ": " + to_string(error);
  lane.lost = lane.lost || is_fatal(error);
}

void shuffle(std::vector<std::size_t>& order, Random& random) {
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

std::string whole_seconds(double seconds) {
  return seconds < 10 ? std::to_string(std::lround(seconds * 10) / 10) + "." +
                            std::to_string(std::lround(seconds * 10) % 10) + " s"
                      : std::to_string(std::llround(std::min(seconds, 1e9))) + " s";
}

}  // namespace assay::measure
