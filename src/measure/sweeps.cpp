// Speed against the length of the prompt, against requests at once, and under requests at random moments.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/client.h"
#include "measure/lane.h"
#include "record/printed.h"

namespace assay::measure {
namespace {

// A prompt twice as long takes more than twice the time: attention. The guess need not be good, only not absurd.
constexpr double growth = 1.3;

std::vector<std::size_t> indices(std::size_t count) {
  std::vector<std::size_t> out(count);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

std::string too_long(double seconds, double budget_s) {
  return "would take about " + whole_seconds(seconds) + ", the budget is " + whole_seconds(budget_s);
}

std::string why_not_depth(const Run& run, const Lane& lane, std::uint32_t depth, std::uint32_t output) {
  if (lane.lost) return "the engine failed before";
  const std::uint32_t context = lane.contestant->subject.context;
  if (context != 0 && depth + output > context) {
    return std::to_string(depth) + " and " + std::to_string(output) + " tokens, the context holds " +
           std::to_string(context);
  }
  const double needed = growth * lane.seconds_for(depth, output);
  return needed > run.settings.budget_s ? too_long(needed, run.settings.budget_s) : "";
}

std::string why_not_streams(const Run& run, const Lane& lane, std::uint32_t streams) {
  if (lane.lost) return "the engine failed before";
  const std::uint32_t sequences = lane.contestant->subject.sequences;
  if (sequences != 0 && streams > sequences) {
    return "the engine was loaded for " + std::to_string(sequences) + " at once";
  }
  const double needed = streams * lane.seconds_for(lane.prompt_tokens, lane.output_tokens);
  const double budget = 2 * run.settings.budget_s;  // one request fits into it; streams share what they read
  return needed > budget && streams > 1 ? too_long(needed, budget) : "";
}

// The point of this number that an earlier run left, taken out of the row's list.
template <class Point, class Number>
bool take_point(std::vector<Point>& list, Number Point::* number, Number wanted, Point& out) {
  const auto at = std::ranges::find(list, wanted, number);
  if (at == list.end()) return false;
  out = std::move(*at);
  list.erase(at);
  return true;
}

// Whether a point lacks this round; one round gives `timings`. Round 0 also warms an engine that goes on.
template <class Point>
bool lacks(const Run& run, const Point& point, std::uint32_t round, std::size_t timings) {
  const std::size_t done = point.rounds.size() / timings;
  return point.reason.empty() && done < (round == 0 ? run.settings.sweep_rounds : round);
}

// When requests come: the same moments for every engine. Exponential gaps: a Poisson process, written out, since the
// standard library's differs between platforms.
std::vector<std::int64_t> arrival_moments(const MatrixSettings& settings) {
  constexpr std::size_t arrivals_max = 100'000;
  Random random(settings.seed);
  std::vector<std::int64_t> out;
  double at_s = 0;
  for (;;) {
    at_s -= std::log(1 - random.uniform()) / settings.arrivals_per_s;
    if (at_s > settings.arrivals_s || out.size() == arrivals_max) return out;
    out.push_back(static_cast<std::int64_t>(at_s * 1e9));
  }
}

std::vector<Planned> plan_arrivals(Run& run, const Lane& lane, std::vector<std::vector<Token>>& prompts) {
  std::vector<Planned> plan;
  for (const std::int64_t moment : arrival_moments(run.settings)) {
    prompts.push_back(run.tools.make_prompt(run.random, lane.prompt_tokens));
    Planned planned;
    planned.after_ns = moment;
    planned.request.id = run.next_id++;
    planned.request.output_tokens_max = lane.output_tokens;
    plan.push_back(planned);
  }
  for (std::size_t i = 0; i < plan.size(); ++i) plan[i].request.prompt = prompts[i];
  return plan;
}

// Requests that we ourselves send late are no open loop: they wait for the engine, as in a closed one.
std::string why_invalid(const OpenLoop& open) {
  constexpr double late_share_max = 0.1;  // of the mean gap, at the median
  const double gap_ms = 1e3 / open.rate_per_s;
  if (open.late.p50_ms > late_share_max * gap_ms) {
    return printed("no open loop: half of our own sends were late by %.0f ms and more, ", open.late.p50_ms) +
           printed("where one was planned every %.0f ms", gap_ms);
  }
  return open.requests.empty() ? "no request ended well" : "";
}

Result<void> run_open_loop(Run& run, Lane& lane, Row& row) {
  if (lane.lost || (row.open_loop && !row.open_loop->reason.starts_with(stopped_part))) return {};
  ASSAY_TRY(run.proceed(row.subject.engine + ", open loop", run.settings.arrivals_s));
  std::vector<std::vector<Token>> prompts;
  const std::vector<Planned> plan = plan_arrivals(run, lane, prompts);
  const std::int64_t start_ns = run.tools.clock.now_ns();
  const auto sent = time_open_loop(
      *lane.contestant->running, run.tools.clock, plan, run.settings.timeout_ns,
      [&](std::int64_t ns) { run.tools.watch.rest(ns); }, run.tools.stop);
  if (!sent) {
    if (is_stop(sent.error())) return std::unexpected(sent.error());
    give_up(lane, row, "open loop", sent.error());
    return {};
  }
  OpenLoop out{.rate_per_s = run.settings.arrivals_per_s, .sent = static_cast<std::uint32_t>(sent->size())};
  std::vector<float> late;
  bool stopped = asked(run.tools.stop) && sent->size() < plan.size();
  for (const Sent& one : *sent) {
    late.push_back(static_cast<float>(static_cast<double>(one.late_ns) * 1e-6));
    if (one.error && one.error->code == Errc::cancelled) {
      stopped = true;
    } else if (one.timing) {
      out.requests.push_back(since_origin(run, *one.timing));
    } else {
      ++out.failed;
    }
  }
  out.late = delay_of(late);
  out.reason = why_invalid(out);
  if (stopped) {
    const double seconds = static_cast<double>(run.tools.clock.now_ns() - start_ns) * 1e-9;
    out.reason = std::string(stopped_part) + " after " + whole_seconds(seconds) + " of " +
                 whole_seconds(run.settings.arrivals_s);
  }
  if (!stopped || !out.requests.empty()) row.open_loop = std::move(out);
  return stopped ? fail(Errc::cancelled, "matrix stopped in " + run.doing) : Result<void>();
}

double context_point_s(const Lane& lane, std::uint32_t depth) {
  return growth * lane.planned_for(depth, context_sweep_output(lane.output_tokens));
}

double stream_point_s(const Lane& lane, std::uint32_t streams) {
  return streams * lane.planned_for(lane.prompt_tokens, lane.output_tokens);
}

struct ContextLane {
  Lane* lane;
  Row* row;
  ContextPoint point;
};

Result<void> request_at_depth(Run& run, ContextLane& at, std::uint32_t round) {
  ContextPoint& point = at.point;
  if (!lacks(run, point, round, 1)) return {};
  ASSAY_TRY(run.proceed(at.row->subject.engine + ", context " + std::to_string(point.depth),
                        context_point_s(*at.lane, point.depth)));
  const std::uint32_t output = context_sweep_output(at.lane->output_tokens);
  const auto sent = send(run, *at.lane, {run.tools.make_prompt(run.random, point.depth)}, output);
  if (!sent) {
    if (is_stop(sent.error())) return std::unexpected(sent.error());
    point.reason = to_string(sent.error());
    if (is_fatal(sent.error())) {
      give_up(*at.lane, *at.row, "context sweep at " + std::to_string(point.depth), sent.error());
    }
    return {};
  }
  point.memory_peak_bytes = std::max(point.memory_peak_bytes, sent->observed.memory_peak_bytes);
  point.device_peak_bytes = std::max(point.device_peak_bytes, sent->observed.device_peak_bytes);
  if (round == 0) {
    if (!point.cold) point.cold = sent->timings.front();
  } else {
    point.rounds.push_back(sent->timings.front());
  }
  return {};
}

struct StreamLane {
  Lane* lane;
  Row* row;
  StreamPoint point;
};

Result<void> requests_at_once(Run& run, StreamLane& at, std::uint32_t round) {
  StreamPoint& point = at.point;
  if (!lacks(run, point, round, point.streams)) return {};
  ASSAY_TRY(run.proceed(at.row->subject.engine + ", " + std::to_string(point.streams) + " streams",
                        stream_point_s(*at.lane, point.streams)));
  std::vector<std::vector<Token>> prompts;
  prompts.reserve(point.streams);
  for (std::uint32_t s = 0; s < point.streams; ++s) {
    prompts.push_back(run.tools.make_prompt(run.random, at.lane->prompt_tokens));
  }
  const auto sent = send(run, *at.lane, prompts, at.lane->output_tokens);
  if (!sent) {
    if (is_stop(sent.error())) return std::unexpected(sent.error());
    point.reason = to_string(sent.error());
    if (is_fatal(sent.error())) {
      give_up(*at.lane, *at.row, std::to_string(point.streams) + " streams", sent.error());
    }
    return {};
  }
  point.memory_peak_bytes = std::max(point.memory_peak_bytes, sent->observed.memory_peak_bytes);
  if (round == 0) {
    if (!point.cold) point.cold = sent->timings.front();
  } else {
    point.rounds.insert(point.rounds.end(), sent->timings.begin(), sent->timings.end());
  }
  return {};
}

}  // namespace

Result<void> sweep_context(Run& run, std::vector<Lane>& lanes) {
  for (const std::uint32_t depth : run.settings.sweep_context) {
    std::vector<ContextLane> points;
    for (Lane& lane : lanes) {
      const std::uint32_t output = context_sweep_output(lane.output_tokens);
      ContextPoint point{.depth = depth};
      if (!take_point(run.out.rows[lane.row].context_sweep, &ContextPoint::depth, depth, point)) {
        point.reason = why_not_depth(run, lane, depth, output);
      }
      if (lane.contestant->kv_read_bytes) {
        point.kv_bytes_per_token = lane.contestant->kv_read_bytes(depth + output / 2.0);
      }
      points.push_back({.lane = &lane, .row = &run.out.rows[lane.row], .point = std::move(point)});
    }
    const auto measured = [&]() -> Result<void> {
      for (std::uint32_t round = 0; round <= run.settings.sweep_rounds; ++round) {  // round 0 is cold
        if (std::ranges::none_of(points, [&](const auto& at) { return lacks(run, at.point, round, 1); })) continue;
        std::vector<std::size_t> order = indices(points.size() + 1);  // the last one is the machine itself
        Random random = run.order_of(1, depth, round);
        shuffle(order, random);
        for (const std::size_t i : order) {
          ASSAY_TRY(i == points.size() ? run.probe(depth, round) : request_at_depth(run, points[i], round));
        }
      }
      return {};
    }();
    for (ContextLane& at : points) at.row->context_sweep.push_back(std::move(at.point));
    ASSAY_TRY(measured);
  }
  return {};
}

Result<void> sweep_streams(Run& run, std::vector<Lane>& lanes) {
  for (const std::uint32_t streams : run.settings.sweep_streams) {
    std::vector<StreamLane> points;
    for (Lane& lane : lanes) {
      StreamPoint point{.streams = streams};
      if (!take_point(run.out.rows[lane.row].stream_sweep, &StreamPoint::streams, streams, point)) {
        point.reason = why_not_streams(run, lane, streams);
      }
      points.push_back({.lane = &lane, .row = &run.out.rows[lane.row], .point = std::move(point)});
    }
    const auto measured = [&]() -> Result<void> {
      for (std::uint32_t round = 0; round <= run.settings.sweep_rounds; ++round) {  // round 0 is cold
        std::vector<std::size_t> order = indices(points.size());
        Random random = run.order_of(2, streams, round);
        shuffle(order, random);
        for (const std::size_t i : order) ASSAY_TRY(requests_at_once(run, points[i], round));
      }
      return {};
    }();
    for (StreamLane& at : points) at.row->stream_sweep.push_back(std::move(at.point));
    ASSAY_TRY(measured);
  }
  return {};
}

double sweeps_s(const Run& run, const std::vector<Lane>& lanes) {
  const double rounds = run.settings.sweep_rounds + 1;
  double out = 0;
  for (const Lane& lane : lanes) {
    for (const std::uint32_t depth : run.settings.sweep_context) {
      if (why_not_depth(run, lane, depth, context_sweep_output(lane.output_tokens)).empty()) {
        out += rounds * context_point_s(lane, depth);
      }
    }
    for (const std::uint32_t streams : run.settings.sweep_streams) {
      if (why_not_streams(run, lane, streams).empty()) out += rounds * stream_point_s(lane, streams);
    }
  }
  return out + (run.tools.probe ? probe_s * rounds * static_cast<double>(run.settings.sweep_context.size()) : 0);
}

double open_loops_s(const Run& run, const std::vector<Lane>& lanes) {
  return run.settings.arrivals_per_s > 0 ? run.settings.arrivals_s * static_cast<double>(lanes.size()) : 0;
}

Result<void> run_open_loops(Run& run, std::vector<Lane>& lanes) {
  if (!(run.settings.arrivals_per_s > 0)) return {};
  for (Lane& lane : lanes) ASSAY_TRY(run_open_loop(run, lane, run.out.rows[lane.row]));
  return {};
}

}  // namespace assay::measure
