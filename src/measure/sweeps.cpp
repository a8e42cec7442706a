// Speed against the length of the prompt, against requests at once, and under requests at random moments.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/client.h"
#include "measure/lane.h"
#include "measure/printed.h"

namespace assay::measure {
namespace {

constexpr std::uint32_t depth_output = 32;  // tokens decoded behind a long prompt
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
  ASSAY_TRY(run.proceed(row.subject.engine + ", open loop"));
  if (lane.lost) return {};
  std::vector<std::vector<Token>> prompts;
  const std::vector<Planned> plan = plan_arrivals(run, lane, prompts);
  const auto sent = time_open_loop(*lane.contestant->running, run.tools.clock, plan, run.settings.timeout_ns,
                                   [&](std::int64_t ns) { run.tools.watch.rest(ns); });
  if (!sent) {
    give_up(lane, row, "open loop", sent.error());
    return {};
  }
  OpenLoop out{.rate_per_s = run.settings.arrivals_per_s, .sent = static_cast<std::uint32_t>(sent->size())};
  std::vector<float> late;
  for (const Sent& one : *sent) {
    late.push_back(static_cast<float>(static_cast<double>(one.late_ns) * 1e-6));
    if (one.timing) {
      out.requests.push_back(since_origin(run, *one.timing));
    } else {
      ++out.failed;
    }
  }
  out.late = delay_of(late);
  out.reason = why_invalid(out);
  row.open_loop = std::move(out);
  return {};
}

struct ContextLane {
  Lane* lane;
  Row* row;
  ContextPoint point;
};

Result<void> request_at_depth(Run& run, ContextLane& at, std::uint32_t round) {
  ContextPoint& point = at.point;
  ASSAY_TRY(run.proceed(at.row->subject.engine + ", context " + std::to_string(point.depth)));
  if (!point.reason.empty()) return {};
  const std::uint32_t output = std::min(at.lane->output_tokens, depth_output);
  const auto sent = send(run, *at.lane, {run.tools.make_prompt(run.random, point.depth)}, output);
  if (!sent) {
    point.reason = to_string(sent.error());
    if (is_fatal(sent.error())) {
      give_up(*at.lane, *at.row, "context sweep at " + std::to_string(point.depth), sent.error());
    }
    return {};
  }
  point.memory_peak_bytes = std::max(point.memory_peak_bytes, sent->observed.memory_peak_bytes);
  point.device_peak_bytes = std::max(point.device_peak_bytes, sent->observed.device_peak_bytes);
  if (round == 0) {
    point.cold = sent->timings.front();
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
  ASSAY_TRY(run.proceed(at.row->subject.engine + ", " + std::to_string(point.streams) + " streams"));
  if (!point.reason.empty()) return {};
  std::vector<std::vector<Token>> prompts;
  prompts.reserve(point.streams);
  for (std::uint32_t s = 0; s < point.streams; ++s) {
    prompts.push_back(run.tools.make_prompt(run.random, at.lane->prompt_tokens));
  }
  const auto sent = send(run, *at.lane, prompts, at.lane->output_tokens);
  if (!sent) {
    point.reason = to_string(sent.error());
    if (is_fatal(sent.error())) {
      give_up(*at.lane, *at.row, std::to_string(point.streams) + " streams", sent.error());
    }
    return {};
  }
  point.memory_peak_bytes = std::max(point.memory_peak_bytes, sent->observed.memory_peak_bytes);
  if (round == 0) {
    point.cold = sent->timings.front();
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
      const std::uint32_t output = std::min(lane.output_tokens, depth_output);
      ContextPoint point{.depth = depth, .reason = why_not_depth(run, lane, depth, output)};
      if (lane.contestant->kv_read_bytes) {
        point.kv_bytes_per_token = lane.contestant->kv_read_bytes(depth + output / 2.0);
      }
      points.push_back({.lane = &lane, .row = &run.out.rows[lane.row], .point = std::move(point)});
    }
    std::vector<std::size_t> order = indices(points.size() + 1);  // the last one is the machine itself
    const auto measured = [&]() -> Result<void> {
      for (std::uint32_t round = 0; round <= run.settings.sweep_rounds; ++round) {  // round 0 is cold
        shuffle(order, run.random);
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
      StreamPoint point{.streams = streams, .reason = why_not_streams(run, lane, streams)};
      points.push_back({.lane = &lane, .row = &run.out.rows[lane.row], .point = std::move(point)});
    }
    std::vector<std::size_t> order = indices(points.size());
    const auto measured = [&]() -> Result<void> {
      for (std::uint32_t round = 0; round <= run.settings.sweep_rounds; ++round) {  // round 0 is cold
        shuffle(order, run.random);
        for (const std::size_t i : order) ASSAY_TRY(requests_at_once(run, points[i], round));
      }
      return {};
    }();
    for (StreamLane& at : points) at.row->stream_sweep.push_back(std::move(at.point));
    ASSAY_TRY(measured);
  }
  return {};
}

Result<void> run_open_loops(Run& run, std::vector<Lane>& lanes) {
  if (!(run.settings.arrivals_per_s > 0)) return {};
  for (Lane& lane : lanes) ASSAY_TRY(run_open_loop(run, lane, run.out.rows[lane.row]));
  return {};
}

}  // namespace assay::measure
