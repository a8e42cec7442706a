#include "measure/matrix_output.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/progress.h"

namespace assay::measure {
namespace {

const char* name(Row::Status status) {
  switch (status) {
    case Row::Status::ok:
      return "ok";
    case Row::Status::refused:
      return "refused";
    case Row::Status::failed:
      return "failed";
  }
  return "failed";
}

std::string printed(const char* format, double value) {
  if (!std::isfinite(value)) return "-";
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

const char* precision(double value) { return std::abs(value) < 10 ? "%.2f" : std::abs(value) < 1000 ? "%.1f" : "%.0f"; }

std::string with_interval(const Estimate& e) {
  if (e.n == 0) return "-";
  const char* format = precision(e.median);
  return printed(format, e.median) + " [" + printed(format, e.low) + ", " + printed(format, e.high) + "]";
}

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string to_csv(const Matrix& matrix) {
  std::string out =
      "engine,device,version,status,reason,quant,sha256,context,threads,batch,kv,prompt_tokens,output_tokens,"
      "ttft_ms,ttft_ms_low,ttft_ms_high,prefill_tok_s,prefill_tok_s_low,prefill_tok_s_high,decode_tok_s,"
      "decode_tok_s_low,decode_tok_s_high,rounds,share_of_limit,top1,kl,max_abs,memory_peak_bytes,swap_delta_bytes,"
      "others_cpu_cores,chip,os\n";
  const auto field = [](double value) { return std::isfinite(value) ? printed("%.6g", value) : std::string(); };
  for (const Row& row : matrix.rows) {
    const Subject& c = row.subject;
    std::vector<std::string> fields{quoted(c.engine),
                                    quoted(c.device),
                                    quoted(c.version),
                                    name(row.status),
                                    quoted(row.reason),
                                    matrix.artifact.quant,
                                    matrix.artifact.sha256,
                                    std::to_string(c.context),
                                    std::to_string(c.threads),
                                    std::to_string(c.batch),
                                    c.kv,
                                    std::to_string(matrix.settings.prompt_tokens),
                                    std::to_string(matrix.settings.output_tokens)};
    for (const Estimate* e : {&row.ttft_ms, &row.prefill_tok_s, &row.decode_tok_s}) {
      for (const double value : {e->median, e->low, e->high}) fields.push_back(e->n == 0 ? "" : field(value));
    }
    fields.push_back(std::to_string(row.rounds.size()));
    fields.push_back(field(share_of_limit(row, matrix.artifact, matrix.ceilings)));
    fields.push_back(c.parity ? field(c.parity->top1_share()) : "");
    fields.push_back(c.parity ? field(c.parity->kl_mean) : "");
    fields.push_back(c.parity ? field(c.parity->max_abs) : "");
    fields.push_back(row.memory.peak_bytes == 0 ? "" : std::to_string(row.memory.peak_bytes));
    fields.push_back(row.memory.swap_known ? std::to_string(row.memory.swap_out_bytes) : "");
    fields.push_back(field(row.noise.others_cpu_cores));
    fields.push_back(quoted(matrix.machine.chip));
    fields.push_back(quoted(matrix.machine.os));
    for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : ",") + fields[i];
    out += '\n';
  }
  return out;
}

std::string to_table(const Matrix& matrix) {
  std::vector<std::vector<std::string>> cells{
      {"engine", "device", "TTFT ms", "prefill tok/s", "decode tok/s", "of limit", "top-1", "max|d|", "memory"}};
  std::string notes;
  for (const Row& row : matrix.rows) {
    const Subject& c = row.subject;
    const double share = share_of_limit(row, matrix.artifact, matrix.ceilings);
    cells.push_back({c.engine, c.device, with_interval(row.ttft_ms), with_interval(row.prefill_tok_s),
                     with_interval(row.decode_tok_s), std::isfinite(share) ? printed("%.0f %%", share * 100) : "-",
                     c.parity ? printed("%.1f %%", c.parity->top1_share() * 100) : "-",
                     c.parity ? printed("%.3g", c.parity->max_abs) + (c.parity->holds() ? "" : " !") : "-",
                     row.memory.peak_bytes == 0 ? "-" : human_bytes(static_cast<double>(row.memory.peak_bytes))});
    if (row.status != Row::Status::ok) notes += "  " + c.engine + ": " + name(row.status) + ": " + row.reason + "\n";
    if (c.parity && !c.parity->holds()) {
      notes += "  " + c.engine + ": parity is outside its bound of " + printed("%.3g", c.parity->bound) + "\n";
    }
    if (!c.parity && !c.parity_reason.empty()) notes += "  " + c.engine + ": no parity: " + c.parity_reason + "\n";
    for (const std::string& reason : noise_reasons(row.noise))
      notes += "  " + c.engine + ": noisy run: " + reason + "\n";
    if (row.memory.swap_out_bytes > 0) {
      notes +=
          "  " + c.engine + ": " + human_bytes(static_cast<double>(row.memory.swap_out_bytes)) + " were swapped out\n";
    }
    if (row.cold) {
      notes += "  " + c.engine + ": cold round apart: TTFT " + printed("%.1f", row.cold->ttft_ms()) + " ms, decode " +
               printed("%.1f", row.cold->decode_tok_s()) + " tok/s\n";
    }
  }
  std::vector<std::size_t> widths(cells[0].size());
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  const device::HostFacts& m = matrix.machine;
  out += "machine   " + m.chip + ", " + std::to_string(m.cores) + " cores, " +
         human_bytes(static_cast<double>(m.memory_bytes)) + ", " + m.os + ", power: " + m.power_source + "\n";
  out += "ceilings  read " + printed("%.1f", matrix.ceilings.read_gb_s) + " GB/s, int8 " +
         printed("%.0f", matrix.ceilings.int8_gmac_s) + " GMAC/s\n";
  out += "artifact  " + matrix.artifact.path + ", " + matrix.artifact.quant + ", " +
         human_bytes(static_cast<double>(matrix.artifact.bytes)) + ", sha256 " + matrix.artifact.sha256.substr(0, 12) +
         ", " + human_bytes(static_cast<double>(matrix.artifact.bytes_per_token)) + " read per token\n";
  if (!matrix.artifact.synthesized.empty()) {
    out += "          random weights in the shape " + matrix.artifact.synthesized +
           ": speed does not depend on their values, text does\n";
  }
  out += "workload  " + std::to_string(matrix.settings.prompt_tokens) + " prompt + " +
         std::to_string(matrix.settings.output_tokens) + " output tokens, " + std::to_string(matrix.settings.rounds) +
         " rounds, median [95 % interval]\n\n";
  for (const auto& line : cells) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i] + std::string(widths[i] - line[i].size() + (i + 1 < line.size() ? 2 : 0), ' ');
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  if (m.cache_bytes > 0 && matrix.artifact.bytes_per_token < m.cache_bytes) {
    notes += "  the weights fit into the cache of " + human_bytes(static_cast<double>(m.cache_bytes)) +
             ": reading memory does not bound them, and 'of limit' may pass 100 %\n";
  }
  return notes.empty() ? out : out + "\n" + notes;
}

}  // namespace assay::measure
