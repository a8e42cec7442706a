#include "record/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <ranges>
#include <string_view>

#include "record/record_json.h"

namespace assay::measure {
namespace {

constexpr double memory_tolerance_percent = 5;  // allocators and page counts differ from run to run

struct Figure {
  const char* metric;
  double (Timing::*value)() const;
  bool more_is_better;
};
constexpr std::array figures{Figure{"decode_tok_s", &Timing::decode_tok_s, true},
                             Figure{"prefill_tok_s", &Timing::prefill_tok_s, true},
                             Figure{"ttft_ms", &Timing::ttft_ms, false}};

// The same row of every record of a side; null where a record lacks it.
using Rows = std::vector<const Row*>;

std::string title(const Row& row) {
  return row.subject.engine + (row.subject.device == "cpu" ? "" : " " + row.subject.device) +
         (row.prompts == Prompts::cached ? ", cached" : "");
}

bool same_row(const Row& a, const Row& b) {
  return a.subject.engine == b.subject.engine && a.subject.device == b.subject.device &&
         a.subject.way == b.subject.way && a.prompts == b.prompts;
}

const Row* find_row(const Matrix& matrix, const Row& row) {
  const auto at = std::ranges::find_if(matrix.rows, [&](const Row& other) { return same_row(row, other); });
  return at == matrix.rows.end() ? nullptr : &*at;
}

Rows rows_of(std::span<const Matrix> side, const Row& row) {
  Rows out;
  for (const Matrix& matrix : side) out.push_back(find_row(matrix, row));
  return out;
}

std::vector<double> values_of(const Row& row, double (Timing::*value)() const) {
  std::vector<double> out;
  for (const Timing& timing : row.rounds) {
    if (const double x = (timing.*value)(); std::isfinite(x) && x > 0) out.push_back(x);
  }
  return out;
}

// Of one figure: a value per run, and the runs' rounds.
struct Side {
  std::vector<std::vector<double>> rounds;
  std::vector<double> runs;  // medians; or the only value that a run has

  std::size_t fewest() const {
    std::size_t out = rounds.empty() ? 0 : rounds.front().size();
    for (const auto& values : rounds) out = std::min(out, values.size());
    return out;
  }
  double middle() const {
    double logs = 0;
    for (const double x : runs) logs += std::log(x);
    return runs.empty() ? not_told : std::exp(logs / static_cast<double>(runs.size()));
  }
};

Side side_of(const Rows& rows, double (Timing::*value)() const) {
  Side out;
  for (const Row* row : rows) {
    out.rounds.push_back(values_of(*row, value));
    if (!out.rounds.back().empty()) out.runs.push_back(median(out.rounds.back()));
  }
  return out;
}

// Two sides of one row, all records of which have it.
struct Pair {
  Rows before;
  Rows after;
  double tolerance = 0;
  double coverage = 0;  // wanted of each interval

