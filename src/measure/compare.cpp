#include "measure/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "measure/printed.h"
#include "measure/record_json.h"

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

std::string title(const Row& row) {
  return row.subject.engine + (row.subject.device == "cpu" ? "" : " " + row.subject.device) +
         (row.prompts == Prompts::cached ? ", cached" : "");
}

std::vector<double> values_of(const Row& row, double (Timing::*value)() const) {
  std::vector<double> out;
  for (const Timing& timing : row.rounds) {
    if (const double x = (timing.*value)(); std::isfinite(x)) out.push_back(x);
  }
  return out;
}

Change::Verdict verdict(double percent, bool more_is_better) {
  return (percent > 0) == more_is_better ? Change::Verdict::better : Change::Verdict::worse;
}

Change compare_figure(const Row& before, const Row& after, const Figure& figure, double tolerance) {
  Change out{.row = title(before), .metric = figure.metric, .percent = {not_told, not_told, not_told, 0, 0}};
  const std::vector<double> a = values_of(before, figure.value);
  const std::vector<double> b = values_of(after, figure.value);
  out.before = median(a);
  out.after = median(b);
  if (a.empty() || b.empty()) {
    out.reason = a.empty() && b.empty() ? "not measured" : a.empty() ? "not measured before" : "no longer measured";
    return out;
  }
  if (before.prompt_tokens != after.prompt_tokens || before.output_tokens != after.output_tokens) {
    out.reason = "requests of other lengths";
    return out;
  }
  const Estimate r = ratio(b, a);
  out.percent = {100 * (r.median - 1), 100 * (r.low - 1), 100 * (r.high - 1), r.n, r.coverage};
  if (r.n < compare_rounds_min) {
    out.reason = std::to_string(r.n) + " rounds, " + std::to_string(compare_rounds_min) + " are needed";
    return out;
  }
  const bool differs = excludes_zero(out.percent) && std::abs(out.percent.median) > tolerance;
  out.verdict = differs ? verdict(out.percent.median, figure.more_is_better) : Change::Verdict::same;
  return out;
}

Change compare_memory(const Row& before, const Row& after, double tolerance) {
  Change out{.row = title(before), .metric = "memory_peak_bytes", .percent = {not_told, not_told, not_told, 0, 0}};
  if (before.memory.peak_bytes == 0 || after.memory.peak_bytes == 0) {
    out.reason = "not told";
    return out;
  }
  out.before = static_cast<double>(before.memory.peak_bytes);
  out.after = static_cast<double>(after.memory.peak_bytes);
  const double percent = 100 * (out.after / out.before - 1);
  out.percent = {percent, percent, percent, 1, 0};
  const bool differs = std::abs(percent) > std::max(tolerance, memory_tolerance_percent);
  out.verdict = differs ? verdict(percent, false) : Change::Verdict::same;
  return out;
}

Change compare_parity(const Row& before, const Row& after) {
  Change out{.row = title(before), .metric = "parity", .percent = {not_told, not_told, not_told, 0, 0}};
  if (!before.subject.parity || !after.subject.parity) {
    out.reason = "not measured";
    return out;
  }
  const bool held = before.subject.parity->holds();
  const bool holds = after.subject.parity->holds();
  out.before = before.subject.parity->max_abs;
  out.after = after.subject.parity->max_abs;
  out.verdict = held == holds ? Change::Verdict::same : holds ? Change::Verdict::better : Change::Verdict::worse;
  return out;
}

