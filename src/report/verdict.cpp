// The headline and the sentences below it: what may be compared, and what may be said of it.
#include <algorithm>
#include <cmath>
#include <map>

#include "report/format.h"
#include "report/story.h"

namespace assay::measure::report {
namespace {

using Order = std::vector<std::size_t>;  // indices of rows, the fastest first

const Estimate& estimate_of(const Row& row, Figure figure) {
  return figure == Figure::decode ? row.decode_tok_s : row.prefill_tok_s;
}

double figure_of(const Timing& timing, Figure figure) {
  return figure == Figure::decode ? timing.decode_tok_s() : timing.prefill_tok_s();
}

bool is_noisy(const Row& row) { return noisy(row.noise).value_or(false); }

// Rows that a headline may compare: fresh prompts of one pair of lengths, and a figure. Those of the workload's lengths;
// where there are none, those of the lengths that most rows have, of equally many the longest.
Order contenders(const Matrix& matrix, const Naming& naming, Figure figure) {
  Order workload;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Order> others;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!usable(row) || estimate_of(row, figure).n == 0) continue;
    const Group group = group_of(matrix, row);
    if (group == Group::workload) workload.push_back(i);
    if (group == Group::other_lengths) others[{row.prompt_tokens, row.output_tokens}].push_back(i);
  }
  Order out = std::move(workload);
  if (out.empty()) {
    for (const auto& [lengths, rows] : others) {
      if (rows.size() >= out.size()) out = rows;
    }
  }
  std::ranges::stable_sort(out, [&](std::size_t a, std::size_t b) {
    return estimate_of(matrix.rows[a], figure).median > estimate_of(matrix.rows[b], figure).median;
  });
  return out;
}

bool tells_apart(const Estimate& e) { return is_interval(e) && (e.low > 1 || e.high < 1); }

// "1.48× llama.cpp and 28.3× mlx".
std::string ratios_text(const Matrix& matrix, const Naming& naming, const Order& order, Figure figure,
                        bool with_intervals) {
  std::vector<std::string> parts;
  constexpr std::size_t named_max = 4;
  for (std::size_t i = 1; i < order.size() && i <= named_max; ++i) {
    const Estimate e = ratio(matrix.rows[order[0]], matrix.rows[order[i]], figure, matrix.settings.seed);
    std::string text = multiple(e.median);
    if (with_intervals && e.n > 1) text += " " + interval(e);
    parts.push_back(text + " " + naming.labels[order[i]]);
  }
  return listed(parts);
}

// "direct 70.1 tok/s, llama.cpp 34.2 tok/s and mlx 2.08 tok/s": each for itself, nothing compared.
std::string speeds_text(const Matrix& matrix, const Naming& naming, const Order& order, Figure figure) {
  std::vector<std::string> parts;
  constexpr std::size_t named_max = 4;
  for (std::size_t i = 0; i < order.size() && i < named_max; ++i) {
    parts.push_back(naming.labels[order[i]] + " " + number(estimate_of(matrix.rows[order[i]], figure).median) +
                    " tok/s");
  }
  return listed(parts);
}

void add_limit(const Matrix& matrix, const Naming& naming, std::size_t best, Verdict& out) {
  const Row& row = matrix.rows[best];
  const double share = share_of_limit(row);
  if (!std::isfinite(share)) {
    if (!row.share_reason.empty())
      out.sentences.push_back("No share of a reading limit: " + clean(row.share_reason) + ".");
    return;
  }
  out.sentences.push_back(naming.labels[best] + " reaches " + percent(share) + " of the speed at which this " +
                          (row.subject.device == "cpu" ? "machine" : "GPU") + " can read what a token needs (" +
                          number(read_limit_tok_s(matrix, row)) + " tok/s).");
}

