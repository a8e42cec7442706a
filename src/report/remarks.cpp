// What is to be said of single rows: refusals, noise, other lengths, notes. Equal remarks of several rows once.
#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/story.h"

namespace assay::measure::report {
namespace {

// Rounds far from the others by Tukey's fences (1.5 interquartile ranges beyond the quartiles); nothing with fewer than
// eight, whose quartiles are single values.
std::string outliers(const Row& row, std::string_view figure, std::string_view unit, double (*value)(const Timing&)) {
  constexpr std::size_t least = 8;
  constexpr std::size_t named_max = 3;
  std::vector<double> values;
  for (const Timing& timing : row.rounds) {
    if (std::isfinite(value(timing))) values.push_back(value(timing));
  }
  if (values.size() < least) return {};
  const double q1 = quantile(values, 0.25);
  const double q3 = quantile(values, 0.75);
  const double reach = 1.5 * (q3 - q1);
  std::vector<std::string> named;
  std::size_t count = 0;
  for (std::size_t i = 0; i < row.rounds.size(); ++i) {
    const double x = value(row.rounds[i]);
    if (!std::isfinite(x) || (x >= q1 - reach && x <= q3 + reach)) continue;
    if (count++ < named_max) named.push_back("round " + std::to_string(i + 1) + ": " + number(x));
  }
  if (count == 0) return {};
  std::string text;
  for (const std::string& one : named) text += (text.empty() ? "" : ", ") + one;
  return counted(count, "round") + " of " + std::to_string(values.size()) + (count == 1 ? " lies" : " lie") +
         " far from the others in " + std::string(figure) + " (" + text + (count > named_max ? ", …" : "") + " " +
         std::string(unit) + "); kept, since a median hardly moves with them";
}

// Gathers remarks; equal ones of several rows become one.
struct Gathered {
  struct Entry {
    Remark remark;
    std::vector<std::string> who;
  };
  std::vector<Entry> entries;

  void add(const std::string& who, Remark::Tone tone, std::string text, bool is_status = false) {
    for (Entry& entry : entries) {
      if (entry.remark.text == text && entry.remark.tone == tone) {
        entry.who.push_back(who);
        return;
      }
    }
    entries.push_back({{tone, {}, std::move(text), is_status}, {who}});
  }
};

void add_row_remarks(const Matrix& matrix, const Row& row, const std::string& label, Gathered& out) {
  using Tone = Remark::Tone;
  const Subject& subject = row.subject;
  if (row.status == Row::Status::refused) out.add(label, Tone::bad, "refused: " + clean(row.reason), true);
  if (row.status == Row::Status::failed) out.add(label, Tone::bad, "failed: " + clean(row.reason), true);
  if (subject.parity && !subject.parity->holds()) {
    out.add(label, Tone::bad, "parity fails " + clean(subject.parity->complaint()));
  }
  for (const std::string& reason : noise_reasons(row.noise)) out.add(label, Tone::warning, "noisy run: " + reason);
  if (row.memory.swap_known && row.memory.swap_out_bytes > 0) {
    out.add(label, Tone::warning,
            bytes(static_cast<double>(row.memory.swap_out_bytes)) + " were swapped out meanwhile (whole machine)");
  }
  if (row.memory.harness_bytes > 0) {
    out.add(label, Tone::plain,
            "its memory is counted without " + bytes(static_cast<double>(row.memory.harness_bytes)) +
                " of assay itself, in whose process it runs");
  }
  if (row.memory.swapped_bytes > 0) {
    out.add(label, Tone::warning,
            bytes(static_cast<double>(row.memory.swapped_bytes)) + " of it were out in swap at the end");
  }
  if (row.memory.swap_known && row.memory.load_swap_out_bytes > 0) {
    out.add(label, Tone::warning,
            bytes(static_cast<double>(row.memory.load_swap_out_bytes)) +
                " were swapped out while it was loaded (whole machine)");
  }
  for (const std::string& text :
       {outliers(row, "decode speed", "tok/s", [](const Timing& t) { return t.decode_tok_s(); }),
        outliers(row, "TTFT", "ms", [](const Timing& t) { return t.ttft_ms(); })}) {
    if (!text.empty()) out.add(label, Tone::plain, text);
  }
  if (!row.adapted.empty()) out.add(label, Tone::warning, "shorter requests: " + clean(row.adapted));
  if (subject.text_only) out.add(label, Tone::warning, "text only: token counts are estimates, no parity");
  if (!subject.parity && !subject.text_only && row.status == Row::Status::ok) {
    out.add(label, Tone::plain,
            "no parity" + (subject.parity_reason.empty() ? std::string() : ": " + clean(subject.parity_reason)));
  }
  for (std::size_t i = 0; i < subject.notes.size(); ++i) {
    if (i == list_max) {
      out.add(label, Tone::plain, counted(subject.notes.size() - i, "more note") + " in the record");
      break;
    }
    out.add(label, Tone::plain, clean(subject.notes[i]));
  }
  if (row.status == Row::Status::ok && row.rounds.empty() && row.decode_tok_s.n == 0) {
    out.add(label, Tone::warning, "no round after the cold one: there is no median");
  } else if (row.decode_tok_s.n == 1) {
    out.add(label, Tone::warning, "one round: no interval can be given");
  } else if (!row.prefill_reason.empty() && row.prompts == Prompts::fresh && row.status == Row::Status::ok) {
    out.add(label, Tone::plain, "no prefill speed: " + clean(row.prefill_reason));
  }
  if (!std::isfinite(row.energy.j_per_token) && row.status == Row::Status::ok) {
    const std::string& reason = row.energy.reason.empty() ? matrix.environment.energy_reason : row.energy.reason;
    out.add(label, Tone::plain, "energy n/a" + (reason.empty() ? std::string() : ": " + clean(reason)));
  }
  if (row.drift && !row.drift->reason.empty()) out.add(label, Tone::plain, "soak: " + clean(row.drift->reason));
}

}  // namespace

std::vector<Remark> remarks_of(const Matrix& matrix, const Naming& naming) {
  Gathered gathered;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    add_row_remarks(matrix, matrix.rows[i], naming.labels[i], gathered);
  }
  std::vector<Remark> out;
  for (auto& [remark, who] : gathered.entries) {
    remark.who = joined_labels(who);
    out.push_back(std::move(remark));
  }
  std::ranges::stable_sort(out, [](const Remark& a, const Remark& b) { return a.tone > b.tone; });
  if (out.size() > remarks_max) {
    const std::size_t more = out.size() - remarks_max;
    out.resize(remarks_max);
    out.push_back({Remark::Tone::plain, "the record", "holds " + counted(more, "more remark")});
  }
  if (matrix.rows.size() > naming.shown()) {
    out.push_back({Remark::Tone::warning, "the record",
                   "holds " + counted(matrix.rows.size() - naming.shown(), "more row") + " that are not shown"});
  }
  return out;
}

}  // namespace assay::measure::report
