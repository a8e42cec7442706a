// The HTML document around tables and plots.
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "record/record_in_page.h"
#include "record/record_json.h"
#include "report/figures.h"
#include "report/format.h"
#include "report/page_parts.h"
#include "report/report.h"
#include "report/story.h"
#include "report/style.h"

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

struct Section {
  std::string id;
  std::string heading;
  std::string content;  // HTML; empty: the section is left out
  bool folds = false;   // long and seldom read: folded on telephones
};

// Narrow plots stand two beside each other; one that would stand alone is drawn for the whole width, and once more for
// telephones.
std::string drawn(const Picture& picture, bool wide) {
  if (!wide) return picture.drawing(Size{});
  return picture.drawing(Size{.width = 1000, .css_class = "only-wide"}) +
         picture.drawing(Size{.css_class = "only-narrow"});
}

std::string picture_html(const Picture& picture, bool wide, std::string_view css_class = {}) {
  std::string out = "<figure id=\"" + picture.id + "\"";
  if (!css_class.empty()) out += " class=\"" + std::string(css_class) + "\"";
  out += "><h3>" + escaped(picture.title);
  if (!picture.hint.empty()) out += "<small>" + escaped(picture.hint) + "</small>";
  out += "</h3>" + drawn(picture, wide) + picture.legend;
  std::string caption;
  for (std::size_t at = 0; at < picture.caption.size();) {
    const std::size_t end = std::min(picture.caption.find('\n', at), picture.caption.size());
    caption += (at == 0 ? "" : "<br>") + escaped(std::string_view(picture.caption).substr(at, end - at), 8 * text_max);
    at = end + 1;
  }
  return out + (caption.empty() ? "" : "<figcaption>" + caption + "</figcaption>") + "</figure>\n";
}

std::string pictures_html(const std::vector<Picture>& pictures) {
  std::string out = "<div class=\"grid\">\n";
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const bool alone = i + 1 == pictures.size() && i % 2 == 0;
    out += picture_html(pictures[i], alone, alone ? "span" : "");
  }
  return out + "</div>";
}

std::string contents(const std::vector<Section>& sections) {
  std::string out;
  for (const Section& section : sections) {
    out += "<li><a href=\"#" + section.id + "\">" + escaped(section.heading) + "</a></li>";
  }
  return "<nav aria-label=\"On this page\"><ul>" + out + "</ul></nav>\n";
}

std::string header(const Matrix& matrix, const Naming& naming) {
  std::string when = utc(matrix.started_unix_s);
  if (matrix.seconds > 0) when += (when.empty() ? "took " : ", took ") + seconds(matrix.seconds);
  std::string out = "<header><div class=\"bar\"><span><b>assay matrix</b>" +
                    (when.empty() ? "" : " · " + escaped(when)) +
                    "</span><button id=\"theme\" type=\"button\" hidden>dark</button></div>\n";
  out += "<p class=\"kicker\">" + escaped(artifact_title(matrix.artifact)) +
         (place_title(matrix).empty() ? "" : " on " + escaped(place_title(matrix))) + "</p>\n";
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

std::string repeat(const Matrix& matrix, bool embedded) {
  std::string out;
  if (!matrix.command.empty()) out += "<p>The run:</p><pre>" + escaped(matrix.command, command_max) + "</pre>";
  out += embedded
             ? "<p>The record of the run is inside this page, so that the page itself can be named where a record is "
               "expected. The same again with every setting, and what differs then; compared with another record or "
               "page; drawn again:</p><pre>assay matrix --repeat PAGE.html\nassay matrix --compare PAGE.html "
               "OTHER.json\nassay matrix --from PAGE.html --csv FILE.csv</pre>"
             : "<p>The record of the run is too large to be kept inside this page. It is the file that "
               "<code>--record</code> named, else a new one in <code>$ASSAY_HOME/records</code>.</p>"
               "<pre>assay matrix --repeat RECORD.json\nassay matrix --from RECORD.json --html FILE.html</pre>";
  return out;
}

std::vector<Section> sections(const Matrix& matrix, const Naming& naming, bool embedded) {
  std::vector<Section> out{
      {"results", "Results", result_table(matrix, naming) + remark_list(matrix, naming) + round_table(matrix, naming)},
      {"latency", "Between tokens and end to end", latency_table(matrix, naming)},
      {"cold", "Loading and cold starts", cold_table(matrix, naming)}};
  for (const PictureSection& pictures : sections_of(matrix, naming)) {
    out.push_back({pictures.id, pictures.heading, pictures_html(pictures.pictures)});
  }
  out.push_back({"open-loop", "Requests at random moments", open_loop_table(matrix, naming)});
  out.push_back({"border", "Cost of the process border", border_table(matrix, naming)});
  out.push_back({"facts", "What was measured", facts(matrix, naming), true});
  out.push_back({"reading", "How to read the numbers", definitions(matrix), true});
  out.push_back({"repeat", "Repeat it", repeat(matrix, embedded)});
  std::erase_if(out, [](const Section& section) { return section.content.empty(); });
  return out;
}

}  // namespace
}  // namespace report

std::string to_html(const Matrix& matrix) {
  using namespace report;
  const Naming naming = naming_of(matrix);
  std::string record = embedded_record(to_json(matrix));
  const bool embedded = record.size() <= embedded_bytes_max;
  if (!embedded) record.clear();
  std::string title = artifact_title(matrix.artifact);
  if (const std::string place = place_title(matrix); !place.empty()) title += " on " + place;
  const std::string style = page_style();
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; "
      "style-src " +
      policy_hash(style) + "; script-src " + policy_hash(page_script()) + "\">\n";
  out += "<meta name=\"referrer\" content=\"no-referrer\">\n<title>assay matrix: " + escaped(title) +
         "</title>\n<style>" + style + "</style>\n</head>\n<body>\n";
  const std::vector<Section> parts = sections(matrix, naming, embedded);
  out += header(matrix, naming) + contents(parts) + "<main>\n";
  if (const Picture decode = decode_picture(matrix, naming); decode.drawing) out += picture_html(decode, true, "hero");
  for (const Section& part : parts) {
    const std::string heading = "<h2>" + escaped(part.heading) + "</h2>";
    out +=
        "<section id=\"" + part.id + "\">" +
        (part.folds ? "<details class=\"fold\" open><summary>" + heading + "</summary>\n" + part.content + "</details>"
                    : heading + "\n" + part.content) +
        "</section>\n";
  }
  out += "</main>\n<footer><div>Made by assay " + escaped(matrix.environment.assay_version, 80) +
         ". One file, nothing is loaded from elsewhere.</div></footer>\n" + record + "\n<script>" +
         std::string(page_script()) + "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace assay::measure
