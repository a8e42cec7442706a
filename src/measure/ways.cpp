#include "measure/ways.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "measure/lane.h"
#include "record/printed.h"
#include "record/statistics.h"

namespace assay::measure {
namespace {

double median_of(const Row& row, double (Timing::*value)() const) {
  std::vector<double> values;
  for (const Timing& timing : row.rounds) {
    if (const double x = (timing.*value)(); std::isfinite(x)) values.push_back(x);
  }
  return values.empty() ? not_told : median(values);
}

bool can_win(const Row& row) {
  return row.status == Row::Status::ok && (!row.subject.parity || row.subject.parity->holds());
}

// The index of the smallest cost among those that can win, else among all; 0 where nobody has any.
template <class Cost>
std::size_t cheapest(std::span<const Row> rows, Cost cost) {
  for (const bool all : {false, true}) {
    std::size_t best = rows.size();
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double met = cost(rows[i]);
      if ((all || can_win(rows[i])) && met < least) {
        least = met;
        best = i;
      }
    }
    if (best < rows.size()) return best;
  }
  return 0;
}

bool same_lengths(std::span<const Row> rows) {
  return std::ranges::all_of(rows, [&](const Row& row) {
    return row.prompt_tokens == rows[0].prompt_tokens && row.output_tokens == rows[0].output_tokens;
  });
}

Way describe(const Row& row) {
  Way out;
  out.name = row.subject.way;
  out.settings = row.subject.settings;
  out.reason = row.reason;
  out.rounds = row.rounds;
  out.memory_peak_bytes = row.memory.peak_bytes;
  return out;
}

// "flash attention on: prefill 310, decode 66.2 tok/s; off: ...".
std::string words(std::span<const Row> rows, const BestWays& best) {
  std::string out = "measured in " + std::to_string(rows.size()) + " ways in the same rounds, prefill by " +
                    rows[best.prefill].subject.way + ", decode by " + rows[best.decode].subject.way;
  for (const Row& row : rows) {
    out += "; " + row.subject.way + ": ";
    if (!row.reason.empty()) {
      out += row.reason;
      continue;
    }
    out += printed("prefill %.4g", median_of(row, &Timing::prefill_tok_s)) +
           printed(", decode %.4g tok/s", median_of(row, &Timing::decode_tok_s));
  }
  return out;
}

// Is the row another way of the engine whose row stands before it?
bool is_another_way(const Row& before, const Row& row) {
  return !before.subject.way.empty() && !row.subject.way.empty() && before.subject.way != row.subject.way &&
         before.subject.engine == row.subject.engine && before.subject.version == row.subject.version &&
         before.subject.device == row.subject.device;
}

}  // namespace

std::vector<Lane> best_lanes(const std::vector<Lane>& lanes, const std::vector<Row>& rows) {
  std::vector<Lane> out;
  for (std::size_t begin = 0; begin < lanes.size();) {
    std::size_t end = begin + 1;
    while (end < lanes.size() && is_another_way(rows[lanes[end - 1].row], rows[lanes[end].row])) ++end;
    std::vector<Row> ways;
    for (std::size_t i = begin; i < end; ++i) ways.push_back(rows[lanes[i].row]);
    out.push_back(lanes[begin + best_ways(ways).decode]);
    begin = end;
  }
  return out;
}

void join_ways(Matrix& matrix) {
  std::vector<Row> joined;
  std::vector<std::size_t> place(matrix.rows.size());  // of each row in `joined`
  std::vector<bool> taken(matrix.rows.size(), false);
  for (std::size_t first = 0; first < matrix.rows.size(); ++first) {
    if (taken[first]) continue;
    std::vector<Row> ways;
    for (std::size_t r = first; r < matrix.rows.size(); ++r) {
      const bool same_kind = matrix.rows[r].prompts == matrix.rows[first].prompts;
      if (r != first && (taken[r] || !same_kind || !is_another_way(matrix.rows[first], matrix.rows[r]))) continue;
      taken[r] = true;
      place[r] = joined.size();
      ways.push_back(matrix.rows[r]);
    }
    joined.push_back(ways.size() == 1 ? std::move(ways.front()) : join_ways(ways));
  }
  for (SoakTurn& turn : matrix.soak_turns) turn.row = static_cast<decltype(turn.row)>(place[turn.row]);
  matrix.rows = std::move(joined);
}

BestWays best_ways(std::span<const Row> rows) {
  BestWays out;
  out.decode = cheapest(rows, [](const Row& row) { return -median_of(row, &Timing::decode_tok_s); });
  out.prefill = out.decode;
  if (same_lengths(rows)) out.prefill = cheapest(rows, [](const Row& row) { return median_of(row, &Timing::ttft_ms); });
  return out;
}

Row join_ways(std::span<const Row> rows) {
  const BestWays best = best_ways(rows);
  Row out = rows[best.decode];
  const Row& prompt = rows[best.prefill];
  if (best.prefill != best.decode) {
    const std::size_t count = std::min(out.rounds.size(), prompt.rounds.size());
    out.rounds.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      Timing& round = out.rounds[i];
      const Timing& quick = prompt.rounds[i];
      round.sent_ns = round.first_ns - (quick.first_ns - quick.sent_ns);
      round.prompt_tokens = quick.prompt_tokens;
      round.cached_tokens = quick.cached_tokens;
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out.ways.push_back(describe(rows[i]));
    out.ways.back().gives_prefill = i == best.prefill;
    out.ways.back().gives_decode = i == best.decode;
  }
  out.subject.notes.push_back(words(rows, best));
  out.subject.way.clear();
  return out;
}

}  // namespace assay::measure
