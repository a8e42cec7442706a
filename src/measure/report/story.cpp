#include "measure/report/story.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "measure/report/format.h"
#include "measure/report/svg.h"

namespace assay::measure::report {
namespace {

bool usable(const Row& row) { return row.status == Row::Status::ok && row.decode_tok_s.n > 0; }

const Estimate& estimate_of(const Row& row, Figure figure) {
  return figure == Figure::decode ? row.decode_tok_s : row.prefill_tok_s;
}

double figure_of(const Timing& timing, Figure figure) {
  return figure == Figure::decode ? timing.decode_tok_s() : timing.prefill_tok_s();
}

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += i == 0 ? "" : i + 1 == items.size() ? " and " : ", ";
    out += items[i];
  }
  return out;
}

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

// Rows that a headline may compare: fresh prompts, and a figure.
std::vector<std::size_t> contenders(const Matrix& matrix, const Naming& naming, Figure figure) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (usable(row) && row.prompts == Prompts::fresh && estimate_of(row, figure).n > 0) out.push_back(i);
  }
  std::ranges::stable_sort(out, [&](std::size_t a, std::size_t b) {
    return estimate_of(matrix.rows[a], figure).median > estimate_of(matrix.rows[b], figure).median;
  });
  return out;
}

bool tells_apart(const Estimate& e) { return e.n > 1 && (e.low > 1 || e.high < 1); }

// "1.48× llama.cpp and 28.3× mlx".
std::string ratios_text(const Matrix& matrix, const Naming& naming, const std::vector<std::size_t>& order,
                        Figure figure, bool with_intervals) {
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

void add_limit(const Matrix& matrix, const Naming& naming, std::size_t best, Verdict& out) {
  const Row& row = matrix.rows[best];
  const double share = share_of_limit(row, matrix.artifact, matrix.ceilings);
  if (!std::isfinite(share) || !read_limit_applies(row)) return;
  const bool on_cpu = row.subject.device == "cpu";
  if (on_cpu && weights_fit_cache(matrix)) {
    out.sentences.push_back("The weights fit into a cache of this machine, so reading memory does not bound them.");
    return;
  }
  out.sentences.push_back(naming.labels[best] + " reaches " + percent(share) + " of the speed at which this " +
                          (on_cpu ? "machine" : "GPU") + " can read the weights (" +
                          number(read_limit_tok_s(matrix, row)) + " tok/s).");
}

void add_prefill(const Matrix& matrix, const Naming& naming, Verdict& out) {
  const auto order = contenders(matrix, naming, Figure::prefill);
  if (order.empty()) return;
  const Row& best = matrix.rows[order[0]];
  std::string text = "Prompts: " + naming.labels[order[0]] + " reads " + number(best.prefill_tok_s.median) + " tok/s";
  if (order.size() > 1) {
    const Estimate e = ratio(best, matrix.rows[order[1]], Figure::prefill, matrix.settings.seed);
    text += tells_apart(e) || e.n < 2 ? ", " + ratios_text(matrix, naming, order, Figure::prefill, true)
                                      : ", not to be told apart from " + naming.labels[order[1]];
  }
  out.sentences.push_back(text + ".");
}

void add_parity(const Matrix& matrix, const Naming& naming, Verdict& out) {
  std::vector<std::string> outside;
  std::vector<std::string> without;
  std::size_t held = 0;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (!usable(row) || row.prompts != Prompts::fresh) continue;
    if (!row.subject.parity) {
      without.push_back(naming.labels[i]);
    } else if (row.subject.parity->holds()) {
      ++held;
    } else {
      outside.push_back(naming.labels[i]);
    }
  }
  if (!outside.empty()) {
    out.sentences.push_back("Parity fails for " + listed(outside) +
                            ": those logits are not within the bound, so that speed is not of the same model.");
  }
  if (held > 0) {
    out.sentences.push_back((outside.empty() && without.empty() ? std::string("Parity holds")
                                                                : "Parity holds for " + counted(held, "row")) +
                            ": the same weights gave the same logits within their bound" +
                            (held > 1 && outside.empty() && without.empty() ? " on every engine." : "."));
  }
  if (!without.empty()) out.sentences.push_back("No parity for " + listed(without) + ".");
}

