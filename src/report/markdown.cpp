// The record as Markdown for an issue: no figures, all the words.
#include <cmath>
#include <vector>

#include "report/format.h"
#include "report/legend.h"
#include "report/report.h"
#include "report/story.h"

namespace assay::measure {
namespace report {
namespace {

std::string estimate_text(const Estimate& e) {
  if (e.n == 0) return "–";
  const std::string range = interval(e);
  return number(e.median) + (range.empty() ? "" : " " + range);
}

std::string parity_text(const Subject& subject) {
  if (!subject.parity) return subject.text_only ? "n/a" : "–";
  std::string out = subject.parity->holds() ? "pass" : "**FAIL**";
  for (const std::string& line : parity_lines(*subject.parity)) out += ", " + markdown(line);
  return out;
}

std::string memory_text(const Memory& memory) {
  const auto total = static_cast<double>(memory.peak_bytes) + static_cast<double>(memory.device_peak_bytes);
  std::string out = total > 0 ? bytes(total) : std::string("–");
  std::string parts;
  if (memory.device_peak_bytes > 0) {
    parts = "host " + bytes(static_cast<double>(memory.peak_bytes)) + ", GPU " +
            bytes(static_cast<double>(memory.device_peak_bytes));
  }
  if (memory.predicted) {
    const MemoryUse& use = *memory.predicted;
    parts += (parts.empty() ? "" : ", ") + std::string("predicted ") +
             bytes(static_cast<double>(use.weights) + static_cast<double>(use.kv) + static_cast<double>(use.scratch));
  }
  return parts.empty() ? out : out + " (" + parts + ")";
}

std::string tail_text(const Delay& delay) {
  const Tail tail = tail_of_delay(delay);
  return number(tail.ms) + (tail.name == "p99" || !std::isfinite(tail.ms) ? "" : " (" + tail.name + ")");
}

std::string table_row(const Matrix& matrix, const Naming& naming, std::size_t i) {
  const Row& row = matrix.rows[i];
  const std::string lengths = group_of(matrix, row) == Group::other_lengths ? " (" + lengths_of(row) + ")" : "";
  std::string out = "| " + markdown(naming.labels[i] + lengths) + " | " + markdown(row.subject.device, 60) + " | " +
                    markdown(row.subject.version, 80) + " | ";
  if (row.status != Row::Status::ok && row.decode_tok_s.n == 0) {
    return out + (row.status == Row::Status::refused ? "refused" : "failed") + " | | | | | | | |\n";
  }
  const double share = share_of_limit(row);
  const double energy = row.energy.j_per_token;
  return out + estimate_text(row.ttft_ms) + " | " +
         (row.prompts == Prompts::fresh ? estimate_text(row.prefill_tok_s) : "n/a") + " | " +
         estimate_text(row.decode_tok_s) + " | " + percent(share) + " | " + parity_text(row.subject) + " | " +
         memory_text(row.memory) + " | " + tail_text(row.foreground.timer) + " | " +
         (std::isfinite(energy) ? number(energy) : "n/a") + " |\n";
}

}  // namespace
}  // namespace report

std::string to_markdown(const Matrix& matrix) {
  using namespace report;
  const Naming naming = naming_of(matrix);
  const Verdict verdict = verdict_of(matrix, naming);
  std::string out = "### " + markdown(artifact_title(matrix.artifact)) +
                    (place_title(matrix).empty() ? "" : " on " + markdown(place_title(matrix))) + "\n\n**" +
                    markdown(verdict.headline) + "**\n\n" + markdown(subject_sentence(matrix), 2 * text_max) + "\n\n";
  for (const std::string& sentence : verdict.sentences) out += "- " + markdown(sentence, 2 * text_max) + "\n";
  if (!verdict.sentences.empty()) out += "\n";
  if (naming.shown() > 0) {
    out +=
        "| engine | device | version | TTFT ms | prefill tok/s | decode tok/s | of limit | parity | memory | "
        "foreground p99 ms | J/token |\n"
        "|---|---|---|--:|--:|--:|--:|---|--:|--:|--:|\n";
    std::vector<const Estimate*> shown;
    for (const std::size_t i : in_groups(matrix, naming)) {
      out += table_row(matrix, naming, i);
      for (const Estimate* e : {&matrix.rows[i].ttft_ms, &matrix.rows[i].prefill_tok_s, &matrix.rows[i].decode_tok_s}) {
        shown.push_back(e);
      }
    }
    const std::string brackets = interval_meaning(shown);
    out += "\nMedian over " + counted(matrix.settings.rounds, "round") +
           (brackets.empty() ? "" : "; in brackets: " + brackets) + ".\n";
  }
  const auto remarks = remarks_of(matrix, naming);
  if (!remarks.empty()) out += "\n";
  for (const Remark& remark : remarks) {
    out += "- " + (remark.tone == Remark::Tone::plain ? markdown(remark.who) : "**" + markdown(remark.who) + "**") +
           ": " + markdown(remark.text, 2 * text_max) + "\n";
  }
  const std::string when = utc(matrix.started_unix_s);
  out += "\nMachine: " + markdown(matrix.machine.chip) + ", " + std::to_string(matrix.machine.cores) + " cores, " +
         bytes(static_cast<double>(matrix.machine.memory_bytes)) + ", " + markdown(matrix.machine.os) + ", reads " +
         number(matrix.ceilings.read_gb_s) + " GB/s. Weights: sha256 " + markdown(matrix.artifact.sha256, 64) + ", " +
         bytes(static_cast<double>(matrix.artifact.bytes_per_token)) + " per token." +
         (when.empty() ? "" : " " + when + ".") + "\n";
  if (!matrix.command.empty()) {
    // In a code block only the fence itself could end it.
    std::string command = clean(matrix.command, command_max);
    for (std::size_t at = command.find("```"); at != std::string::npos; at = command.find("```", at)) {
      command.replace(at, 3, "'''");
    }
    out += "\n```\n" + command + "\n```\n";
  }
  return out;
}

}  // namespace assay::measure
