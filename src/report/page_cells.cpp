#include "report/page_cells.h"

#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/page_parts.h"

namespace assay::measure::report {

std::string cell(std::string_view label, std::string_view html, std::string_view css_class) {
  std::string out = "<td";
  if (!css_class.empty()) out += " class=\"" + std::string(css_class) + "\"";
  if (!label.empty()) out += " data-label=\"" + escaped(label) + "\"";
  return out + ">" + std::string(html) + "</td>";
}

std::string small(std::string_view text) {
  return text.empty() ? std::string() : "<small>" + escaped(text) + "</small>";
}

std::string small_figures(std::string_view text) {
  return text.empty() ? std::string() : "<small class=\"n\">" + escaped(text) + "</small>";
}

std::string bold(std::string_view text) { return "<b>" + escaped(text) + "</b>"; }

std::string estimate_html(const Estimate& e) {
  return e.n == 0 || !std::isfinite(e.median) ? "–" : bold(number(e.median)) + small_figures(interval(e));
}

// A name that is short stays whole in a narrow column; a long one is broken rather than cut.
std::string label_html(const Naming& naming, std::size_t i) {
  constexpr std::size_t whole = 24;
  return "<span class=\"name s" + std::to_string(naming.series[i]) +
         (code_points(naming.labels[i]) <= whole ? " whole" : "") + "\">" + escaped(naming.labels[i]) + "</span>";
}

std::string name_html(const Matrix& matrix, const Naming& naming, std::size_t i) {
  const Row& row = matrix.rows[i];
  const Subject& s = row.subject;
  std::string out = label_html(naming, i);
  std::string where;
  for (const std::string* part : {&s.device, &s.version}) {
    if (part->empty() || naming.labels[i].find(*part) != std::string::npos) continue;
    where += (where.empty() ? "" : ", ") + clean(*part, 80);
  }
  out += small(where);
  if (row.prompts == Prompts::cached) {
    std::uint32_t cached = 0;
    for (const Timing& timing : row.rounds) cached = std::max(cached, timing.cached_tokens);
    out += small(std::to_string(cached) + " of " + std::to_string(row.prompt_tokens) + " prompt tokens from the cache");
  } else if (group_of(matrix, row) == Group::other_lengths) {
    out += small(lengths_of(row));
  }
  if (noisy(row.noise).value_or(false)) out += "<small class=\"warn\">noisy run</small>";
  return out;
}

std::string tail_html(const Delay& delay) {
  const Tail tail = tail_of_delay(delay);
  if (!std::isfinite(tail.ms)) return "–";
  return bold(number(tail.ms)) + (tail.name == "p99" ? "" : small_figures(tail.name));
}

std::string group_line(Group group, std::size_t columns) {
  return "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"" + std::to_string(columns) + "\">" +
         escaped(title_of(group)) + "<small>not compared with the rows above</small></th></tr>";
}

std::string table(std::string_view css_class, const std::vector<Head>& heads, std::string_view body) {
  std::string out = "<div class=\"scroll\"><table class=\"" + std::string(css_class) + "\"><thead><tr>";
  for (const Head& head : heads) {
    const std::string name = head.term.empty() ? escaped(head.name) : linked_term(head.term, head.name);
    out +=
        "<th scope=\"col\">" + name + (head.unit.empty() ? "" : "<small>" + escaped(head.unit) + "</small>") + "</th>";
  }
  return out + "</tr></thead><tbody>" + std::string(body) + "</tbody></table></div>";
}

}  // namespace assay::measure::report
