#include "report/story.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "report/format.h"
#include "report/svg.h"

namespace assay::measure::report {

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

Group group_of(const Matrix& matrix, const Row& row) {
  if (row.prompts == Prompts::cached) return Group::cached;
  const MatrixSettings& s = matrix.settings;
  const bool other = (row.prompt_tokens > 0 && row.prompt_tokens != s.prompt_tokens) ||
                     (row.output_tokens > 0 && row.output_tokens != s.output_tokens);
  return other || !row.adapted.empty() ? Group::other_lengths : Group::workload;
}

std::string_view title_of(Group group) {
  switch (group) {
    case Group::workload:
      return "the workload";
    case Group::other_lengths:
      return "requests of other lengths";
    case Group::cached:
      return "prompts seen just before";
  }
  return {};
}

std::vector<std::size_t> in_groups(const Matrix& matrix, const Naming& naming) {
  std::vector<std::size_t> out(naming.shown());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
  std::ranges::stable_sort(out, {}, [&](std::size_t i) { return group_of(matrix, matrix.rows[i]); });
  return out;
}

std::string lengths_of(const Row& row) {
  return std::to_string(row.prompt_tokens) + " + " + std::to_string(row.output_tokens) + " tokens";
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

namespace {

bool accelerated(const Row& row) {
  const std::string& device = row.subject.device;
  return !device.empty() && device != "cpu";
}

// "NVIDIA H200" of "NVIDIA H200, 139.8 GiB, driver 570.86".
std::string accelerator_name(const std::string& text) { return clean(text.substr(0, text.find(',')), 100); }

}  // namespace

std::string place_title(const Matrix& matrix) {
  bool on_cpu = false;
  std::set<std::string> devices;
  for (const Row& row : matrix.rows) {
    if (accelerated(row)) {
      devices.insert(row.subject.device);
    } else {
      on_cpu = true;
    }
  }
  std::vector<std::string> places;
  if (!devices.empty()) {
    for (const std::string& accelerator : matrix.environment.accelerators) {
      const std::string name = accelerator_name(accelerator);
      if (!name.empty() && std::ranges::find(places, name) == places.end() && places.size() < 3) places.push_back(name);
    }
    // Apple's chip is the GPU's name too; a device that no accelerator is known of is called what its engine calls it.
    if (places.empty() && devices != std::set<std::string>{"metal"}) {
      for (const std::string& device : devices) places.push_back("a " + clean(device, 30) + " device");
    }
  }
  const std::string chip = clean(matrix.machine.chip, 100);
  if ((places.empty() || on_cpu) && !chip.empty()) places.push_back(chip);
  return listed(places);
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
  const host::HostFacts& m = matrix.machine;
  if (!m.chip.empty()) {
    out += ", on " + clean(m.chip, 100) + ", " + counted(m.cores, "core") + ", " +
           bytes(static_cast<double>(m.memory_bytes));
  }
  for (std::size_t i = 0; i < matrix.environment.accelerators.size() && i < 4; ++i) {
    out += (i == 0 ? ", with " : ", ") + clean(matrix.environment.accelerators[i], 100);
  }
  out += ".";
  if (!matrix.unfinished.empty()) {
    out += " Unfinished: " + clean(matrix.unfinished, 200) + "; figures are of what was measured until then.";
  }
  if (matrix.resumed) {
    out += " Stopped and gone on with " + counted(matrix.resumed->times, "time") + ".";
  }
  if (!others.empty()) out += " " + counted(others.size(), "more engine") + " gave no figure.";
  return out;
}

std::vector<double> read_limits_tok_s(const Matrix& matrix, const Row& row) {
  std::vector<double> out;
  const auto bytes_read =
      static_cast<double>(matrix.artifact.bytes_per_token) + static_cast<double>(row.kv_bytes_per_token);
  if (!row.share_reason.empty() || !(bytes_read > 0)) return out;
  for (const CeilingRound& round : matrix.ceiling_rounds) {
    if (round.round == 0 || round.depth != 0 || round.round > rounds_max) continue;
    if (out.size() < round.round) out.resize(round.round, not_told);
    const double ceiling = read_ceiling(row, round.ceilings);
    if (ceiling > 0) out[round.round - 1] = ceiling * 1e9 / bytes_read;
  }
  return out;
}

double read_limit_tok_s(const Matrix& matrix, const Row& row) {
  std::vector<double> limits = read_limits_tok_s(matrix, row);
  std::erase_if(limits, [](double limit) { return !std::isfinite(limit); });
  return limits.empty() ? not_told : median(limits);
}

std::string other_choices(const Parity& parity) {
  if (parity.top1_equal >= parity.positions) return {};
  const std::size_t others = parity.positions - parity.top1_equal;
  const std::size_t ties = others - std::min(parity.unexplained, others);
  if (ties == others)
    return others == 1 ? "the other is a near tie" : "the other " + std::to_string(others) + " are near ties";
  return counted(others - ties, "other choice") + " without a near tie";
}

std::vector<std::string> parity_lines(const Parity& p) {
  const auto held = [](double value, double bound) {
    return "max_abs " + number(value) + (value <= bound ? " ≤ " : " > ") + number(bound);
  };
  std::vector<std::string> out{held(p.max_abs, p.bound),
                               "top-1 " + std::to_string(p.top1_equal) + "/" + std::to_string(p.positions)};
  if (std::string others = other_choices(p); !others.empty()) out.push_back(std::move(others));
  out.push_back("KL " + number(p.kl_mean));
  if (std::isfinite(p.rms_times())) out.push_back(multiple(p.rms_times()) + " its rounding");
  if (p.decode) out.push_back("decode " + held(p.decode->max_abs, p.decode->bound));
  if (p.self) {
    out.push_back("itself at " + std::to_string(p.self->tokens) +
                  " tokens: " + (p.self->max_abs == 0 ? "bit for bit" : held(p.self->max_abs, p.self->bound)));
  }
  return out;
}

bool usable(const Row& row) { return row.status == Row::Status::ok && row.decode_tok_s.n > 0; }

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

std::string joined_labels(const std::vector<std::string>& who) {
  if (who.size() <= 4) return listed(who);
  return listed({who[0], who[1], counted(who.size() - 2, "other row")});
}

}  // namespace assay::measure::report
