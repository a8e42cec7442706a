// A comparison as JSON and as the table that people read.
#include <algorithm>
#include <cmath>

#include "record/compare.h"
#include "record/printed.h"

namespace assay::measure {
namespace {

const char* name(Change::Verdict verdict) {
  switch (verdict) {
    case Change::Verdict::same:
      return "same";
    case Change::Verdict::not_shown:
      return "not_shown";
    case Change::Verdict::differs:
      return "differs";
    case Change::Verdict::better:
      return "better";
    case Change::Verdict::worse:
      return "worse";
    case Change::Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string percent_text(double percent) { return printed(std::abs(percent) < 10 ? "%.1f %%" : "%.0f %%", percent); }

std::string words(const Change& change, double tolerance) {
  switch (change.verdict) {
    case Change::Verdict::same:
      return "same";
    case Change::Verdict::not_shown:
      return (tolerance > 0 ? "no difference beyond " + percent_text(tolerance) + " shown" : "no difference shown") +
             ("; nothing below " + percent_text(change.visible) + " can be seen");
    case Change::Verdict::differs:
      return "differs between these two runs";
    case Change::Verdict::better:
      return change.metric == "parity" ? "holds now" : "better";
    case Change::Verdict::worse:
      return change.metric == "parity" ? "WORSE: no longer holds" : "WORSE";
    case Change::Verdict::unknown:
      return "unknown: " + change.reason;
  }
  return "unknown";
}

Json or_null(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

Json interval_json(const Change& change) {
  if (!change.interval) return nullptr;
  return {{"median", or_null(change.interval->percent)},
          {"low", or_null(change.interval->low)},
          {"high", or_null(change.interval->high)},
          {"coverage", or_null(change.interval->coverage)},
          {"n", change.rounds}};
}

}  // namespace

Json to_json(const RecordComparison& comparison) {
  Json changes = Json::array();
  for (const Change& change : comparison.changes) {
    const bool shown = change.verdict == Change::Verdict::not_shown;
    changes.push_back({{"row", change.row},
                       {"metric", change.metric},
                       {"before", or_null(change.before)},
                       {"after", or_null(change.after)},
                       {"percent", interval_json(change)},
                       {"verdict", name(change.verdict)},
                       {"to_worse", change.to_worse},
                       {"visible_percent", shown ? Json(change.visible) : Json(nullptr)},
                       {"reason", change.reason.empty() ? Json(nullptr) : Json(change.reason)}});
  }
  Json unmatched = comparison.missing;
  for (const std::string& row : comparison.added) unmatched.push_back(row);
  return {{"records", comparison.records},
          {"differences", comparison.differences},
          {"changes", changes},
          {"unmatched", unmatched}};
}

std::string to_table(const RecordComparison& comparison, double tolerance_percent) {
  std::string out;
  if (comparison.differences.empty()) out += "same machine, artifact, settings and versions\n";
  for (const std::string& difference : comparison.differences) out += "differs: " + difference + "\n";
  for (const std::string& row : comparison.missing) out += "row " + row + "\n";
  for (const std::string& row : comparison.added) out += "row " + row + "\n";
  out += "\n";
  std::size_t width = 0;
  for (const Change& change : comparison.changes) width = std::max(width, change.row.size());
  double least = 1;
  bool differs = false;
  for (const Change& change : comparison.changes) {
    const bool memory = change.metric == "memory_peak_bytes";
    const double unit = memory ? 1.0 / (1 << 20) : 1;
    std::string line = change.row + std::string(width - change.row.size() + 2, ' ');
    line += change.metric + std::string(19 - change.metric.size(), ' ');
    line += printed("%10.4g", change.before * unit) + " -> " + printed("%10.4g", change.after * unit) +
            (memory ? " MiB" : "    ");
    if (change.interval) {
      line += printed("  %+6.1f %%", change.interval->percent);
      if (change.interval->coverage > 0) {
        line += printed(" [%+.1f, ", change.interval->low) + printed("%+.1f]", change.interval->high);
        least = std::min(least, change.interval->coverage);
      }
    }
    out += line + "  " + words(change, tolerance_percent) + "\n";
    differs = differs || change.verdict == Change::Verdict::differs;
  }
  if (least < 1) {
    out += "\n[ ]: intervals of " + printed("%.1f %%", 100 * least) +
           ", so that of 100 comparisons of equal runs at most 5 call any figure different\n";
  }
  if (differs) {
    out += "Two runs cannot tell what was changed from what moves every run: give " +
           std::to_string(records_for_a_claim) + " records a side, A1,A2,A3 B1,B2,B3.\n";
  }
  return out;
}

}  // namespace assay::measure
