// The matrix as text for a terminal.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/progress.h"
#include "record/printed.h"
#include "report/matrix_output.h"

namespace assay::measure {
namespace {

using Lines = std::vector<std::vector<std::string>>;

constexpr std::size_t first_column_max = 14;  // a longer name stands on a line of its own

// Columns of a table as wide as their widest cell, two spaces between them; the first line is the heading.
std::string aligned(const Lines& lines, const Style& style) {
  std::vector<std::size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i == 0 && line[i].size() > first_column_max) continue;
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string out;
  for (std::size_t n = 0; n < lines.size(); ++n) {
    const auto& line = lines[n];
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool alone = i == 0 && line[i].size() > first_column_max;
      if (alone) out += line[i] + "\n";
      const std::string cell = alone ? "" : line[i];
      text += cell + std::string(widths[i] - std::min(widths[i], cell.size()) + (i + 1 < line.size() ? 2 : 0), ' ');
    }
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    out += (n == 0 ? style.bold(text) : text) + "\n";
  }
  return out;
}

// A note broken at spaces, so that no line is longer than the table; continued lines are indented.
std::string broken(const std::string& text) {
  std::string out;
  std::string line = "  ";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const bool empty = line.find_first_not_of(' ') == std::string::npos;
    if (!empty && line.size() + 1 + word.size() > table_columns) {
      out += line + "\n";
      line = "    " + word;
    } else {
      line += (empty ? "" : " ") + word;
    }
    at = end + 1;
  }
  return out + line + "\n";
}

std::string bytes(std::uint64_t value) { return value == 0 ? "-" : human_bytes(static_cast<double>(value)); }

// "direct", "mlx cuda", "direct, cached".
std::string title(const Row& row) {
  return row.subject.engine +
         (row.subject.device.empty() || row.subject.device == "cpu" ? "" : " " + row.subject.device) +
         (row.prompts == Prompts::cached ? ", cached" : "");
}

std::string head(const Matrix& matrix) {
  const host::HostFacts& m = matrix.machine;
  const MatrixSettings& w = matrix.settings;
  const Artifact& a = matrix.artifact;
  const Ceilings& c = matrix.ceilings;
  std::string out = "machine   " + m.chip + ", " + counted(m.cores, "core") + ", " + bytes(m.memory_bytes) + "\n";
  out += "          " + m.os + ", power: " + m.power_source +
         (m.hypervisor.empty() ? "" : ", a guest of " + m.hypervisor) + "\n";
  for (const std::string& accelerator : matrix.environment.accelerators) out += "          " + accelerator + "\n";
  out += "ceilings  read " + number(c.read_gb_s) + " GB/s, int8 " + number(c.int8_gmac_s) + " GMAC/s" +
         (std::isfinite(c.device_gb_s) ? ", the GPU reads " + number(c.device_gb_s) + " GB/s" : "") + "\n";
  out += "artifact  " + a.path + "\n";
  out += "          " + a.quant + ", " + bytes(a.bytes) + ", sha256 " + a.sha256.substr(0, 12) + ", " +
         bytes(a.bytes_per_token) + " read per token\n";
  if (!a.synthesized.empty()) {
    out += "          random weights in the shape " + a.synthesized +
           ":\n          speed does not depend on their values, text does\n";
  }
  return out + "workload  " + std::to_string(w.prompt_tokens) + " prompt + " + std::to_string(w.output_tokens) +
         " output tokens, " + brackets_of(w.rounds) + "\n" +
         (matrix.unfinished.empty() ? "" : "unfinished: " + matrix.unfinished + "\n") +
         (matrix.resumed ? "resumed   " + std::to_string(matrix.resumed->times) + " times, last behind " +
                               printed("%.0f s", matrix.resumed->after_s) + " of measuring\n"
                         : "") +
         "\n";
}

std::string percent(double share) { return std::isfinite(share) ? number(share * 100) + " %" : "-"; }

std::string speeds(const Matrix& matrix, const Style& style) {
  Lines lines{{"engine", "TTFT ms", "prefill tok/s", "decode tok/s", "of limit"}};
  for (const Row& row : matrix.rows) {
    lines.push_back({title(row), with_interval(row.ttft_ms), with_interval(row.prefill_tok_s),
                     with_interval(row.decode_tok_s), percent(share_of_limit(row))});
  }
  return aligned(lines, style);
}

// "0.35" or "0.35 p99": the 99th percentile where there are enough samples, else the largest.
std::string tail(const Delay& delay) {
  if (std::isfinite(delay.p99_ms)) return number(delay.p99_ms);
  return std::isfinite(delay.max_ms) ? number(delay.max_ms) + " max" : "-";
}

