// One line per row of the matrix and per point of its sweeps, open loop and soak, all with the same columns.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "record/printed.h"
#include "report/matrix_output.h"

namespace assay::measure {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string figure(double value) { return std::isfinite(value) ? printed("%.6g", value) : std::string(); }
std::string count(std::uint64_t value) { return value == 0 ? std::string() : std::to_string(value); }
std::string truth(std::optional<bool> value) { return !value ? "" : *value ? "1" : "0"; }

// What one line is about: a row's rounds, or one point beside them.
struct Line {
  const Matrix& matrix;
  const Row& row;
  std::string part = "rounds";  // rounds, context, streams, open_loop, soak
  double at = not_told;         // prompt tokens, requests at once, requests per second, seconds
  std::string reason;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t output_tokens = 0;
  Estimate ttft_ms{}, prefill_tok_s{}, decode_tok_s{}, total_tok_s{}, share{};
  std::uint64_t rounds = 0;
  std::uint64_t memory_peak_bytes = 0;
  std::uint64_t device_peak_bytes = 0;

  bool whole_row() const { return part == "rounds"; }
};

struct Column {
  const char* name;
  std::function<std::string(const Line&)> text;
};

// Of the row's rounds only: empty on the other lines.
Column of_row(const char* name, std::function<std::string(const Row&)> text) {
  return {name, [text](const Line& line) { return line.whole_row() ? text(line.row) : std::string(); }};
}

void add_estimate(std::vector<Column>& columns, const std::vector<const char*>& names, Estimate Line::* value) {
  const auto column = [value](double Estimate::* part) {
    return [value, part](const Line& line) {
      const Estimate& e = line.*value;
      return e.n == 0 ? std::string() : figure(e.*part);
    };
  };
  columns.push_back({names[0], column(&Estimate::median)});
  columns.push_back({names[1], column(&Estimate::low)});
  columns.push_back({names[2], column(&Estimate::high)});
  columns.push_back({names[3], column(&Estimate::coverage)});
}

std::vector<Column> columns_of() {
  std::vector<Column> out{
      {"engine", [](const Line& l) { return quoted(l.row.subject.engine); }},
      {"device", [](const Line& l) { return quoted(l.row.subject.device); }},
      {"version", [](const Line& l) { return quoted(l.row.subject.version); }},
      {"prompts", [](const Line& l) { return std::string(l.row.prompts == Prompts::cached ? "cached" : "fresh"); }},
      {"part", [](const Line& l) { return l.part; }},
      {"at", [](const Line& l) { return figure(l.at); }},
      {"status", [](const Line& l) { return std::string(name(l.row.status)); }},
      {"reason", [](const Line& l) { return quoted(l.reason); }},
      {"quant", [](const Line& l) { return l.matrix.artifact.quant; }},
      {"sha256", [](const Line& l) { return l.matrix.artifact.sha256; }},
      {"context", [](const Line& l) { return std::to_string(l.row.subject.context); }},
      {"threads", [](const Line& l) { return std::to_string(l.row.subject.threads); }},
      {"batch", [](const Line& l) { return std::to_string(l.row.subject.batch); }},
      {"kv", [](const Line& l) { return l.row.subject.kv; }},
      {"prompt_tokens", [](const Line& l) { return std::to_string(l.prompt_tokens); }},
      {"output_tokens", [](const Line& l) { return std::to_string(l.output_tokens); }},
      {"rounds", [](const Line& l) { return std::to_string(l.rounds); }},
  };
  add_estimate(out, {"ttft_ms", "ttft_ms_low", "ttft_ms_high", "ttft_ms_coverage"}, &Line::ttft_ms);
  add_estimate(out, {"prefill_tok_s", "prefill_tok_s_low", "prefill_tok_s_high", "prefill_tok_s_coverage"},
               &Line::prefill_tok_s);
  add_estimate(out, {"decode_tok_s", "decode_tok_s_low", "decode_tok_s_high", "decode_tok_s_coverage"},
               &Line::decode_tok_s);
  add_estimate(out, {"total_tok_s", "total_tok_s_low", "total_tok_s_high", "total_tok_s_coverage"}, &Line::total_tok_s);
  add_estimate(out, {"share_of_limit", "share_of_limit_low", "share_of_limit_high", "share_of_limit_coverage"},
               &Line::share);
  out.push_back({"memory_peak_bytes", [](const Line& l) { return count(l.memory_peak_bytes); }});
  out.push_back({"device_peak_bytes", [](const Line& l) { return count(l.device_peak_bytes); }});
  const std::vector<Column> of_rows{
      of_row("predicted_bytes",
             [](const Row& r) {
               const auto& p = r.memory.predicted;
               return p ? std::to_string(p->weights + p->kv + p->scratch) : std::string();
             }),
      of_row(
          "swap_delta_bytes",
          [](const Row& r) { return r.memory.swap_known ? std::to_string(r.memory.swap_out_bytes) : std::string(); }),
      of_row("load_s", [](const Row& r) { return figure(r.load_s); }),
      of_row("total_ms", [](const Row& r) { return r.total_ms.n == 0 ? std::string() : figure(r.total_ms.median); }),
      of_row("between_tokens_p50_ms", [](const Row& r) { return figure(r.between_tokens.p50_ms); }),
      of_row("between_tokens_p99_ms", [](const Row& r) { return figure(r.between_tokens.p99_ms); }),
      of_row("between_tokens_max_ms", [](const Row& r) { return figure(r.between_tokens.max_ms); }),
      of_row("marginal_prefill_tok_s",
             [](const Row& r) {
               return r.marginal_prefill_tok_s.n == 0 ? std::string() : figure(r.marginal_prefill_tok_s.median);
             }),
      of_row("top1", [](const Row& r) { return r.subject.parity ? figure(r.subject.parity->top1_share()) : ""; }),
      of_row("kl", [](const Row& r) { return r.subject.parity ? figure(r.subject.parity->kl_mean) : ""; }),
      of_row("max_abs", [](const Row& r) { return r.subject.parity ? figure(r.subject.parity->max_abs) : ""; }),
      of_row("bound", [](const Row& r) { return r.subject.parity ? figure(r.subject.parity->bound) : ""; }),
      of_row("parity_holds",
             [](const Row& r) {
               return truth(r.subject.parity ? std::optional(r.subject.parity->holds()) : std::nullopt);
             }),
      of_row("border_us_per_call",
             [](const Row& r) {
               return r.border ? figure(r.border->total_us_per_call - r.border->engine_us_per_call) : std::string();
             }),
      of_row("energy_j_per_token", [](const Row& r) { return figure(r.energy.j_per_token); }),
      of_row("energy_j_per_prompt_token", [](const Row& r) { return figure(r.energy.j_per_prompt_token); }),
      of_row("energy_j_per_output_token", [](const Row& r) { return figure(r.energy.j_per_output_token); }),
      of_row("timer_p99_ms", [](const Row& r) { return figure(r.foreground.timer.p99_ms); }),
      of_row("timer_max_ms", [](const Row& r) { return figure(r.foreground.timer.max_ms); }),
      of_row("pages_p99_ms", [](const Row& r) { return figure(r.foreground.pages.p99_ms); }),
      of_row("pages_max_ms", [](const Row& r) { return figure(r.foreground.pages.max_ms); }),
      of_row("others_cpu_cores", [](const Row& r) { return figure(r.noise.others_cpu_cores); }),
      of_row("noisy", [](const Row& r) { return truth(noisy(r.noise)); }),
      of_row("adapted", [](const Row& r) { return quoted(r.adapted); }),
  };
  out.insert(out.end(), of_rows.begin(), of_rows.end());
  out.push_back({"drift_ratio", [](const Line& l) {
                   return l.part == "soak" && l.row.drift->ratio.n > 0 ? figure(l.row.drift->ratio.median) : "";
                 }});
  const auto slope = [](double Estimate::* part) {
    return [part](const Line& l) {
      if (l.part != "soak" || l.row.drift->slope_percent_per_minute.n == 0) return std::string();
      return figure(l.row.drift->slope_percent_per_minute.*part);
    };
  };
  out.push_back({"drift_percent_per_minute", slope(&Estimate::median)});
  out.push_back({"drift_percent_per_minute_low", slope(&Estimate::low)});
  out.push_back({"drift_percent_per_minute_high", slope(&Estimate::high)});
  out.push_back({"ttft_ms_p99", [](const Line& l) {
                   if (l.part != "open_loop") return std::string();
                   return figure(l.row.open_loop->ttft_ms_p99);
                 }});
  out.push_back({"late_p50_ms", [](const Line& l) {
                   return l.part == "open_loop" ? figure(l.row.open_loop->late.p50_ms) : std::string();
                 }});
  out.push_back({"chip", [](const Line& l) { return quoted(l.matrix.machine.chip); }});
  out.push_back({"os", [](const Line& l) { return quoted(l.matrix.machine.os); }});
  return out;
}

std::vector<Line> lines_of(const Matrix& matrix, const Row& row) {
  const auto line = [&](const char* part, double at, const std::string& reason) {
    return Line{.matrix = matrix,
                .row = row,
                .part = part,
                .at = at,
                .reason = reason,
                .prompt_tokens = row.prompt_tokens,
                .output_tokens = row.output_tokens};
  };
  std::vector<Line> out{line("rounds", not_told, row.reason)};
  out[0].ttft_ms = row.ttft_ms;
  out[0].prefill_tok_s = row.prefill_tok_s;
  out[0].decode_tok_s = row.decode_tok_s;
  out[0].share = row.share_of_limit;
  out[0].rounds = row.rounds.size();
  out[0].memory_peak_bytes = row.memory.peak_bytes;
  out[0].device_peak_bytes = row.memory.device_peak_bytes;
  for (const ContextPoint& point : row.context_sweep) {
    Line& one = out.emplace_back(line("context", point.depth, point.reason));
    one.prompt_tokens = point.depth;
    one.output_tokens = point.rounds.empty() ? 0 : point.rounds.front().output_tokens;
    one.ttft_ms = point.ttft_ms;
    one.prefill_tok_s = point.prefill_tok_s;
    one.decode_tok_s = point.decode_tok_s;
    one.share = point.share_of_limit;
    one.rounds = point.rounds.size();
    one.memory_peak_bytes = point.memory_peak_bytes;
    one.device_peak_bytes = point.device_peak_bytes;
  }
  for (const StreamPoint& point : row.stream_sweep) {
    Line& one = out.emplace_back(line("streams", point.streams, point.reason));
    one.ttft_ms = point.ttft_ms;
    one.decode_tok_s = point.decode_tok_s;
    one.total_tok_s = point.total_tok_s;
    one.rounds = point.streams == 0 ? 0 : point.rounds.size() / point.streams;
    one.memory_peak_bytes = point.memory_peak_bytes;
  }
  if (row.open_loop) {
    Line& one = out.emplace_back(line("open_loop", row.open_loop->rate_per_s, row.open_loop->reason));
    one.ttft_ms = row.open_loop->ttft_ms;
    one.decode_tok_s = row.open_loop->decode_tok_s;
    one.rounds = row.open_loop->sent;
  }
  if (row.drift) {
    Line& one = out.emplace_back(line("soak", row.drift->seconds, row.drift->reason));
    one.rounds = row.drift->requests;
  }
  return out;
}

}  // namespace

std::string to_csv(const Matrix& matrix) {
  const std::vector<Column> columns = columns_of();
  std::string out;
  for (const Column& column : columns) out += (out.empty() ? "" : ",") + std::string(column.name);
  out += '\n';
  for (const Row& row : matrix.rows) {
    for (const Line& line : lines_of(matrix, row)) {
      for (std::size_t i = 0; i < columns.size(); ++i) out += (i == 0 ? "" : ",") + columns[i].text(line);
      out += '\n';
    }
  }
  return out;
}

}  // namespace assay::measure
