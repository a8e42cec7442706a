// Two records side by side: what differs in what was measured, and which figures differ by more than their spread.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "measure/record.h"

namespace assay::measure {

struct Change {
  std::string row;     // "direct", "mlx cuda, cached"
  std::string metric;  // one of compared_metrics()
  double before = not_told;
  double after = not_told;
  Estimate percent;  // (after / before - 1) * 100 of the medians, with its 95 % bootstrap interval
  // better, worse: the interval excludes zero and the change is beyond the tolerance. unknown: too few rounds, or none.
  enum class Verdict : std::uint8_t { same, better, worse, unknown } verdict = Verdict::unknown;
  std::string reason{};  // why unknown
};

struct RecordComparison {
  std::vector<std::string> differences;  // of machine, artifact, settings and versions: "machine.chip: a, b"
  std::vector<Change> changes;           // rows of both, in the order of the first
  std::vector<std::string> unmatched;    // rows that only one has: "mlx: only in the first"
};

// With fewer requests than this on a side nothing is said: the interval of so few is too narrow (false alarms among equal
// runs: 33 % at 2, 11 % at 3; 3 to 4 % from 5 on, each of `compared_metrics`, simulated with normal noise).
inline constexpr std::size_t compare_rounds_min = 5;

// "decode_tok_s", "prefill_tok_s", "ttft_ms", "memory_peak_bytes", "parity".
const std::vector<std::string>& compared_metrics();

// Rows are the same when engine, device and prompts are. tolerance: percent that does not matter. memory_peak_bytes has
// one value a run and no interval: worse beyond the larger of the tolerance and 5 %. parity: worse when it held and no
// longer does.
RecordComparison compare_records(const Matrix& before, const Matrix& after, double tolerance_percent, Random& random);

// Errc::bad_value: none of compared_metrics().
Result<void> check_metrics(const std::vector<std::string>& metrics);
// Whether a change of one of `metrics` is worse.
bool any_worse(const RecordComparison& comparison, const std::vector<std::string>& metrics);

// Where two records were made under other conditions, "path: first, second", for a person.
std::vector<std::string> differences(const Matrix& before, const Matrix& after);

Json to_json(const RecordComparison& comparison);
std::string to_table(const RecordComparison& comparison);

}  // namespace assay::measure