std::string joined_labels(const std::vector<std::string>& who) {
  if (who.size() <= 4) return listed(who);
  return listed({who[0], who[1], counted(who.size() - 2, "other row")});
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
    const Parity& p = *subject.parity;
    std::string text =
        "outside its parity bound: largest difference " + number(p.max_abs) + ", bound " + number(p.bound);
    if (p.unexplained > 0)
      text += "; another first choice at " + counted(p.unexplained, "position") + " without a near tie";
    out.add(label, Tone::bad, text);
  }
  for (const std::string& reason : noise_reasons(row.noise)) out.add(label, Tone::warning, "noisy run: " + reason);
  if (row.memory.swap_known && row.memory.swap_out_bytes > 0) {
    out.add(label, Tone::warning,
            bytes(static_cast<double>(row.memory.swap_out_bytes)) + " were swapped out meanwhile (whole machine)");
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
  }
  if (!std::isfinite(row.energy.j_per_token) && row.status == Row::Status::ok) {
    const std::string& reason = row.energy.reason.empty() ? matrix.environment.energy_reason : row.energy.reason;
    out.add(label, Tone::plain, "energy n/a" + (reason.empty() ? std::string() : ": " + clean(reason)));
  }
  if (row.drift && !row.drift->reason.empty()) out.add(label, Tone::plain, "soak: " + clean(row.drift->reason));
}

}  // namespace

Naming naming_of(const Matrix& matrix) {
  const std::size_t count = std::min(matrix.rows.size(), rows_max);
  const auto key = [&](std::size_t i, int parts) {
    const Subject& s = matrix.rows[i].subject;
    std::string out = s.engine;
    if (parts > 0) out += "\n" + s.device;
    if (parts > 1) out += "\n" + s.version;
    if (parts > 2) out += "\n" + s.kv + "\n" + s.build;
    return out;
  };
  // Whether part `parts` tells this row from another one that is alike before it.
  const auto tells = [&](std::size_t i, int parts) {
    for (std::size_t j = 0; j < count; ++j) {
      if (key(j, parts - 1) == key(i, parts - 1) && key(j, parts) != key(i, parts)) return true;
    }
    return false;
  };
  Naming out;
  std::set<std::size_t> taken;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) {
    const Row& row = matrix.rows[i];
    const Subject& s = row.subject;
    std::string label = s.engine.empty() ? "(no name)" : clean(s.engine, 80);
    if (tells(i, 1) && !s.device.empty()) label += " " + clean(s.device, 60);
    if (tells(i, 2) && !s.version.empty()) label += " " + clean(s.version, 60);
    if (tells(i, 3) && !s.kv.empty()) label += " kv " + clean(s.kv, 20);
    if (row.prompts == Prompts::cached) label += " (cached)";
    out.labels.push_back(std::move(label));

    keys.push_back(key(i, 3));
    const auto sibling = std::ranges::find(keys, keys.back());
    const auto index = static_cast<std::size_t>(sibling - keys.begin());
    if (index < i) {
      out.series.push_back(out.series[index]);
      continue;
    }
    // The three engine classes keep their colours from report to report.
    std::size_t series = s.engine == "direct" ? 0 : s.engine == "mlx" ? 1 : s.engine == "llama.cpp" ? 2 : 3;
    for (std::size_t tried = 0; taken.contains(series) && tried < series_colours; ++tried) {
      series = (series + 1) % series_colours;
    }
    taken.insert(series);
    out.series.push_back(series);
  }
  return out;
}

