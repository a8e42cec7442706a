#include <cmath>
#include <string>
#include <vector>

#include "measure/matrix_output.h"
#include "measure/printed.h"

namespace assay::measure {
namespace {

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
      "others_cpu_cores,chip,os,prompts,parity_holds,timer_p99_ms,pages_p99_ms,idle_timer_p99_ms,energy_j_per_token,"
      "drift_ratio,drift_percent_per_minute,noisy,adapted\n";
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
                                    std::to_string(row.prompt_tokens),
                                    std::to_string(row.output_tokens)};
    for (const Estimate* e : {&row.ttft_ms, &row.prefill_tok_s, &row.decode_tok_s}) {
      for (const double value : {e->median, e->low, e->high}) fields.push_back(e->n == 0 ? "" : field(value));
    }
    fields.push_back(std::to_string(row.rounds.size()));
    fields.push_back(field(share_of_limit(row)));
    fields.push_back(c.parity ? field(c.parity->top1_share()) : "");
    fields.push_back(c.parity ? field(c.parity->kl_mean) : "");
    fields.push_back(c.parity ? field(c.parity->max_abs) : "");
    fields.push_back(row.memory.peak_bytes == 0 ? "" : std::to_string(row.memory.peak_bytes));
    fields.push_back(row.memory.swap_known ? std::to_string(row.memory.swap_out_bytes) : "");
    fields.push_back(field(row.noise.others_cpu_cores));
    fields.push_back(quoted(matrix.machine.chip));
    fields.push_back(quoted(matrix.machine.os));
    fields.emplace_back(row.prompts == Prompts::cached ? "cached" : "fresh");
    fields.emplace_back(!c.parity ? "" : c.parity->holds() ? "1" : "0");
    fields.push_back(field(row.foreground.timer.p99_ms));
    fields.push_back(field(row.foreground.pages.p99_ms));
    fields.push_back(field(matrix.environment.idle.timer.p99_ms));
    fields.push_back(field(row.energy.j_per_token));
    fields.push_back(row.drift && row.drift->ratio.n > 0 ? field(row.drift->ratio.median) : "");
    fields.push_back(row.drift && row.drift->ratio.n > 0 ? field(row.drift->slope_percent_per_minute.median) : "");
    const auto is_noisy = noisy(row.noise);
    fields.emplace_back(!is_noisy ? "" : *is_noisy ? "1" : "0");
    fields.push_back(quoted(row.adapted));
    for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : ",") + fields[i];
    out += '\n';
  }
  return out;
}

}  // namespace assay::measure