  const Row& first() const { return *before.front(); }
  bool single() const { return before.size() == 1; }
  bool all(auto&& test) const { return std::ranges::all_of(before, test) && std::ranges::all_of(after, test); }
};

bool refused(const Row* row) { return row->status == Row::Status::refused; }

std::string other_lengths(const Pair& pair) {
  const Row& first = pair.first();
  const bool same = pair.all([&](const Row* row) {
    return row->prompt_tokens == first.prompt_tokens && row->output_tokens == first.output_tokens;
  });
  return same ? "" : "requests of other lengths";
}

void judge(Change& change, const ChangeInterval& interval, double tolerance, bool more_is_better, bool single) {
  change.interval = interval;
  if (interval.low >= -tolerance && interval.high <= tolerance) {
    change.verdict = Change::Verdict::same;
    return;
  }
  if ((interval.low > 0 || interval.high < 0) && std::abs(interval.percent) > tolerance) {
    change.to_worse = (interval.percent > 0) != more_is_better;
    change.verdict = single            ? Change::Verdict::differs
                     : change.to_worse ? Change::Verdict::worse
                                       : Change::Verdict::better;
    return;
  }
  change.verdict = Change::Verdict::not_shown;
  change.visible = std::max(std::abs(interval.low), std::abs(interval.high));
}

Change compare_figure(const Pair& pair, const Figure& figure) {
  Change out{.row = title(pair.first()), .metric = figure.metric};
  const Side a = side_of(pair.before, figure.value);
  const Side b = side_of(pair.after, figure.value);
  out.before = a.middle();
  out.after = b.middle();
  out.rounds = pair.single() ? std::min(a.fewest(), b.fewest()) : std::min(a.runs.size(), b.runs.size());
  if (a.fewest() == 0 || b.fewest() == 0) {
    out.reason = a.runs.empty() && b.runs.empty() ? "not measured"
                 : a.runs.empty()                 ? "not measured before"
                 : b.runs.empty()                 ? "no longer measured"
                                                  : "not measured in every record";
    out.expected = !std::ranges::all_of(pair.before, refused);
    return out;
  }
  out.reason = other_lengths(pair);
  if (!out.reason.empty()) return out;
  const std::size_t fewest = std::min(a.fewest(), b.fewest());
  if (fewest < compare_rounds_min) {
    out.reason = std::to_string(fewest) + " rounds, " + std::to_string(compare_rounds_min) + " are needed";
    return out;
  }
  const ChangeInterval interval = pair.single() ? change_of_values(a.rounds.front(), b.rounds.front(), pair.coverage)
                                                : change_between_runs(a.runs, b.runs, pair.coverage);
  if (interval.coverage < pair.coverage) {
    out.interval = interval;
    out.reason = std::to_string(fewest) + " rounds are too few for so many rows";
    return out;
  }
  judge(out, interval, pair.tolerance, figure.more_is_better, pair.single());
  return out;
}

Change compare_memory(const Pair& pair) {
  Change out{.row = title(pair.first()), .metric = "memory_peak_bytes"};
  if (!pair.all([](const Row* row) { return row->memory.peak_bytes != 0; })) {
    out.reason = "not told";
    out.expected = !std::ranges::all_of(pair.before, refused);
    return out;
  }
  const auto side = [](const Rows& rows) {
    Side made;
    for (const Row* row : rows) made.runs.push_back(static_cast<double>(row->memory.peak_bytes));
    return made;
  };
  const Side a = side(pair.before);
  const Side b = side(pair.after);
  out.before = a.middle();
  out.after = b.middle();
  out.rounds = std::min(a.runs.size(), b.runs.size());
  out.reason = other_lengths(pair);
  if (!out.reason.empty()) return out;
  const double tolerance = std::max(pair.tolerance, memory_tolerance_percent);
  if (pair.single()) {
    const double percent = 100 * (out.after / out.before - 1);
    judge(out, {percent, percent, percent, 0}, tolerance, false, true);
  } else {
    judge(out, change_between_runs(a.runs, b.runs, pair.coverage), tolerance, false, false);
  }
  return out;
}

Change compare_parity(const Pair& pair) {
  Change out{.row = title(pair.first()), .metric = "parity"};
  if (!pair.all([](const Row* row) { return row->subject.parity.has_value(); })) {
    out.reason = "not measured";
    out.expected =
        !std::ranges::all_of(pair.before, refused) && !pair.all([](const Row* row) { return row->subject.text_only; });
    return out;
  }
  const auto worst = [](const Rows& rows) {
    double most = 0;
    for (const Row* row : rows) most = std::max(most, row->subject.parity->max_abs);
    return most;
  };
  const auto holds = [](const Row* row) { return row->subject.parity->holds(); };
  out.before = worst(pair.before);
  out.after = worst(pair.after);
  const bool held = std::ranges::all_of(pair.before, holds);
  const bool still = std::ranges::all_of(pair.after, holds);
  if (held != still) {
    out.verdict = still ? Change::Verdict::better : Change::Verdict::worse;
    out.to_worse = !still;
    return out;
  }
  out.reason = other_lengths(pair);  // what holds for a short text says nothing about a long one
  if (out.reason.empty()) out.verdict = Change::Verdict::same;
  return out;
}

std::string text_of(const Json& json) { return json.is_string() ? json.get<std::string>() : json.dump(); }

void add_differences(const std::string& path, const Json& a, const Json& b, std::vector<std::string>& out) {
  if (a == b) return;
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) add_differences(path + "." + key, value, b.value(key, Json()), out);
    return;
  }
  out.push_back(path + ": " + text_of(a) + ", " + text_of(b));
}