const char* name(Change::Verdict verdict) {
  switch (verdict) {
    case Change::Verdict::same:
      return "same";
    case Change::Verdict::better:
      return "better";
    case Change::Verdict::worse:
      return "WORSE";
    case Change::Verdict::unknown:
      return "unknown";
  }
  return "unknown";
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

const Row* same_row(const Matrix& matrix, const Row& row) {
  const auto at = std::ranges::find_if(matrix.rows, [&](const Row& other) {
    return other.subject.engine == row.subject.engine && other.subject.device == row.subject.device &&
           other.prompts == row.prompts;
  });
  return at == matrix.rows.end() ? nullptr : &*at;
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
  for (const char* part : {"machine", "artifact", "workload", "load", "contract"}) {
    add_differences(part, a[part], b[part], out);
  }
  for (const char* part : {"assay_version", "assay_build", "accelerators", "governor"}) {
    add_differences(std::string("environment.") + part, a["environment"][part], b["environment"][part], out);
  }
  for (const Row& row : before.rows) {
    if (const Row* other = same_row(after, row))
      std::ranges::move(row_differences(row, *other), std::back_inserter(out));
  }
  return out;
}

RecordComparison compare_records(const Matrix& before, const Matrix& after, double tolerance_percent,
                                 Random& /*random*/) {
  RecordComparison out{.differences = differences(before, after), .changes = {}, .unmatched = {}};
  for (const Row& row : before.rows) {
    const Row* other = same_row(after, row);
    if (other == nullptr) {
      out.unmatched.push_back(title(row) + ": only in the first");
      continue;
    }
    for (const Figure& figure : figures) {
      out.changes.push_back(compare_figure(row, *other, figure, tolerance_percent));
    }
    out.changes.push_back(compare_memory(row, *other, tolerance_percent));
    out.changes.push_back(compare_parity(row, *other));
  }
  for (const Row& row : after.rows) {
    if (same_row(before, row) == nullptr) out.unmatched.push_back(title(row) + ": only in the second");
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

bool any_worse(const RecordComparison& comparison, const std::vector<std::string>& metrics) {
  return std::ranges::any_of(comparison.changes, [&](const Change& change) {
    // What was measured before and is no longer is worse than any figure.
    const bool bad = change.verdict == Change::Verdict::worse || change.reason == "no longer measured";
    return bad && std::ranges::find(metrics, change.metric) != metrics.end();
  });
}

Json to_json(const RecordComparison& comparison) {
  const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); };
  Json changes = Json::array();
  for (const Change& change : comparison.changes) {
    changes.push_back({{"row", change.row},
                       {"metric", change.metric},
                       {"before", number(change.before)},
                       {"after", number(change.after)},
                       {"percent", to_json(change.percent)},
                       {"verdict", change.verdict == Change::Verdict::worse ? "worse" : name(change.verdict)},
                       {"reason", change.reason.empty() ? Json(nullptr) : Json(change.reason)}});
  }
  return {{"differences", comparison.differences}, {"changes", changes}, {"unmatched", comparison.unmatched}};
}

std::string to_table(const RecordComparison& comparison) {
  std::string out;
  if (comparison.differences.empty()) out += "same machine, artifact, settings and versions\n";
  for (const std::string& difference : comparison.differences) out += "differs: " + difference + "\n";
  for (const std::string& row : comparison.unmatched) out += "row " + row + "\n";
  out += "\n";
  std::size_t width = 0;
  for (const Change& change : comparison.changes) width = std::max(width, change.row.size());
  for (const Change& change : comparison.changes) {
    const bool memory = change.metric == "memory_peak_bytes";
    const double unit = memory ? 1.0 / (1 << 20) : 1;
    std::string line = change.row + std::string(width - change.row.size() + 2, ' ');
    line += change.metric + std::string(19 - change.metric.size(), ' ');
    line += printed("%10.4g", change.before * unit) + " -> " + printed("%10.4g", change.after * unit) +
            (memory ? " MiB" : "    ");
    if (change.percent.n > 0) {
      line += printed("  %+6.1f %%", change.percent.median);
      if (change.percent.n > 1)
        line += printed(" [%+.1f, ", change.percent.low) + printed("%+.1f]", change.percent.high);
    }
    line += std::string("  ") + name(change.verdict) + (change.reason.empty() ? "" : ": " + change.reason);
    out += line + "\n";
  }
  return out;
}

}  // namespace assay::measure