std::string latencies(const Matrix& matrix, const Style& style) {
  Lines lines{{"ms", "end to end", "between tokens", "p99", "load s", "top-1", "max_abs", "bound"}};
  for (const Row& row : matrix.rows) {
    if (row.rounds.empty()) continue;
    const auto& parity = row.subject.parity;
    lines.push_back({title(row), with_interval(row.total_ms),
                     std::isfinite(row.between_tokens.p50_ms) ? number(row.between_tokens.p50_ms) : "-",
                     tail(row.between_tokens), std::isfinite(row.load_s) ? number(row.load_s) : "-",
                     parity ? percent(parity->top1_share()) : "-",
                     parity ? printed("%.3g", parity->max_abs) + (parity->holds() ? "" : " !") : "-",
                     parity ? printed("%.3g", parity->bound) : "-"});
  }
  return lines.size() == 1 ? "" : "\n" + aligned(lines, style);
}

std::string held(const Row& row) {
  const std::uint64_t device = row.memory.device_peak_bytes;
  if (device == 0) return bytes(row.memory.peak_bytes);
  return bytes(row.memory.total_peak_bytes()) + " (GPU " + bytes(device) + ")";
}

std::string memory(const Matrix& matrix, const Style& style) {
  Lines lines{{"memory", "seen", "predicted", "swapped out", "J/prompt token", "J/output token"}};
  const auto joules = [](double value) { return std::isfinite(value) ? printed("%.3g", value) : std::string("n/a"); };
  for (const Row& row : matrix.rows) {
    if (row.rounds.empty()) continue;
    const auto& p = row.memory.predicted;
    lines.push_back({title(row), held(row), p ? bytes(p->weights + p->kv + p->scratch) : "-",
                     row.memory.swap_known ? human_bytes(static_cast<double>(row.memory.swap_out_bytes)) : "-",
                     joules(row.energy.j_per_prompt_token), joules(row.energy.j_per_output_token)});
  }
  return lines.size() == 1 ? "" : "\n" + aligned(lines, style);
}

std::string beside(const Matrix& matrix, const Style& style) {
  Lines lines{{"foreground", "timer p99 ms", "pages p99 ms", "busy by others", "clock"}};
  const auto add = [&](const std::string& name, const Foreground& foreground, const Noise& noise) {
    lines.push_back({name, tail(foreground.timer), tail(foreground.pages),
                     std::isfinite(noise.others_cpu_cores) ? printed("%.2f cores", noise.others_cpu_cores) : "-",
                     std::isfinite(noise.mhz) ? printed("%.0f MHz", noise.mhz) : "-"});
  };
  add("(idle)", matrix.environment.idle, matrix.environment.noise);
  for (const Row& row : matrix.rows) {
    if (!row.rounds.empty()) add(title(row), row.foreground, row.noise);
  }
  return "\n" + aligned(lines, style);
}

// What was left out stands below the table.
std::string left_out(const std::string& what, const Row& row, const std::string& reason) {
  return broken(what + ", " + title(row) + ": " + reason);
}

std::string context_sweep(const Matrix& matrix, const Style& style) {
  Lines lines{{"context", "engine", "TTFT ms", "prefill tok/s", "decode tok/s", "memory"}};
  std::string reasons;
  for (std::size_t i = 0; i < matrix.settings.sweep_context.size(); ++i) {
    for (const Row& row : matrix.rows) {
      if (i >= row.context_sweep.size()) continue;
      const ContextPoint& p = row.context_sweep[i];
      if (!p.reason.empty()) {
        reasons += left_out("context " + std::to_string(p.depth), row, p.reason);
        continue;
      }
      lines.push_back({std::to_string(p.depth), title(row), with_interval(p.ttft_ms), with_interval(p.prefill_tok_s),
                       with_interval(p.decode_tok_s), bytes(p.memory_peak_bytes + p.device_peak_bytes)});
    }
  }
  if (lines.size() == 1 && reasons.empty()) return "";
  for (const Row& row : matrix.rows) {
    if (row.marginal_prefill_tok_s.n == 0) continue;
    reasons += broken(title(row) + ": each further prompt token takes as long as at " +
                      with_interval(row.marginal_prefill_tok_s) + " tok/s (slope of TTFT over length)");
  }
  return "\n" + (lines.size() == 1 ? "" : aligned(lines, style)) + reasons;
}

std::string stream_sweep(const Matrix& matrix, const Style& style) {
  Lines lines{{"streams", "engine", "all tok/s", "each tok/s", "TTFT ms", "TTFT p99"}};
  std::string reasons;
  for (std::size_t i = 0; i < matrix.settings.sweep_streams.size(); ++i) {
    for (const Row& row : matrix.rows) {
      if (i >= row.stream_sweep.size()) continue;
      const StreamPoint& p = row.stream_sweep[i];
      if (!p.reason.empty()) {
        reasons += left_out(counted(p.streams, "stream"), row, p.reason);
        continue;
      }
      lines.push_back({std::to_string(p.streams), title(row), with_interval(p.total_tok_s),
                       with_interval(p.decode_tok_s), with_interval(p.ttft_ms),
                       tail({.p99_ms = p.ttft_ms_p99, .max_ms = p.ttft_ms_max})});
    }
  }
  if (lines.size() == 1 && reasons.empty()) return "";
  if (lines.size() > 1) reasons += broken("all tok/s: output tokens of all over the time of the whole, prefill inside");
  return "\n" + (lines.size() == 1 ? "" : aligned(lines, style)) + reasons;
}