std::vector<std::string> row_differences(const Row& a, const Row& b) {
  std::vector<std::string> out;
  const auto add = [&](const char* field, const auto& x, const auto& y) {
    if (x != y) add_differences(title(a) + "." + field, Json(x), Json(y), out);
  };
  add("version", a.subject.version, b.subject.version);
  add("build", a.subject.build, b.subject.build);
  add("context", a.subject.context, b.subject.context);
  add("sequences", a.subject.sequences, b.subject.sequences);
  add("threads", a.subject.threads, b.subject.threads);
  add("batch", a.subject.batch, b.subject.batch);
  add("kv", a.subject.kv, b.subject.kv);
  add("activations", a.subject.activations, b.subject.activations);
  add("settings", a.subject.settings, b.subject.settings);
  add("prompt_tokens", a.prompt_tokens, b.prompt_tokens);
  add("output_tokens", a.output_tokens, b.output_tokens);
  add("noisy", noisy(a.noise).value_or(false), noisy(b.noise).value_or(false));
  return out;
}

// Of all records against the first: each difference once, with the records that have it where there are several.
std::vector<std::string> all_differences(std::span<const Matrix> before, std::span<const Matrix> after) {
  if (before.size() == 1) return differences(before.front(), after.front());
  std::map<std::string, std::string> where;
  std::vector<std::string> order;
  const auto add = [&](const Matrix& matrix, const std::string& name) {
    for (const std::string& line : differences(before.front(), matrix)) {
      std::string& records = where[line];
      if (records.empty()) order.push_back(line);
      records += (records.empty() ? "" : ", ") + name;
    }
  };
  for (std::size_t i = 1; i < before.size(); ++i) add(before[i], "first side, record " + std::to_string(i + 1));
  for (std::size_t i = 0; i < after.size(); ++i) add(after[i], "second side, record " + std::to_string(i + 1));
  std::vector<std::string> out;
  out.reserve(order.size() + 1);
  for (const std::string& line : order) out.push_back(line + "  (" + where[line] + ")");
  const auto started = [](const Matrix& matrix) { return matrix.started_unix_s; };
  const auto [a_first, a_last] = std::ranges::minmax(before | std::views::transform(started));
  const auto [b_first, b_last] = std::ranges::minmax(after | std::views::transform(started));
  if (a_last < b_first || b_last < a_first) {
    out.emplace_back(
        "all runs of one side came before those of the other: what changed on the machine in between is in every "
        "difference; take the sides in turn");
  }
  return out;
}

// A row that not every record has: what to say of it.
std::string lacking(const Row& row, const Rows& rows, const char* only) {
  const auto has = static_cast<std::size_t>(std::ranges::count_if(rows, [](const Row* r) { return r != nullptr; }));
  if (has == 0) return title(row) + ": " + only;
  return title(row) + ": in " + std::to_string(has) + " of " + std::to_string(rows.size()) + " records of one side";
}

bool complete(const Rows& rows) {
  return std::ranges::none_of(rows, [](const Row* row) { return row == nullptr; });
}

Result<void> check_sides(std::span<const Matrix> before, std::span<const Matrix> after) {
  const bool single = before.size() == 1 && after.size() == 1;
  if (single || std::min(before.size(), after.size()) >= records_for_a_claim) return {};
  return fail(Errc::bad_value, std::to_string(before.size()) + " and " + std::to_string(after.size()) +
                                   " records, expected one each, or at least " + std::to_string(records_for_a_claim) +
                                   " a side");
}

std::string sentence_of(const Change& change) {
  const std::string where = change.row + " " + change.metric + ": ";
  switch (change.verdict) {
    case Change::Verdict::unknown:
      return where + "unknown: " + change.reason;
    case Change::Verdict::not_shown:
      return where + "a change below " + std::to_string(std::lround(std::ceil(change.visible))) + " % cannot be seen";
    default:
      break;
  }
  if (!change.interval) return where + "no longer holds";
  const auto percent = static_cast<double>(std::lround(std::abs(change.interval->percent) * 10)) / 10;
  std::string amount = std::to_string(percent);
  amount.erase(amount.find('.') + 2);
  return where + amount + " % " + (change.interval->percent < 0 ? "lower" : "higher") +
         (change.verdict == Change::Verdict::differs ? " between these two runs" : "");
}

}  // namespace

