// Speed against the length of the prompt, against requests at once, and under requests at random moments.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/client.h"
#include "measure/lane.h"

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

// (all tokens but each stream's first) / (first sent .. last token): the first tokens belong to prefill.
double total_speed(const std::vector<Timing>& timings) {
  std::int64_t begin = timings.front().sent_ns;
  std::int64_t end = timings.front().last_ns;
  double tokens = 0;
  for (const Timing& timing : timings) {
    begin = std::min(begin, timing.sent_ns);
    end = std::max(end, timing.last_ns);
    tokens += timing.output_tokens;
  }
  return end > begin ? tokens / (static_cast<double>(end - begin) * 1e-9) : not_told;
}

// Exponential gaps: a Poisson process. Written out, since the standard library's differs between platforms.
std::vector<Planned> plan_arrivals(Run& run, const Lane& lane, std::vector<std::vector<Token>>& prompts) {
  constexpr std::size_t arrivals_max = 100'000;
  std::vector<Planned> plan;
  double at_s = 0;
  for (;;) {
    at_s -= std::log(1 - run.random.uniform()) / run.settings.arrivals_per_s;
    if (at_s > run.settings.arrivals_s || plan.size() == arrivals_max) break;
    prompts.push_back(run.tools.make_prompt(run.random, lane.prompt_tokens));
    Planned planned;
    planned.after_ns = static_cast<std::int64_t>(at_s * 1e9);
    planned.request.id = run.next_id++;
    planned.request.output_tokens_max = lane.output_tokens;
    plan.push_back(planned);
  }
  for (std::size_t i = 0; i < plan.size(); ++i) plan[i].request.prompt = prompts[i];
  return plan;
}

}  // namespace

Result<void> sweep_context(Run& run, std::vector<Lane>& lanes, std::vector<Row>& rows) {
  for (const std::uint32_t depth : run.settings.sweep_context) {
    std::vector<ContextPoint> points(lanes.size());
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      points[i].depth = depth;
      points[i].reason = why_not_depth(run, lanes[i], depth, std::min(lanes[i].output_tokens, depth_output));
    }
    std::vector<std::size_t> order = indices(lanes.size());
    for (std::uint32_t round = 0; round <= run.settings.sweep_rounds; ++round) {  // round 0 is cold
      shuffle(order, run.random);
      for (const std::size_t i : order) {
        Row& row = rows[lanes[i].row];
        ASSAY_TRY(run.proceed(row.subject.engine + ", context " + std::to_string(depth)));
        if (!points[i].reason.empty()) continue;
        const auto sent = send(run, lanes[i], {run.tools.make_prompt(run.random, depth)},
                               std::min(lanes[i].output_tokens, depth_output));
        if (!sent) {
          points[i].reason = to_string(sent.error());
          if (is_fatal(sent.error())) give_up(lanes[i], row, "context sweep at " + std::to_string(depth), sent.error());
          continue;
        }
        points[i].memory_peak_bytes = std::max(points[i].memory_peak_bytes, sent->observed.memory_peak_bytes);
        if (round == 0) {
          points[i].cold = sent->timings.front();
        } else {
          points[i].rounds.push_back(sent->timings.front());
        }
      }
    }
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      ContextPoint& point = points[i];
      point.ttft_ms = over(point.rounds, &Timing::ttft_ms, run.random);
      point.prefill_tok_s = over(point.rounds, &Timing::prefill_tok_s, run.random);
      point.decode_tok_s = over(point.rounds, &Timing::decode_tok_s, run.random);
      rows[lanes[i].row].context_sweep.push_back(std::move(point));
    }
  }
  return {};
}

Result<void> sweep_streams(Run& run, std::vector<Lane>& lanes, std::vector<Row>& rows) {
  for (const std::uint32_t streams : run.settings.sweep_streams) {
    std::vector<StreamPoint> points(lanes.size());
    std::vector<std::vector<double>> totals(lanes.size());
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      points[i].streams = streams;
      points[i].reason = why_not_streams(run, lanes[i], streams);
    }
    std::vector<std::size_t> order = indices(lanes.size());
    for (std::uint32_t round = 0; round <= run.settings.sweep_rounds; ++round) {  // round 0 is cold
      shuffle(order, run.random);
      for (const std::size_t i : order) {
        Row& row = rows[lanes[i].row];
        ASSAY_TRY(run.proceed(row.subject.engine + ", " + std::to_string(streams) + " streams"));
        if (!points[i].reason.empty()) continue;
        std::vector<std::vector<Token>> prompts;
        prompts.reserve(streams);
        for (std::uint32_t s = 0; s < streams; ++s) {
          prompts.push_back(run.tools.make_prompt(run.random, lanes[i].prompt_tokens));
        }
        const auto sent = send(run, lanes[i], prompts, lanes[i].output_tokens);
        if (!sent) {
          points[i].reason = to_string(sent.error());
          if (is_fatal(sent.error())) give_up(lanes[i], row, std::to_string(streams) + " streams", sent.error());
          continue;
        }
        points[i].memory_peak_bytes = std::max(points[i].memory_peak_bytes, sent->observed.memory_peak_bytes);
        if (round == 0) {
          points[i].cold = sent->timings.front();
          continue;
        }
        totals[i].push_back(total_speed(sent->timings));
        points[i].rounds.insert(points[i].rounds.end(), sent->timings.begin(), sent->timings.end());
      }
    }
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      StreamPoint& point = points[i];
      point.total_tok_s = estimate(totals[i], run.random);
      point.ttft_ms = over(point.rounds, &Timing::ttft_ms, run.random);
      point.decode_tok_s = over(point.rounds, &Timing::decode_tok_s, run.random);
      std::vector<double> ttft;
      ttft.reserve(point.rounds.size());
      for (const Timing& timing : point.rounds) ttft.push_back(timing.ttft_ms());
      point.ttft_ms_p99 = quantile(ttft, 0.99);
      rows[lanes[i].row].stream_sweep.push_back(std::move(point));
    }
  }
  return {};
}

Result<void> run_open_loop(Run& run, Lane& lane, Row& row) {
  if (!(run.settings.arrivals_per_s > 0)) return {};
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
  std::vector<Timing> timings;
  std::vector<float> late;
  for (const Sent& one : *sent) {
    late.push_back(static_cast<float>(static_cast<double>(one.late_ns) * 1e-6));
    if (one.timing) {
      timings.push_back(*one.timing);
    } else {
      ++out.failed;
    }
  }
  out.ttft_ms = over(timings, &Timing::ttft_ms, run.random);
  out.decode_tok_s = over(timings, &Timing::decode_tok_s, run.random);
  out.late = delay_of(late);
  row.open_loop = out;
  return {};
}

}  // namespace assay::measure
