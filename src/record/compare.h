// Records side by side: what differs in what was measured, which figures differ, and how small a difference could have
// been seen.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "record/compare_interval.h"
#include "record/record.h"

namespace assay::measure {

// One record a side says whether these two runs differ; what moves a whole run (another process, the clock, where code and
// data lie) is in the interval of no two runs, and real machines have it. A claim about what was changed between the
// sides needs several runs of each.
inline constexpr std::size_t records_for_a_claim = 3;
// Of rounds with fewer nothing is said.
inline constexpr std::size_t compare_rounds_min = 6;
// All intervals of a comparison together: of 100 comparisons of equal runs at most 5 call any figure different. So each of
// m intervals covers 1 - 0.05 / m (Bonferroni). Prefill speed and TTFT are one figure, since one is made of the other.
inline constexpr double compare_alarms = 0.05;

struct Change {
  std::string row;           // "direct", "mlx cuda, cached"
  std::string metric;        // one of compared_metrics()
  double before = not_told;  // median over rounds; with several records: geometric mean of their medians
  double after = not_told;
  std::optional<ChangeInterval> interval{};  // none: nothing to compare
  std::size_t rounds = 0;                    // of the side with fewer of them; records where there are several
  enum class Verdict : std::uint8_t {
    same,       // the whole interval lies within the tolerance
    not_shown,  // it holds zero, or reaches into the tolerance: a change below `visible` cannot be seen
    differs,    // between these two runs: zero is outside of it and the change beyond the tolerance
    better,     // between runs, with several records a side; and of parity, which is a fact
    worse,
    unknown,  // nothing is judged, see reason
  } verdict = Verdict::unknown;
  bool to_worse = false;  // differs and worse: in the direction that is worse
  double visible = 0;     // not_shown: percent; larger changes would have been seen
  std::string reason{};   // why unknown
  bool expected = true;   // not: nobody could measure it in either record (a refused engine, parity of text)
};

struct RecordComparison {
  std::size_t records = 0;               // a side, of the one with fewer
  std::vector<std::string> differences;  // of machine, artifact, settings and versions: "machine.chip: a, b"
  std::vector<Change> changes;           // rows of both sides, in the order of the first
  std::vector<std::string> missing;      // rows that the second side lacks: "mlx: only in the first"
  std::vector<std::string> added;        // rows that the first lacks
};

// "decode_tok_s", "prefill_tok_s", "ttft_ms", "memory_peak_bytes", "parity".
const std::vector<std::string>& compared_metrics();

// Rows are the same when engine, device and prompts are. Rows with requests of other lengths are not judged. tolerance:
// percent that do not matter. memory_peak_bytes has one value a run: with one record a side it differs beyond the larger
// of the tolerance and 5 %. parity: worse when it held and no longer does in every record. names: of the records, for
// what differs within a side; as many as records. Errc::bad_value: an empty side, or one of more than one and fewer than
// records_for_a_claim records.
Result<RecordComparison> compare_records(std::span<const Matrix> before, std::span<const Matrix> after,
                                         double tolerance_percent);

// Errc::bad_value: none of compared_metrics().
Result<void> check_metrics(const std::vector<std::string>& metrics);

// Why a gate over `metrics` does not hold, a sentence each: worse, differs to the worse, unknown, or a row that is gone.
// see_percent above 0: also where a change of so many percent could not have been seen.
std::vector<std::string> gate_failures(const RecordComparison& comparison, const std::vector<std::string>& metrics,
                                       double see_percent = 0);

// Where records were made under other conditions, "path: first, second", for a person.
std::vector<std::string> differences(const Matrix& before, const Matrix& after);

Json to_json(const RecordComparison& comparison);
std::string to_table(const RecordComparison& comparison, double tolerance_percent);

}  // namespace assay::measure