void add_prefill(const Matrix& matrix, const Naming& naming, Verdict& out) {
  const Order order = contenders(matrix, naming, Figure::prefill);
  if (order.empty()) return;
  const Row& best = matrix.rows[order[0]];
  std::string text = "Prompts: ";
  if (order.size() == 1) {
    text += naming.labels[order[0]] + " reads " + number(best.prefill_tok_s.median) + " tok/s";
  } else {
    const Estimate e = ratio(best, matrix.rows[order[1]], Figure::prefill, matrix.settings.seed);
    if (tells_apart(e)) {
      text += naming.labels[order[0]] + " reads " + number(best.prefill_tok_s.median) + " tok/s, " +
              ratios_text(matrix, naming, order, Figure::prefill, true);
    } else {
      text += speeds_text(matrix, naming, order, Figure::prefill);
      if (is_interval(e)) text += "; " + naming.labels[order[1]] + " is not to be told apart from the first";
    }
  }
  out.sentences.push_back(text + ".");
}

// What became of the rows that gave nothing: "llama.cpp failed", "metalrt was refused".
std::string unanswered(const Matrix& matrix, const Naming& naming) {
  std::vector<std::string> failed;
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (row.prompts != Prompts::fresh) continue;
    if (row.status == Row::Status::failed) failed.push_back(naming.labels[i]);
    if (row.status == Row::Status::refused) refused.push_back(naming.labels[i]);
  }
  std::string out;
  if (!failed.empty()) out = joined_labels(failed) + " failed";
  if (!refused.empty()) {
    out +=
        (out.empty() ? "" : ", ") + joined_labels(refused) + (refused.size() == 1 ? " was refused" : " were refused");
  }
  return out;
}

void add_parity(const Matrix& matrix, const Naming& naming, Verdict& out) {
  std::vector<std::string> outside;
  std::vector<std::string> without;
  std::vector<std::string> held;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!usable(row) || row.prompts != Prompts::fresh) continue;
    if (!row.subject.parity) {
      without.push_back(naming.labels[i]);
    } else {
      (row.subject.parity->holds() ? held : outside).push_back(naming.labels[i]);
    }
  }
  const std::string absent = unanswered(matrix, naming);
  if (!outside.empty()) {
    out.sentences.push_back("Parity fails for " + listed(outside) +
                            ": those logits are not within the bound, so that speed is not of the same model.");
  }
  if (!held.empty()) {
    const bool all = outside.empty() && without.empty();
    std::string text = all ? "Parity holds" : "Parity holds for " + joined_labels(held);
    text += ": the same weights gave the same logits within their bound";
    if (all && absent.empty() && held.size() > 1) text += " on every engine";
    if (all && !absent.empty()) text += " on the " + counted(held.size(), "engine") + " that answered; " + absent;
    out.sentences.push_back(text + ".");
  }
  if (!without.empty()) out.sentences.push_back("No parity for " + listed(without) + ".");
  if (!absent.empty() && (held.empty() || !outside.empty() || !without.empty())) out.sentences.push_back(absent + ".");
}

std::string headline_of(const Matrix& matrix, const Naming& naming, const Order& order, Verdict& out) {
  const Row& best = matrix.rows[order[0]];
  const std::string speed = number(best.decode_tok_s.median) + " tok/s";
  if (order.size() == 1) {
    const Estimate& e = best.decode_tok_s;
    std::string text = naming.labels[order[0]] + " decodes " + speed;
    if (e.n == 1) return text + ", in one round";
    if (is_interval(e)) return text + " " + interval(e);
    return text + ", " + number(e.low) + " to " + number(e.high) + " in " + counted(e.n, "round");
  }
  const Estimate e = ratio(best, matrix.rows[order[1]], Figure::decode, matrix.settings.seed);
  if (!is_interval(e)) {
    out.sentences.push_back("Fewer than " + std::to_string(interval_values_min) +
                            " rounds say nothing of which engine is faster: no two are compared.");
    return "Decode: " + speeds_text(matrix, naming, order, Figure::decode) + ", too few rounds to compare";
  }
  if (tells_apart(e)) {
    out.sentences.push_back(
        "Decode, by pairs of interleaved rounds: " + ratios_text(matrix, naming, order, Figure::decode, true) + ".");
    return naming.labels[order[0]] + " decodes fastest: " + speed + ", " +
           ratios_text(matrix, naming, order, Figure::decode, false);
  }
  out.sentences.push_back("Their ratio is " + multiple(e.median) + " " + interval(e) + ", which holds 1.");
  return naming.labels[order[0]] + " and " + naming.labels[order[1]] + " decode alike: " + speed + " and " +
         number(matrix.rows[order[1]].decode_tok_s.median) + " tok/s, not to be told apart";
}

}  // namespace