std::string artifact_title(const Artifact& artifact) {
  std::string name = clean(artifact.path, 200);
  if (!artifact.synthesized.empty()) {
    name = clean(artifact.synthesized.substr(0, artifact.synthesized.find(',')), 100);
  } else if (const std::size_t slash = name.find_last_of('/'); slash != std::string::npos && slash + 1 < name.size()) {
    name = name.substr(slash + 1);
  }
  for (const std::string_view ending : {".gguf", ".safetensors"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  if (name.empty()) name = "a model";
  if (!artifact.quant.empty() && name.find(artifact.quant) == std::string::npos)
    name += " " + clean(artifact.quant, 30);
  return name;
}

std::string subject_sentence(const Matrix& matrix) {
  std::set<std::string> engines;
  std::set<std::string> others;
  for (const Row& row : matrix.rows) (usable(row) ? engines : others).insert(row.subject.engine);
  for (const std::string& engine : engines) others.erase(engine);
  if (engines.empty()) engines.swap(others);
  const Artifact& a = matrix.artifact;
  std::string out = counted(engines.size(), "engine") + (engines.size() == 1 ? "" : " on the same weights");
  if (a.bytes > 0) out += " (" + bytes(static_cast<double>(a.bytes));
  if (a.bytes > 0 && !a.synthesized.empty()) out += ", random in that shape: speed does not depend on their values";
  if (a.bytes > 0) out += ")";
  const MatrixSettings& s = matrix.settings;
  out += ": " + std::to_string(s.prompt_tokens) + " prompt and " + std::to_string(s.output_tokens) +
         " output tokens, " + counted(s.rounds, "round") + (engines.size() == 1 ? "" : " interleaved in random order");
  const device::HostFacts& m = matrix.machine;
  if (!m.chip.empty()) {
    out += ", on " + clean(m.chip, 100) + ", " + counted(m.cores, "core") + ", " +
           bytes(static_cast<double>(m.memory_bytes));
  }
  for (std::size_t i = 0; i < matrix.environment.accelerators.size() && i < 4; ++i) {
    out += (i == 0 ? ", with " : ", ") + clean(matrix.environment.accelerators[i], 100);
  }
  out += ".";
  if (!others.empty()) out += " " + counted(others.size(), "more engine") + " gave no figure.";
  return out;
}

double read_limit_tok_s(const Matrix& matrix, const Row& row) {
  const double ceiling = read_ceiling(row, matrix.ceilings);
  if (!(ceiling > 0) || matrix.artifact.bytes_per_token == 0) return not_told;
  return ceiling * 1e9 / static_cast<double>(matrix.artifact.bytes_per_token);
}

bool read_limit_applies(const Row& row) { return row.subject.device == "cpu" || row.subject.device == "cuda"; }

bool weights_fit_cache(const Matrix& matrix) {
  return matrix.machine.cache_bytes > 0 && matrix.artifact.bytes_per_token < matrix.machine.cache_bytes;
}

Estimate ratio(const Row& row, const Row& base, Figure figure, std::uint64_t seed) {
  const Estimate& a = estimate_of(row, figure);
  const Estimate& b = estimate_of(base, figure);
  if (a.n == 0 || b.n == 0 || !(b.median > 0)) return {not_told, not_told, not_told, 0};
  std::vector<double> ratios;
  if (row.rounds.size() == base.rounds.size() && row.rounds.size() <= paired_rounds_max) {
    for (std::size_t i = 0; i < row.rounds.size(); ++i) {
      const double value = figure_of(row.rounds[i], figure) / figure_of(base.rounds[i], figure);
      if (std::isfinite(value)) ratios.push_back(value);
    }
  }
  if (ratios.size() < 2 || ratios.size() != row.rounds.size()) {
    const double value = a.median / b.median;
    return {value, value, value, 1};
  }
  Random random(seed);
  return estimate(ratios, random);
}

Verdict verdict_of(const Matrix& matrix, const Naming& naming) {
  Verdict out;
  const auto order = contenders(matrix, naming, Figure::decode);
  if (order.empty()) {
    out.headline = matrix.rows.empty() ? "Nothing was measured" : "No engine gave a figure here";
    return out;
  }
  const Row& best = matrix.rows[order[0]];
  const std::string speed = number(best.decode_tok_s.median) + " tok/s";
  if (order.size() == 1) {
    out.headline = naming.labels[order[0]] + " decodes " + speed;
    if (best.decode_tok_s.n > 1) out.headline += " " + interval(best.decode_tok_s);
  } else {
    const Estimate e = ratio(best, matrix.rows[order[1]], Figure::decode, matrix.settings.seed);
    if (tells_apart(e)) {
      out.headline = naming.labels[order[0]] + " decodes fastest: " + speed + ", " +
                     ratios_text(matrix, naming, order, Figure::decode, false);
      out.sentences.push_back(
          "Decode, by pairs of interleaved rounds: " + ratios_text(matrix, naming, order, Figure::decode, true) + ".");
    } else if (e.n > 1) {
      out.headline = naming.labels[order[0]] + " and " + naming.labels[order[1]] + " decode alike: " + speed + " and " +
                     number(matrix.rows[order[1]].decode_tok_s.median) + " tok/s, not to be told apart";
      out.sentences.push_back("Their ratio is " + multiple(e.median) + " " + interval(e) + ", which holds 1.");
    } else {
      out.headline = naming.labels[order[0]] + " decodes " + speed + ", " +
                     ratios_text(matrix, naming, order, Figure::decode, false) + "; no interval";
    }
  }
  if (best.subject.parity && !best.subject.parity->holds()) out.headline += ", but fails parity";
  if (best.subject.text_only) out.headline += ", by estimated token counts";
  add_limit(matrix, naming, order[0], out);
  add_prefill(matrix, naming, out);
  add_parity(matrix, naming, out);
  std::vector<std::string> shorter;
  std::vector<std::string> noisy_rows;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    if (matrix.rows[i].prompts != Prompts::fresh) continue;
    if (!matrix.rows[i].adapted.empty()) shorter.push_back(naming.labels[i]);
    if (noisy(matrix.rows[i].noise).value_or(false)) noisy_rows.push_back(naming.labels[i]);
  }
  if (!shorter.empty()) out.sentences.push_back(joined_labels(shorter) + " got shorter requests than the others.");
  if (!noisy_rows.empty()) {
    out.sentences.push_back("The machine was not quiet during " + joined_labels(noisy_rows) + ".");
  }
  return out;
}

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