std::string drift(const Matrix& matrix, const Style& style) {
  Lines lines{{"drift", "for", "requests", "first", "last tok/s", "last/first", "% per minute"}};
  for (const Row& row : matrix.rows) {
    if (!row.drift) continue;
    const Drift& d = *row.drift;
    lines.push_back({title(row), human_seconds(d.seconds), std::to_string(d.requests), number(d.first_tenth_tok_s),
                     number(d.last_tenth_tok_s), with_interval(d.ratio), with_interval(d.slope_percent_per_minute)});
  }
  return lines.size() == 1 ? "" : "\n" + aligned(lines, style);
}

std::string open_loop(const Row& row) {
  const OpenLoop& o = *row.open_loop;
  std::string out = "open loop, " + printed("%.3g", o.rate_per_s) + " requests/s: " + std::to_string(o.sent) +
                    " sent, " + std::to_string(o.failed) + " failed, TTFT " + with_interval(o.ttft_ms) +
                    " ms from the planned moment (" +
                    (std::isfinite(o.ttft_ms_p99) ? "p99 " + number(o.ttft_ms_p99) : "most " + number(o.ttft_ms_max)) +
                    "), decode " + with_interval(o.decode_tok_s) + " tok/s; our own sends were late by " +
                    number(o.late.p50_ms) + " ms at the median, " + number(o.late.max_ms) + " at most";
  if (o.reason.empty()) return out;
  return out + (o.reason.starts_with(stopped_part) ? ". UNFINISHED: " : ". INVALID: ") + o.reason;
}

std::string cold(const char* what, const Timing& timing) {
  return std::string(what) + " (" + std::to_string(timing.prompt_tokens) + " prompt): TTFT " +
         number(timing.ttft_ms()) + " ms, decode " + number(timing.decode_tok_s()) + " tok/s";
}

std::vector<std::string> notes_of(const Row& row) {
  const Subject& s = row.subject;
  std::vector<std::string> out;
  if (row.status != Row::Status::ok) out.push_back(std::string(name(row.status)) + ": " + row.reason);
  if (s.text_only) out.emplace_back("text only: token counts are estimates, no parity");
  if (!row.adapted.empty()) out.push_back(row.adapted);
  if (s.parity && !s.parity->holds()) {
    out.push_back("PARITY DOES NOT HOLD: bound " + printed("%.3g", s.parity->bound) + ", " +
                  std::to_string(s.parity->unexplained) + " unexplained of " + std::to_string(s.parity->positions));
  }
  if (!s.parity && !s.parity_reason.empty()) out.push_back("no parity: " + s.parity_reason);
  if (!row.prefill_reason.empty() && row.prompts == Prompts::fresh && !row.rounds.empty()) {
    out.push_back("no prefill speed: " + row.prefill_reason);
  }
  for (const std::string& reason : noise_reasons(row.noise)) out.push_back("noisy run: " + reason);
  if (row.prompts == Prompts::cached && !row.rounds.empty()) {
    out.push_back(std::to_string(row.rounds.back().cached_tokens) + " of " +
                  std::to_string(row.rounds.back().prompt_tokens) + " prompt tokens came from its cache");
  }
  if (row.first) out.push_back(cold("first request", *row.first));
  if (row.cold) out.push_back(cold("cold round", *row.cold));
  if (row.border) {
    out.push_back("the border to its process costs " +
                  printed("%.0f", row.border->total_us_per_call - row.border->engine_us_per_call) + " us of " +
                  printed("%.0f", row.border->total_us_per_call) + " us per forward pass");
  }
  if (row.open_loop) out.push_back(open_loop(row));
  if (row.drift && !row.drift->reason.empty()) out.push_back("drift: " + row.drift->reason);
  out.insert(out.end(), s.notes.begin(), s.notes.end());
  return out;
}

}  // namespace

std::string to_table(const Matrix& matrix, const Style& style) {
  std::string notes;
  for (const Row& row : matrix.rows) {
    for (const std::string& note : notes_of(row)) {
      const bool bad = note.starts_with("failed") || note.starts_with("PARITY");
      const std::string text = broken(title(row) + ": " + note);
      notes += bad ? style.bad(text.substr(0, text.size() - 1)) + "\n" : text;
    }
  }
  std::string shareless;  // one reason is mostly everybody's
  for (const Row& row : matrix.rows) {
    if (row.rounds.empty() || row.share_reason.empty() || row.share_reason == shareless) continue;
    shareless = row.share_reason;
    notes += broken("no share of the limit: " + shareless);
  }
  if (!matrix.environment.energy_reason.empty()) notes += broken("energy: n/a: " + matrix.environment.energy_reason);
  if (busy(matrix.ceilings)) {
    notes += broken(printed("the machine was busy while its ceilings were taken: %.2f cores were missing",
                            matrix.ceilings.cores_missing));
  }
  return head(matrix) + speeds(matrix, style) + latencies(matrix, style) + memory(matrix, style) +
         beside(matrix, style) + context_sweep(matrix, style) + stream_sweep(matrix, style) + drift(matrix, style) +
         (notes.empty() ? "" : "\n" + notes);
}

}  // namespace assay::measure