Estimate ratio(const Row& row, const Row& base, Figure figure, std::uint64_t /*seed*/) {
  const Estimate& a = estimate_of(row, figure);
  const Estimate& b = estimate_of(base, figure);
  if (a.n == 0 || b.n == 0 || !(b.median > 0)) return {not_told, not_told, not_told, 0, 0};
  if (row.prompt_tokens != base.prompt_tokens || row.output_tokens != base.output_tokens) {
    return {not_told, not_told, not_told, 0, 0};
  }
  std::vector<double> ratios;
  if (row.rounds.size() == base.rounds.size() && row.rounds.size() <= paired_rounds_max) {
    for (std::size_t i = 0; i < row.rounds.size(); ++i) {
      const double value = figure_of(row.rounds[i], figure) / figure_of(base.rounds[i], figure);
      if (std::isfinite(value)) ratios.push_back(value);
    }
  }
  if (ratios.size() < 2 || ratios.size() != row.rounds.size()) {
    const double value = a.median / b.median;
    return {value, value, value, 1, 0};
  }
  return estimate(ratios);
}

Verdict verdict_of(const Matrix& matrix, const Naming& naming) {
  Verdict out;
  const Order order = contenders(matrix, naming, Figure::decode);
  if (order.empty()) {
    out.headline = matrix.rows.empty() ? "Nothing was measured" : "No engine gave a figure here";
    const std::string absent = unanswered(matrix, naming);
    if (!absent.empty()) out.sentences.push_back(absent + ".");
    return out;
  }
  const Row& best = matrix.rows[order[0]];
  out.headline = headline_of(matrix, naming, order, out);
  if (best.subject.parity && !best.subject.parity->holds()) out.headline += ", but fails parity";
  if (best.subject.text_only) out.headline += ", by estimated token counts";
  if (group_of(matrix, best) == Group::other_lengths) {
    out.headline += ", with requests of other lengths than asked for (" + lengths_of(best) + ")";
  }
  std::vector<std::string> other_lengths;
  std::vector<std::string> noisy_rows;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (row.prompts != Prompts::fresh || !usable(row)) continue;
    if (is_noisy(row)) noisy_rows.push_back(naming.labels[i]);
    if (std::ranges::find(order, i) == order.end()) {
      other_lengths.push_back(naming.labels[i] + " (" + lengths_of(row) + ")");
    }
  }
  const std::size_t compared = std::min<std::size_t>(order.size(), 2);
  if (std::any_of(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(compared),
                  [&](std::size_t i) { return is_noisy(matrix.rows[i]); })) {
    out.headline += " (noisy)";
  }
  if (!other_lengths.empty()) {
    out.sentences.push_back("Not compared, because its requests had other lengths: " + joined_labels(other_lengths) +
                            ".");
  }
  add_limit(matrix, naming, order[0], out);
  add_prefill(matrix, naming, out);
  add_parity(matrix, naming, out);
  if (!noisy_rows.empty()) {
    out.sentences.push_back("The machine was not quiet during " + joined_labels(noisy_rows) + ".");
  }
  return out;
}

}  // namespace assay::measure::report