const std::vector<std::string>& compared_metrics() {
  static const std::vector<std::string> names{"decode_tok_s", "prefill_tok_s", "ttft_ms", "memory_peak_bytes",
                                              "parity"};
  return names;
}

std::vector<std::string> differences(const Matrix& before, const Matrix& after) {
  std::vector<std::string> out;
  const Json a = to_json(before);
  const Json b = to_json(after);
  for (const char* part : {"machine", "artifact", "workload", "load", "contract", "unfinished"}) {
    add_differences(part, a.value(part, Json()), b.value(part, Json()), out);
  }
  // What the machine was like meanwhile is no condition: it is measured anew each time.
  constexpr std::array measured{"idle", "noise", "idle_watts", "energy_reason"};
  for (const auto& [key, value] : a["environment"].items()) {
    if (std::ranges::find(measured, key) != measured.end()) continue;
    add_differences("environment." + key, value, b["environment"].value(key, Json()), out);
  }
  for (const Row& row : before.rows) {
    if (const Row* other = find_row(after, row))
      std::ranges::move(row_differences(row, *other), std::back_inserter(out));
  }
  return out;
}

Result<RecordComparison> compare_records(std::span<const Matrix> before, std::span<const Matrix> after,
                                         double tolerance_percent) {
  ASSAY_TRY(check_sides(before, after));
  RecordComparison out;
  out.records = std::min(before.size(), after.size());
  out.differences = all_differences(before, after);
  std::vector<Pair> pairs;
  for (const Row& row : before.front().rows) {
    Pair pair{.before = rows_of(before, row), .after = rows_of(after, row), .tolerance = tolerance_percent};
    if (complete(pair.before) && complete(pair.after)) {
      pairs.push_back(std::move(pair));
    } else {
      out.missing.push_back(lacking(row, complete(pair.before) ? pair.after : pair.before, "only in the first"));
    }
  }
  for (const Row& row : after.front().rows) {
    const Rows others = rows_of(before, row);
    if (find_row(before.front(), row) == nullptr) out.added.push_back(lacking(row, others, "only in the second"));
  }
  const auto judged = static_cast<double>(std::ranges::count_if(pairs, [](const Pair& pair) {
    return pair.all([](const Row* row) { return !row->rounds.empty(); }) && other_lengths(pair).empty();
  }));
  for (Pair& pair : pairs) {
    pair.coverage = 1 - compare_alarms / std::max(1.0, 2 * judged);  // decode, and prefill with TTFT
    for (const Figure& figure : figures) {
      const bool cached = pair.first().prompts == Prompts::cached;
      if (cached && std::string_view(figure.metric) == "prefill_tok_s") continue;  // of one token: no figure
      out.changes.push_back(compare_figure(pair, figure));
    }
    out.changes.push_back(compare_memory(pair));
    out.changes.push_back(compare_parity(pair));
  }
  return out;
}

Result<void> check_metrics(const std::vector<std::string>& metrics) {
  for (const std::string& metric : metrics) {
    if (std::ranges::find(compared_metrics(), metric) != compared_metrics().end()) continue;
    std::string known;
    for (const std::string& one : compared_metrics()) known += (known.empty() ? "" : ", ") + one;
    return fail(Errc::bad_value, "metric \"" + metric + "\", expected some of " + known);
  }
  return {};
}

std::vector<std::string> gate_failures(const RecordComparison& comparison, const std::vector<std::string>& metrics,
                                       double see_percent) {
  std::vector<std::string> out;
  if (metrics.empty()) return out;
  for (const std::string& row : comparison.missing) out.push_back("row " + row);
  bool any = false;
  for (const Change& change : comparison.changes) {
    if (std::ranges::find(metrics, change.metric) == metrics.end()) continue;
    any = any || change.expected;
    const bool blind = see_percent > 0 && change.verdict == Change::Verdict::not_shown && change.visible > see_percent;
    const bool unknown = change.verdict == Change::Verdict::unknown && change.expected;
    if (change.to_worse || unknown || blind) out.push_back(sentence_of(change));
  }
  if (!any && out.empty()) out.emplace_back("no row of both records has any of these figures");
  return out;
}

}  // namespace assay::measure
