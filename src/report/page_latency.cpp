// What a user waits for beside the first token: loading, time between tokens, the whole answer; and what it costs in joules.
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "report/format.h"
#include "report/legend.h"
#include "report/page_cells.h"
#include "report/page_parts.h"

namespace assay::measure::report {
namespace {

struct Column {
  Head head;
  std::function<std::string(const Row&)> html;  // empty: this row has none
};

std::string figure(double value) { return std::isfinite(value) ? bold(number(value)) : std::string(); }

std::string estimate_or_nothing(const Estimate& e) {
  return e.n == 0 || !std::isfinite(e.median) ? std::string() : estimate_html(e);
}

std::string tail_or_nothing(const Delay& delay) {
  return std::isfinite(tail_of_delay(delay).ms) ? tail_html(delay) : std::string();
}

std::vector<Column> columns() {
  return {{{"Between tokens", "median, ms", "gap"}, [](const Row& r) { return estimate_or_nothing(r.gap_ms); }},
          {{"Between tokens", "p99, ms", "gap"}, [](const Row& r) { return tail_or_nothing(r.between_tokens); }},
          {{"End to end", "ms", "total"}, [](const Row& r) { return estimate_or_nothing(r.total_ms); }},
          {{"Prefill, marginal", "tok/s", "marginal"},
           [](const Row& r) { return estimate_or_nothing(r.marginal_prefill_tok_s); }},
          {{"Energy", "J/prompt token", "energy"}, [](const Row& r) { return figure(r.energy.j_per_prompt_token); }},
          {{"Energy", "J/output token", "energy"}, [](const Row& r) { return figure(r.energy.j_per_output_token); }}};
}

}  // namespace

std::string latency_table(const Matrix& matrix, const Naming& naming) {
  std::vector<Column> shown = columns();
  std::vector<std::size_t> rows;
  for (const std::size_t i : in_groups(matrix, naming)) {
    if (std::ranges::any_of(shown, [&](const Column& c) { return !c.html(matrix.rows[i]).empty(); })) rows.push_back(i);
  }
  std::erase_if(shown, [&](const Column& column) {
    return std::ranges::all_of(rows, [&](std::size_t i) { return column.html(matrix.rows[i]).empty(); });
  });
  if (rows.empty()) return {};
  std::vector<Head> heads{{"Engine"}};
  for (const Column& column : shown) heads.push_back(column.head);
  std::string body;
  Group before = Group::workload;
  std::vector<const Estimate*> estimates;
  for (const std::size_t i : rows) {
    const Row& row = matrix.rows[i];
    if (const Group group = group_of(matrix, row); group != before) {
      body += group_line(group, shown.size() + 1);
      before = group;
    }
    body += "<tr>" + cell("", name_html(matrix, naming, i));
    for (const Column& column : shown) {
      const std::string html = column.html(row);
      body += cell(column.head.name + ", " + column.head.unit, html.empty() ? "–" : html, html.empty() ? "none" : "");
    }
    for (const Estimate* e : {&row.gap_ms, &row.total_ms, &row.marginal_prefill_tok_s}) estimates.push_back(e);
    body += "</tr>";
  }
  const std::string brackets = interval_meaning(estimates);
  return table("cards", heads, body) + "<p class=\"under\">Medians over rounds" +
         (brackets.empty() ? "" : "; in brackets: " + escaped(brackets)) +
         ". Between tokens, the tail is of all tokens of all rounds.</p>";
}

}  // namespace assay::measure::report
