// Drift: one engine, requests of one length, for a long time, and the machine behind each of them.
#include <algorithm>
#include <cmath>

#include "measure/lane.h"

namespace assay::measure {
namespace {

constexpr std::size_t spans = 60;  // the slope is taken over medians of equal spans: neighbours in time are alike
constexpr std::size_t requests_min = 20;  // two in each tenth

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

std::vector<double> speeds_between(const std::vector<DriftPoint>& points, double from_s, double to_s) {
  std::vector<double> out;
  for (const DriftPoint& point : points) {
    if (point.at_s > from_s && point.at_s <= to_s && !std::isnan(point.decode_tok_s)) out.push_back(point.decode_tok_s);
  }
  return out;
}

void thin(std::vector<DriftPoint>& points) {
  if (points.size() <= drift_points_max) return;
  std::vector<DriftPoint> kept;
  kept.reserve(drift_points_max);
  for (std::size_t i = 0; i < drift_points_max; ++i) kept.push_back(points[i * points.size() / drift_points_max]);
  points = std::move(kept);
}

}  // namespace

Drift drift_of(std::vector<DriftPoint> points, double seconds, Random& random) {
  Drift out{.seconds = seconds, .requests = points.size()};
  const std::vector<double> first = speeds_between(points, 0, seconds / 10);
  const std::vector<double> last = speeds_between(points, seconds * 9 / 10, seconds);
  out.first_tenth_tok_s = median(first);
  out.last_tenth_tok_s = median(last);
  if (points.size() < requests_min || first.empty() || last.empty()) {
    out.reason = "only " + std::to_string(points.size()) + " requests fitted: a longer soak is needed";
  } else {
    out.ratio = ratio(last, first, random);
    std::vector<double> minutes;
    std::vector<double> percent;
    const double span_s = seconds / spans;
    for (std::size_t i = 0; i < spans; ++i) {
      const double begin = static_cast<double>(i) * span_s;
      const std::vector<double> speeds = speeds_between(points, begin, begin + span_s);
      if (speeds.empty()) continue;
      minutes.push_back((begin + span_s / 2) / 60);
      percent.push_back(100 * median(speeds) / out.first_tenth_tok_s);
    }
    out.slope_percent_per_minute = slope(minutes, percent, random);
  }
  thin(points);
  out.points = std::move(points);
  return out;
}

Result<void> run_soak(Run& run, Lane& lane, Row& row) {
  if (!(run.settings.soak_s > 0)) return {};
  const Clock& clock = run.tools.clock;
  std::vector<DriftPoint> points;
  const std::int64_t start = clock.now_ns();
  const auto elapsed = [&] { return static_cast<double>(clock.now_ns() - start) * 1e-9; };
  std::string reason;
  do {
    ASSAY_TRY(run.proceed(row.subject.engine + ", soak, " + whole_seconds(elapsed())));
    run.done -= elapsed() < run.settings.soak_s ? 1 : 0;  // counts as one
    if (lane.lost) return {};
    const auto sent = send(run, lane, {run.tools.make_prompt(run.random, lane.prompt_tokens)}, lane.output_tokens);
    if (!sent) {
      reason = "after " + whole_seconds(elapsed()) + ": " + to_string(sent.error());
      give_up(lane, row, "soak, " + whole_seconds(elapsed()), sent.error());
      break;
    }
    points.push_back(point_of(sent->timings.front(), sent->observed, elapsed()));
  } while (elapsed() < run.settings.soak_s);
  ++run.done;
  Drift drift = drift_of(std::move(points), elapsed(), run.random);
  drift.prompt_tokens = lane.prompt_tokens;
  drift.output_tokens = lane.output_tokens;
  if (!reason.empty()) drift.reason = reason;
  row.drift = std::move(drift);
  return {};
}

}  // namespace assay::measure
