// The matrix as text for a terminal.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/progress.h"
#include "measure/matrix_output.h"
#include "measure/printed.h"

namespace assay::measure {
namespace {

using Lines = std::vector<std::vector<std::string>>;

std::string aligned(const Lines& lines) {
  std::vector<std::size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i] + std::string(widths[i] - line[i].size() + (i + 1 < line.size() ? 2 : 0), ' ');
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string bytes(std::uint64_t value) { return value == 0 ? "-" : human_bytes(static_cast<double>(value)); }

// "direct", "mlx cuda", "direct, cached".
std::string title(const Row& row) {
  return row.subject.engine +
         (row.subject.device.empty() || row.subject.device == "cpu" ? "" : " " + row.subject.device) +
         (row.prompts == Prompts::cached ? ", cached" : "");
}

std::string head(const Matrix& matrix) {
  const device::HostFacts& m = matrix.machine;
  const Artifact& a = matrix.artifact;
  const MatrixSettings& s = matrix.settings;
  std::string out = "machine   " + m.chip + ", " + std::to_string(m.cores) + " cores, " + bytes(m.memory_bytes) + ", " +
                    m.os + ", power: " + m.power_source + "\n";
  for (const std::string& accelerator : matrix.environment.accelerators) out += "          " + accelerator + "\n";
  out += "ceilings  read " + printed("%.1f", matrix.ceilings.read_gb_s) + " GB/s, int8 " +
         printed("%.0f", matrix.ceilings.int8_gmac_s) + " GMAC/s" +
         (std::isfinite(matrix.ceilings.device_gb_s)
              ? ", GPU reads " + printed("%.0f", matrix.ceilings.device_gb_s) + " GB/s"
              : "") +
         "\n";
  out += "artifact  " + a.path + ", " + a.quant + ", " + bytes(a.bytes) + ", sha256 " + a.sha256.substr(0, 12) + ", " +
         bytes(a.bytes_per_token) + " read per token\n";
  if (!a.synthesized.empty()) {
    out += "          random weights in the shape " + a.synthesized +
           ": speed does not depend on their values, text does\n";
  }
  return out + "workload  " + std::to_string(s.prompt_tokens) + " prompt + " + std::to_string(s.output_tokens) +
         " output tokens, " + brackets_of(s.rounds) + "\n\n";
}

std::string speeds(const Matrix& matrix) {
  Lines lines{{"engine", "TTFT ms", "prefill tok/s", "decode tok/s", "of limit", "top-1", "max|d|"}};
  for (const Row& row : matrix.rows) {
    const double share = share_of_limit(row);
    const auto& parity = row.subject.parity;
    lines.push_back({title(row), with_interval(row.ttft_ms), with_interval(row.prefill_tok_s),
                     with_interval(row.decode_tok_s), std::isfinite(share) ? printed("%.0f %%", share * 100) : "-",
                     parity ? printed("%.1f %%", parity->top1_share() * 100) : "-",
                     parity ? printed("%.3g", parity->max_abs) + (parity->holds() ? "" : " !") : "-"});
  }
  return aligned(lines);
}

std::string beside(const Matrix& matrix) {
  Lines lines{{"beside", "memory", "predicted", "swapped", "timer p99", "pages p99", "others", "clock", "energy"}};
  const auto add = [&](const std::string& name, const std::string& memory, const std::optional<MemoryUse>& predicted,
                       const std::string& swapped, const Foreground& foreground, const Noise& noise,
                       const std::string& energy) {
    lines.push_back({name, memory, predicted ? bytes(predicted->weights + predicted->kv + predicted->scratch) : "-",
                     swapped,
                     std::isfinite(foreground.timer.p99_ms) ? printed("%.2f ms", foreground.timer.p99_ms) : "-",
                     std::isfinite(foreground.pages.p99_ms) ? printed("%.2f ms", foreground.pages.p99_ms) : "-",
                     std::isfinite(noise.others_cpu_cores) ? printed("%.2f cores", noise.others_cpu_cores) : "-",
                     std::isfinite(noise.mhz) ? printed("%.0f MHz", noise.mhz) : "-", energy});
  };
  const Environment& e = matrix.environment;
  add("(idle)", bytes(0), {}, "-", e.idle, e.noise,
      std::isfinite(e.idle_watts) ? printed("%.1f W", e.idle_watts) : "n/a");
  for (const Row& row : matrix.rows) {
    if (row.rounds.empty()) continue;
    const std::uint64_t device = row.memory.device_peak_bytes;
    add(title(row), bytes(row.memory.peak_bytes) + (device > 0 ? " + GPU " + bytes(device) : ""), row.memory.predicted,
        row.memory.swap_known ? human_bytes(static_cast<double>(row.memory.swap_out_bytes)) : "-", row.foreground,
        row.noise, std::isfinite(row.energy.j_per_token) ? printed("%.3g J/token", row.energy.j_per_token) : "n/a");
  }
  return "\n" + aligned(lines);
}

std::string context_sweep(const Matrix& matrix) {
  Lines lines{{"context", "engine", "TTFT ms", "prefill tok/s", "decode tok/s", "memory"}};
  for (std::size_t i = 0; i < matrix.settings.sweep_context.size(); ++i) {
    for (const Row& row : matrix.rows) {
      if (i >= row.context_sweep.size()) continue;
      const ContextPoint& p = row.context_sweep[i];
      lines.push_back({std::to_string(p.depth), title(row), with_interval(p.ttft_ms), with_interval(p.prefill_tok_s),
                       with_interval(p.decode_tok_s), p.reason.empty() ? bytes(p.memory_peak_bytes) : p.reason});
    }
  }
  return lines.size() == 1 ? "" : "\n" + aligned(lines);
}

std::string stream_sweep(const Matrix& matrix) {
  Lines lines{{"streams", "engine", "total tok/s", "each tok/s", "TTFT ms", "TTFT p99", "memory"}};
  for (std::size_t i = 0; i < matrix.settings.sweep_streams.size(); ++i) {
    for (const Row& row : matrix.rows) {
      if (i >= row.stream_sweep.size()) continue;
      const StreamPoint& p = row.stream_sweep[i];
      lines.push_back({std::to_string(p.streams), title(row), with_interval(p.total_tok_s),
                       with_interval(p.decode_tok_s), with_interval(p.ttft_ms), printed("%.1f", p.ttft_ms_p99),
                       p.reason.empty() ? bytes(p.memory_peak_bytes) : p.reason});
    }
  }
  return lines.size() == 1 ? "" : "\n" + aligned(lines);
}

std::string drift(const Matrix& matrix) {
  Lines lines{{"drift", "for", "requests", "first tenth", "last tenth", "last/first", "% per minute"}};
  for (const Row& row : matrix.rows) {
    if (!row.drift) continue;
    const Drift& d = *row.drift;
    lines.push_back({title(row), human_seconds(d.seconds), std::to_string(d.requests),
                     printed("%.1f tok/s", d.first_tenth_tok_s), printed("%.1f tok/s", d.last_tenth_tok_s),
                     with_interval(d.ratio), with_interval(d.slope_percent_per_minute)});
  }
  return lines.size() == 1 ? "" : "\n" + aligned(lines);
}

std::string open_loop(const Row& row) {
  const OpenLoop& o = *row.open_loop;
  return "open loop, " + printed("%.3g", o.rate_per_s) + " requests/s: " + std::to_string(o.sent) + " sent, " +
         std::to_string(o.failed) + " failed, TTFT " + with_interval(o.ttft_ms) +
         " ms from the planned moment, decode " + with_interval(o.decode_tok_s) +
         " tok/s; our own sends were late by p50 " + printed("%.2f", o.late.p50_ms) + ", p99 " +
         printed("%.2f", o.late.p99_ms) + " ms";
}

std::string cold(const char* what, const Timing& timing) {
  return std::string(what) + " (" + std::to_string(timing.prompt_tokens) + " prompt): TTFT " +
         printed("%.1f", timing.ttft_ms()) + " ms, decode " + printed("%.1f", timing.decode_tok_s()) + " tok/s";
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

std::string to_table(const Matrix& matrix) {
  std::string notes;
  for (const Row& row : matrix.rows) {
    for (const std::string& note : notes_of(row)) notes += "  " + title(row) + ": " + note + "\n";
  }
  const Environment& e = matrix.environment;
  if (!e.energy_reason.empty()) notes += "  energy: n/a: " + e.energy_reason + "\n";
  const device::HostFacts& m = matrix.machine;
  if (m.cache_bytes > 0 && matrix.artifact.bytes_per_token < m.cache_bytes) {
    notes += "  the weights fit into the cache of " + bytes(m.cache_bytes) +
             ": reading memory does not bound them, and 'of limit' may pass 100 %\n";
  }
  return head(matrix) + speeds(matrix) + beside(matrix) + context_sweep(matrix) + stream_sweep(matrix) + drift(matrix) +
         (notes.empty() ? "" : "\n" + notes);
}

}  // namespace assay::measure
