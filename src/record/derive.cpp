// Figures that follow from a record's requests.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "record/printed.h"
#include "record/record.h"

namespace assay::measure {
namespace {

constexpr std::size_t open_loop_blocks = 12;  // neighbours overlap; so many blocks give an interval of 96.1 %
constexpr std::size_t open_loop_block = 4;    // requests at least
constexpr std::size_t p95_values_min = 20;

using Value = double (Timing::*)() const;

// A figure without its requests (of an earlier version) keeps its middle; what its ends meant is not known.
void forget_ends(Estimate& e) { e = {e.median, not_told, not_told, e.n, 0}; }

std::vector<double> values_of(std::span<const Timing> timings, Value value) {
  std::vector<double> out;
  out.reserve(timings.size());
  for (const Timing& timing : timings) out.push_back((timing.*value)());
  return out;
}

Estimate over(std::span<const Timing> timings, Value value) { return estimate(values_of(timings, value)); }

// Of how many steps TTFT is, by the request's own decode speed.
double steps_to_first(const Timing& timing) {
  return timing.ttft_ms() * 1e-3 * timing.decode_tok_s() / std::max(timing.first_tokens, 1U);
}

// Why these requests show no prefill speed; empty: they do.
std::string why_no_prefill(std::span<const Timing> timings) {
  if (timings.empty()) return "";
  if (std::ranges::all_of(timings, [](const Timing& t) { return std::isnan(t.prefill_tok_s()); })) {
    return "most of the prompt came from a cache";
  }
  std::vector<double> steps;
  for (const Timing& timing : timings) {
    if (const double x = steps_to_first(timing); !std::isnan(x)) steps.push_back(x);
  }
  if (steps.empty()) return "";
  // A prompt that costs something does so in every round; of many rounds one may have met something else.
  const double typical = steps.size() < interval_values_min ? std::ranges::min(steps) : median(steps);
  if (!(typical < prefill_steps_min)) return "";
  return printed("TTFT is no longer than %.2f decode steps: what the prompt cost cannot be told from it", typical);
}

void derive_prefill(std::span<const Timing> timings, bool cached, Estimate& estimate, std::string& reason) {
  reason = cached ? "the prompt came from a cache" : why_no_prefill(timings);
  estimate = reason.empty() ? over(timings, &Timing::prefill_tok_s) : Estimate{};
}

// 1 / slope of TTFT over the prompt's length, tokens per second, one for each round of the sweep.
Estimate marginal_prefill(const std::vector<ContextPoint>& points) {
  std::vector<const ContextPoint*> measured;
  std::size_t rounds = 0;
  for (const ContextPoint& point : points) {
    if (!point.reason.empty() || point.rounds.empty()) continue;
    rounds = measured.empty() ? point.rounds.size() : std::min(rounds, point.rounds.size());
    measured.push_back(&point);
  }
  std::vector<double> speeds;
  for (std::size_t round = 0; round < rounds && measured.size() >= 2; ++round) {
    double mean_x = 0;
    double mean_y = 0;
    for (const ContextPoint* point : measured) {
      mean_x += point->depth / static_cast<double>(measured.size());
      mean_y += point->rounds[round].ttft_ms() / static_cast<double>(measured.size());
    }
    double xx = 0;
    double xy = 0;
    for (const ContextPoint* point : measured) {
      xx += (point->depth - mean_x) * (point->depth - mean_x);
      xy += (point->depth - mean_x) * (point->rounds[round].ttft_ms() - mean_y);
    }
    speeds.push_back(xy > 0 ? 1e3 * xx / xy : not_told);
  }
  return estimate(speeds);
}

// The medians of whole rounds, `streams` requests each.
Estimate over_rounds(const StreamPoint& point, Value value) {
  std::vector<double> medians;
  for (std::size_t i = 0; i + point.streams <= point.rounds.size(); i += point.streams) {
    std::vector<double> values = values_of(std::span(point.rounds).subspan(i, point.streams), value);
    std::erase_if(values, [](double v) { return std::isnan(v); });
    medians.push_back(median(values));
  }
  return estimate(medians);
}

double total_speed(std::span<const Timing> timings) {
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

void derive_streams(StreamPoint& point) {
  if (point.rounds.empty()) {
    for (Estimate* e : {&point.total_tok_s, &point.decode_tok_s, &point.ttft_ms}) forget_ends(*e);
    return;
  }
  std::vector<double> totals;
  for (std::size_t i = 0; point.streams > 0 && i + point.streams <= point.rounds.size(); i += point.streams) {
    totals.push_back(total_speed(std::span(point.rounds).subspan(i, point.streams)));
  }
  point.total_tok_s = estimate(totals);
  point.decode_tok_s = point.streams == 0 ? Estimate{} : over_rounds(point, &Timing::decode_tok_s);
  point.ttft_ms = point.streams == 0 ? Estimate{} : over_rounds(point, &Timing::ttft_ms);
  const std::vector<double> ttft = values_of(point.rounds, &Timing::ttft_ms);
  point.ttft_ms_p99 = percentile99(ttft);
  point.ttft_ms_max = ttft.empty() ? not_told : std::ranges::max(ttft);
}

// Medians of blocks of neighbours: requests that overlap are one sample.
Estimate over_blocks(std::span<const Timing> timings, Value value) {
  const std::size_t blocks = std::min(open_loop_blocks, timings.size() / open_loop_block);
  std::vector<double> medians;
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::size_t begin = i * timings.size() / blocks;
    const std::size_t end = (i + 1) * timings.size() / blocks;
    std::vector<double> values = values_of(timings.subspan(begin, end - begin), value);
    std::erase_if(values, [](double v) { return std::isnan(v); });
    medians.push_back(median(values));
  }
  return estimate(medians);
}

void derive_open_loop(OpenLoop& open) {
  if (open.requests.empty()) return;  // as in a record of version 1
  open.ttft_ms = over_blocks(open.requests, &Timing::ttft_ms);
  open.decode_tok_s = over_blocks(open.requests, &Timing::decode_tok_s);
  const std::vector<double> ttft = values_of(open.requests, &Timing::ttft_ms);
  open.ttft_ms_p95 = ttft.size() < p95_values_min ? not_told : quantile(ttft, 0.95);
  open.ttft_ms_p99 = percentile99(ttft);
  open.ttft_ms_max = std::ranges::max(ttft);
}

// The read ceiling of each round, NaN where none was taken; round 1 first.
std::vector<double> ceilings_of_rounds(const Matrix& matrix, const Row& row, std::uint32_t depth) {
  std::vector<double> out;
  for (const CeilingRound& one : matrix.ceiling_rounds) {
    if (one.round == 0 || one.depth != depth) continue;
    if (out.size() < one.round) out.resize(one.round, not_told);
    out[one.round - 1] = read_ceiling(row, one.ceilings);
  }
  return out;
}

bool fits_the_caches(const Row& row, const Matrix& matrix) {
  const bool on_cpu = row.subject.device == "cpu";
  const std::uint64_t caches =
      on_cpu ? std::max(matrix.machine.cache_bytes, matrix.machine.caches_bytes) : matrix.ceilings.device_cache_bytes;
  return caches > 0 && matrix.artifact.bytes_per_token < caches;
}

std::string why_no_share(const Row& row, const Matrix& matrix, std::uint64_t kv_bytes) {
  if (row.rounds.empty()) return "nothing was measured";
  if (fits_the_caches(row, matrix)) return "the weights fit the caches: reading memory does not bound them";
  if (matrix.artifact.bytes_per_token == 0) return "the weights' bytes are not known";
  if (kv_bytes == 0) return "the bytes of keys and values are not known";
  const std::vector<double> ceilings = ceilings_of_rounds(matrix, row, 0);
  if (std::ranges::none_of(ceilings, [](double c) { return c > 0; })) {
    return "no read ceiling of its device was measured in the rounds";
  }
  return "";
}

// Round by round, so that both met the same machine.
Estimate share_of(std::span<const Timing> rounds, std::span<const double> ceilings, double bytes_per_token) {
  std::vector<double> shares;
  for (std::size_t i = 0; i < std::min(rounds.size(), ceilings.size()); ++i) {
    shares.push_back(ceilings[i] > 0 ? rounds[i].decode_tok_s() * bytes_per_token / (ceilings[i] * 1e9) : not_told);
  }
  return estimate(shares);
}

void derive_shares(Row& row, const Matrix& matrix) {
  const auto weights = static_cast<double>(matrix.artifact.bytes_per_token);
  row.share_reason = why_no_share(row, matrix, row.kv_bytes_per_token);
  row.share_of_limit = {};
  if (row.share_reason.empty()) {
    row.share_of_limit =
        share_of(row.rounds, ceilings_of_rounds(matrix, row, 0), weights + static_cast<double>(row.kv_bytes_per_token));
  }
  for (ContextPoint& point : row.context_sweep) {
    point.share_of_limit = {};
    if (!row.share_reason.empty() || point.kv_bytes_per_token == 0) continue;
    point.share_of_limit = share_of(point.rounds, ceilings_of_rounds(matrix, row, point.depth),
                                    weights + static_cast<double>(point.kv_bytes_per_token));
  }
}

std::vector<double> speeds_between(const std::vector<DriftPoint>& points, double from_s, double to_s) {
  std::vector<double> out;
  for (const DriftPoint& point : points) {
    if (point.at_s > from_s && point.at_s <= to_s && !std::isnan(point.decode_tok_s)) out.push_back(point.decode_tok_s);
  }
  return out;
}

double mean_of(const std::vector<DriftPoint>& points, double DriftPoint::* value) {
  double sum = 0;
  std::size_t count = 0;
  for (const DriftPoint& point : points) {
    if (std::isnan(point.*value)) continue;
    sum += point.*value;
    ++count;
  }
  return count == 0 ? not_told : sum / static_cast<double>(count);
}

std::string why_no_slope(const Drift& drift) {
  if (drift.seconds < drift_seconds_min) {
    return printed("%.0f s are too short for a slope: ", drift.seconds) +
           printed("%.0f s are needed", drift_seconds_min);
  }
  const Noise noise{.others_cpu_cores = mean_of(drift.points, &DriftPoint::others_cpu_cores),
                    .memory_stall = mean_of(drift.points, &DriftPoint::memory_stall)};
  const std::vector<std::string> reasons = noise_reasons(noise);
  return reasons.empty() ? "" : "no slope: " + reasons.front();
}

void derive_drift(Drift& drift) {
  const std::vector<double> first = speeds_between(drift.points, 0, drift.seconds / 10);
  const std::vector<double> last = speeds_between(drift.points, drift.seconds * 9 / 10, drift.seconds);
  drift.first_tenth_tok_s = median(first);
  drift.last_tenth_tok_s = median(last);
  drift.ratio = drift.slope_percent_per_minute = {};
  std::string reason = why_no_slope(drift);
  if (std::min(first.size(), last.size()) < 2) {
    reason = "only " + std::to_string(drift.requests) + " requests fitted: a longer soak is needed";
  } else {
    drift.ratio = {drift.last_tenth_tok_s / drift.first_tenth_tok_s, not_told, not_told, 1, 0};
  }
  if (reason.empty()) {
    // The points of slope(): blocks of the first half, then their counterparts, those left out where one has no request.
    std::vector<double> minutes[2];
    std::vector<double> percent[2];
    constexpr std::uint32_t half_blocks = drift_blocks / 2;
    const double block_s = drift.seconds / drift_blocks;
    for (std::uint32_t i = 0; i < half_blocks; ++i) {
      double speeds[2];
      for (std::uint32_t half = 0; half < 2; ++half) {
        const double begin = block_s * static_cast<double>(i + half * half_blocks);
        speeds[half] = 100 * median(speeds_between(drift.points, begin, begin + block_s)) / drift.first_tenth_tok_s;
      }
      if (std::isnan(speeds[0]) || std::isnan(speeds[1])) continue;
      for (std::uint32_t half = 0; half < 2; ++half) {
        minutes[half].push_back(block_s * (static_cast<double>(i + half * half_blocks) + 0.5) / 60);
        percent[half].push_back(speeds[half]);
      }
    }
    for (const double x : minutes[1]) minutes[0].push_back(x);
    for (const double y : percent[1]) percent[0].push_back(y);
    const Estimate slope = measure::slope(minutes[0], percent[0]);
    if (is_interval(slope)) {
      drift.slope_percent_per_minute = slope;
    } else {
      reason = "too few requests for a slope: a longer soak is needed";
    }
  }
  if (drift.reason.empty()) drift.reason = reason;
}

void derive_rounds(Row& row) {
  if (row.rounds.empty()) {
    for (Estimate* e : {&row.ttft_ms, &row.decode_tok_s}) forget_ends(*e);
    row.prefill_tok_s = {};
    return;
  }
  row.ttft_ms = over(row.rounds, &Timing::ttft_ms);
  row.decode_tok_s = over(row.rounds, &Timing::decode_tok_s);
  row.total_ms = over(row.rounds, &Timing::total_ms);
  std::vector<double> gaps;
  gaps.reserve(row.rounds.size());
  for (const Timing& timing : row.rounds) gaps.push_back(timing.gap_p50_ms);
  row.gap_ms = estimate(gaps);
  derive_prefill(row.rounds, row.prompts == Prompts::cached, row.prefill_tok_s, row.prefill_reason);
}

void derive_way(Way& way, bool cached) {
  if (way.rounds.empty()) return;
  std::string reason;
  way.ttft_ms = over(way.rounds, &Timing::ttft_ms);
  derive_prefill(way.rounds, cached, way.prefill_tok_s, reason);
  way.decode_tok_s = over(way.rounds, &Timing::decode_tok_s);
}

void derive(Row& row, const Matrix& matrix) {
  derive_rounds(row);
  for (Way& way : row.ways) derive_way(way, row.prompts == Prompts::cached);
  for (ContextPoint& point : row.context_sweep) {
    std::string reason;
    if (point.rounds.empty()) {
      for (Estimate* e : {&point.ttft_ms, &point.decode_tok_s}) forget_ends(*e);
      point.prefill_tok_s = {};
      if (point.ttft_ms.n > 0) {
        const double speed = point.depth / (point.ttft_ms.median * 1e-3);
        point.prefill_tok_s = {speed, not_told, not_told, point.ttft_ms.n, 0};
      }
      continue;
    }
    point.ttft_ms = over(point.rounds, &Timing::ttft_ms);
    point.decode_tok_s = over(point.rounds, &Timing::decode_tok_s);
    derive_prefill(point.rounds, false, point.prefill_tok_s, reason);
  }
  row.marginal_prefill_tok_s = marginal_prefill(row.context_sweep);
  derive_shares(row, matrix);
  for (StreamPoint& point : row.stream_sweep) derive_streams(point);
  if (row.open_loop) derive_open_loop(*row.open_loop);
  if (row.drift) derive_drift(*row.drift);
}

}  // namespace

Ceilings best_ceilings(const std::vector<CeilingRound>& rounds) {
  Ceilings out;
  for (const CeilingRound& one : rounds) {
    const Ceilings& c = one.ceilings;
    out.device_cache_bytes = c.device_cache_bytes;
    if (c.read_gb_s > out.read_gb_s) {
      out.read_gb_s = c.read_gb_s;
      out.read_pattern = c.read_pattern;
      out.cores_missing = c.cores_missing;
    }
    if (c.int8_gmac_s > out.int8_gmac_s) {
      out.int8_gmac_s = c.int8_gmac_s;
      out.int8_path = c.int8_path;
    }
    if (std::isnan(out.device_gb_s) || c.device_gb_s > out.device_gb_s) {
      out.device_gb_s = c.device_gb_s;
      out.device_pattern = c.device_pattern;
    }
  }
  return out;
}

void derive(Matrix& matrix) {
  for (Row& row : matrix.rows) derive(row, matrix);
}

}  // namespace assay::measure
