// The HTML document around tables and plots.
#include <algorithm>
#include <cstdint>
#include <span>

#include "base/sha256.h"
#include "measure/report/figures.h"
#include "measure/report/format.h"
#include "measure/report/page_parts.h"
#include "measure/report/report.h"
#include "measure/report/story.h"
#include "measure/report/style.h"

namespace assay::measure {
namespace report {
namespace {

// The SHA-256 of a text in base64, as a Content-Security-Policy names a script.
std::string policy_hash(std::string_view text) {
  const std::string hex = sha256_hex(std::as_bytes(std::span(text)));
  const auto nibble = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t gathered = 0;
  int bits = 0;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    gathered = gathered << 8U | nibble(hex[i]) << 4U | nibble(hex[i + 1]);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out += digits[gathered >> bits & 63U];
    }
  }
  if (bits > 0) out += digits[gathered << (6 - bits) & 63U];
  while (out.size() % 4 != 0) out += '=';
  return "'sha256-" + out + "'";
}

std::string section(std::string_view id, std::string_view heading, std::string_view content) {
  if (content.empty()) return {};
  return "<section id=\"" + std::string(id) + "\"><h2>" + escaped(heading) + "</h2>\n" + std::string(content) +
         "</section>\n";
}

std::string picture_html(const Picture& picture) {
  std::string out = "<figure id=\"" + picture.id + "\"><h3>" + escaped(picture.title);
  if (!picture.hint.empty()) out += "<small>" + escaped(picture.hint) + "</small>";
  out += "</h3>" + picture.svg;
  std::string caption;
  for (std::size_t at = 0; at < picture.caption.size();) {
    const std::size_t end = std::min(picture.caption.find('\n', at), picture.caption.size());
    caption += (at == 0 ? "" : "<br>") + escaped(std::string_view(picture.caption).substr(at, end - at), 8 * text_max);
    at = end + 1;
  }
  return out + (caption.empty() ? "" : "<figcaption>" + caption + "</figcaption>") + "</figure>\n";
}

std::string header(const Matrix& matrix, const Naming& naming) {
  std::string when = utc(matrix.started_unix_s);
  if (matrix.seconds > 0) when += (when.empty() ? "took " : ", took ") + seconds(matrix.seconds);
  std::string out = "<header><div class=\"bar\"><span><b>assay matrix</b>" +
                    (when.empty() ? "" : " · " + escaped(when)) +
                    "</span><button id=\"theme\" type=\"button\" hidden>dark</button></div>\n";
  out += "<p class=\"kicker\">" + escaped(artifact_title(matrix.artifact)) +
         (matrix.machine.chip.empty() ? "" : " on " + escaped(matrix.machine.chip)) + "</p>\n";
  const Verdict verdict = verdict_of(matrix, naming);
  out += "<h1>" + escaped(verdict.headline) + "</h1>\n<p class=\"lede\">" +
         escaped(subject_sentence(matrix), 2 * text_max) + "</p>\n";
  if (!verdict.sentences.empty()) {
    out += "<ul class=\"verdict\">";
    for (const std::string& sentence : verdict.sentences) out += "<li>" + escaped(sentence, 2 * text_max) + "</li>";
    out += "</ul>\n";
  }
  return out + "</header>\n";
}

std::string repeat(const Matrix& matrix) {
  std::string out;
  if (!matrix.command.empty()) out += "<p>The run:</p><pre>" + escaped(matrix.command, command_max) + "</pre>";
  out +=
      "<p>The same again with every setting from its record, and what differs then. The record is the file that "
      "<code>--record</code> named, else a new one in <code>$ASSAY_HOME/records</code>, or what <code>--json</code> "
      "printed:</p><pre>assay matrix --repeat RECORD.json</pre>"
      "<p>This page again, without measuring:</p><pre>assay matrix --from RECORD.json --html FILE.html</pre>";
  return out;
}

}  // namespace
}  // namespace report

std::string to_html(const Matrix& matrix) {
  using namespace report;
  const Naming naming = naming_of(matrix);
  std::string title = artifact_title(matrix.artifact);
  if (!matrix.machine.chip.empty()) title += " on " + clean(matrix.machine.chip, 100);
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src " +
      policy_hash(page_script()) + "\">\n";
  out += "<meta name=\"referrer\" content=\"no-referrer\">\n<title>assay matrix: " + escaped(title) +
         "</title>\n<style>" + page_style() + "</style>\n</head>\n<body>\n";
  out += header(matrix, naming) + "<main>\n";
  if (const Hero hero = hero_of(matrix, naming); !hero.wide.empty()) {
    out += "<figure class=\"hero\" id=\"decode\"><h3>Decode speed<small>higher is better</small></h3>" + hero.wide +
           hero.narrow + "<figcaption>" + escaped(hero.caption) + "</figcaption></figure>\n";
  }
  out += section("results", "Results",
                 result_table(matrix, naming) + remark_list(matrix, naming) + round_table(matrix, naming));
  out += section("cold", "Cold starts", cold_table(matrix, naming));
  for (const PictureSection& pictures : sections_of(matrix, naming)) {
    std::string content = "<div class=\"grid\">\n";
    for (const Picture& picture : pictures.pictures) content += picture_html(picture);
    out += section(pictures.id, pictures.heading, content + "</div>");
  }
  out += section("open-loop", "Requests at random moments", open_loop_table(matrix, naming));
  out += section("border", "Cost of the process border", border_table(matrix, naming));
  out += section("facts", "What was measured", facts(matrix, naming));
  out += section("reading", "How to read the numbers", definitions(matrix));
  out += section("repeat", "Repeat it", repeat(matrix));
  out += "</main>\n<footer><div>Made by assay " + escaped(matrix.environment.assay_version, 80) +
         ". One file, nothing is loaded from elsewhere.</div></footer>\n<script>" + std::string(page_script()) +
         "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace assay::measure
