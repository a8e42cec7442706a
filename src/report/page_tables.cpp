#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "report/format.h"
#include "report/legend.h"
#include "report/page_cells.h"
#include "report/page_parts.h"

namespace assay::measure::report {
namespace {

std::string parity_html(const Subject& subject) {
  if (!subject.parity) return subject.text_only ? "n/a<small>text only</small>" : "–";
  std::string out =
      subject.parity->holds() ? "<span class=\"good\">✓ pass</span>" : "<span class=\"bad\">✗ fail</span>";
  for (const std::string& line : parity_lines(*subject.parity)) {
    out += code_points(line) <= 24 ? small_figures(line) : small(line);
  }
  return out;
}

std::string memory_html(const Memory& memory) {
  const auto total = static_cast<double>(memory.peak_bytes) + static_cast<double>(memory.device_peak_bytes);
  std::string out = total > 0 ? bold(bytes(total)) : std::string("–");
  if (memory.device_peak_bytes > 0) {
    out += small("host " + bytes(static_cast<double>(memory.peak_bytes))) +
           small("GPU " + bytes(static_cast<double>(memory.device_peak_bytes)));
  }
  if (memory.predicted) {
    const MemoryUse& use = *memory.predicted;
    out += small("predicted " + bytes(static_cast<double>(use.weights) + static_cast<double>(use.kv) +
                                      static_cast<double>(use.scratch)));
  }
  return out;
}

// A column stands only where some row has something for it.
struct Column {
  std::string head;
  std::string term;  // of the definition that it is linked to
  std::string unit;
  std::function<bool(const Row&)> has;
  std::function<std::string(const Row&)> html;
  std::function<const Estimate*(const Row&)> ranked = nullptr;  // for marking the best
  bool low_is_best = false;
};

std::vector<Column> columns_of(const Matrix& matrix) {
  const auto share = [](const Row& row) { return share_of_limit(row); };
  const Tail idle = tail_of_delay(matrix.environment.idle.timer);
  std::vector<Column> all{
      {"TTFT", "ttft", "ms", [](const Row& r) { return r.ttft_ms.n > 0; },
       [](const Row& r) { return estimate_html(r.ttft_ms); }, [](const Row& r) { return &r.ttft_ms; }, true},
      {"Prefill", "prefill", "tok/s", [](const Row& r) { return r.prompts == Prompts::fresh && r.prefill_tok_s.n > 0; },
       [](const Row& r) { return r.prompts == Prompts::fresh ? estimate_html(r.prefill_tok_s) : std::string("n/a"); },
       [](const Row& r) { return &r.prefill_tok_s; }},
      {"Decode", "decode", "tok/s", [](const Row& r) { return r.decode_tok_s.n > 0; },
       [](const Row& r) { return estimate_html(r.decode_tok_s); }, [](const Row& r) { return &r.decode_tok_s; }},
      {"Of limit", "limit", "of reading memory", [share](const Row& r) { return std::isfinite(share(r)); },
       [share](const Row& r) { return std::isfinite(share(r)) ? bold(percent(share(r))) : std::string("n/a"); }},
      {"Parity", "parity", "with the reference", [](const Row& r) { return r.subject.parity.has_value(); },
       [](const Row& r) { return parity_html(r.subject); }},
      {"Memory", "memory", "peak", [](const Row& r) { return r.memory.peak_bytes > 0 || r.memory.predicted; },
       [](const Row& r) { return memory_html(r.memory); }},
      {"Foreground", "foreground", "p99 delay, ms" + (std::isfinite(idle.ms) ? "; idle " + number(idle.ms) : ""),
       [](const Row& r) { return std::isfinite(tail_of_delay(r.foreground.timer).ms); },
       [](const Row& r) {
         const Tail pages = tail_of_delay(r.foreground.pages);
         return tail_html(r.foreground.timer) +
                (std::isfinite(pages.ms)
                     ? small_figures("pages " + number(pages.ms)) + (pages.name == "p99" ? "" : small(pages.name))
                     : "");
       }},
      {"Energy", "energy", "J/token", [](const Row& r) { return std::isfinite(r.energy.j_per_token); },
       [](const Row& r) {
         if (!std::isfinite(r.energy.j_per_token)) return std::string("n/a");
         return bold(number(r.energy.j_per_token)) +
                (std::isfinite(r.energy.watts) ? small(number(r.energy.watts) + " W") : "");
       }},
      {"Drift", "drift", "last / first tenth", [](const Row& r) { return r.drift && r.drift->ratio.n > 0; },
       [](const Row& r) {
         if (!r.drift || r.drift->ratio.n == 0) return std::string("–");
         return estimate_html(r.drift->ratio);
       }}};
  std::erase_if(all, [&](const Column& column) { return std::ranges::none_of(matrix.rows, column.has); });
  return all;
}

// The row whose interval lies beyond those of all others; none where there is no such row.
std::size_t best_of(const Matrix& matrix, const Naming& naming, const Column& column) {
  if (!column.ranked) return naming.shown();
  std::size_t best = naming.shown();
  std::size_t compared = 0;
  const auto beats = [&](std::size_t a, std::size_t b) {
    const Estimate& x = *column.ranked(matrix.rows[a]);
    const Estimate& y = *column.ranked(matrix.rows[b]);
    return column.low_is_best ? x.high < y.low : x.low > y.high;
  };
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (group_of(matrix, row) == Group::workload && is_interval(*column.ranked(row))) candidates.push_back(i);
  }
  for (const std::size_t i : candidates) {
    ++compared;
    if (std::ranges::all_of(candidates, [&](std::size_t j) { return j == i || beats(i, j); })) best = i;
  }
  return compared > 1 ? best : naming.shown();
}

}  // namespace

std::string result_table(const Matrix& matrix, const Naming& naming) {
  if (naming.shown() == 0) return {};
  const std::vector<Column> columns = columns_of(matrix);
  std::vector<Head> heads{{"Engine"}};
  std::vector<std::size_t> best;
  for (const Column& column : columns) {
    heads.push_back({column.head, column.unit, column.term});
    best.push_back(best_of(matrix, naming, column));
  }
  const std::string width = std::to_string(std::max<std::size_t>(1, columns.size()));
  const auto why = [&](const Row& row) {
    return "<td class=\"why\" colspan=\"" + width + "\"><span class=\"bad\">" +
           (row.status == Row::Status::refused ? "refused" : "failed") + "</span> " + escaped(row.reason) +
           "</td></tr>";
  };
  std::string body;
  bool any_best = false;
  std::vector<const Estimate*> shown;
  Group before = Group::workload;
  for (const std::size_t i : in_groups(matrix, naming)) {
    const Row& row = matrix.rows[i];
    if (const Group group = group_of(matrix, row); group != before) {
      body += group_line(group, columns.size() + 1);
      before = group;
    }
    body += "<tr>" + cell("", name_html(matrix, naming, i));
    const bool measured = std::ranges::any_of(columns, [&](const Column& c) { return c.ranked && c.has(row); });
    if (row.status != Row::Status::ok && (!measured || columns.empty())) {
      body += why(row);
      continue;
    }
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::string html = columns[c].html(row);
      any_best = any_best || best[c] == i;
      if (columns[c].ranked) shown.push_back(columns[c].ranked(row));
      body += cell(columns[c].head + (columns[c].unit.empty() ? "" : ", " + columns[c].unit), html,
                   best[c] == i  ? "best"
                   : html == "–" ? "none"
                                 : "");
    }
    body += "</tr>";
    if (row.status != Row::Status::ok) body += "<tr><td></td>" + why(row);  // broke off later: both are told
  }
  const std::string brackets = interval_meaning(shown);
  return table("cards", heads, body) + "<p class=\"under\">Median over " + counted(matrix.settings.rounds, "round") +
         (brackets.empty() ? "" : "; in brackets: " + escaped(brackets)) + "." +
         (any_best ? " Underlined: the interval lies beyond all others." : "") + "</p>";
}

std::string remark_list(const Matrix& matrix, const Naming& naming) {
  std::string out;
  for (const Remark& remark : remarks_of(matrix, naming)) {
    if (remark.is_status) continue;  // stands in the table
    const std::string_view css_class = remark.tone == Remark::Tone::bad       ? " class=\"badly\""
                                       : remark.tone == Remark::Tone::warning ? " class=\"warning\""
                                                                              : "";
    out += "<li" + std::string(css_class) + "><b>" + escaped(remark.who) + "</b> " +
           escaped(remark.text, 2 * text_max) + "</li>";
  }
  return out.empty() ? out : "<ul class=\"remarks\">" + out + "</ul>";
}

std::string cold_table(const Matrix& matrix, const Naming& naming) {
  const std::span rows = std::span(matrix.rows).first(naming.shown());
  const bool any_load = std::ranges::any_of(rows, [](const Row& row) { return std::isfinite(row.load_s); });
  const bool any_first = std::ranges::any_of(rows, [](const Row& row) { return row.first.has_value(); });
  const bool any_cold = std::ranges::any_of(rows, [](const Row& row) { return row.cold.has_value(); });
  const auto beside = [](double value, const Estimate& rounds) {
    const bool comparable = rounds.n > 0 && rounds.median > 0 && std::isfinite(value);
    return bold(number(value)) +
           (comparable ? small_figures(multiple(value / rounds.median) + " the median") : std::string());
  };
  std::string body;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (row.prompts != Prompts::fresh || (!row.first && !row.cold && !std::isfinite(row.load_s))) continue;
    body += "<tr>" + cell("", name_html(matrix, naming, i));
    if (any_load) body += cell("Loading, s", std::isfinite(row.load_s) ? bold(number(row.load_s)) : "–");
    if (any_first) {
      const std::string tokens = row.first ? std::to_string(row.first->prompt_tokens) + " + " +
                                                 std::to_string(row.first->output_tokens) + " tokens"
                                           : "";
      body += cell("First request: TTFT, ms", row.first ? bold(number(row.first->ttft_ms())) : "–") +
              cell("First request: decode, tok/s",
                   row.first ? bold(number(row.first->decode_tok_s())) + small_figures(tokens) : "–");
    }
    if (any_cold) {
      body += cell("Cold round: TTFT, ms", row.cold ? beside(row.cold->ttft_ms(), row.ttft_ms) : "–") +
              cell("Cold round: decode, tok/s", row.cold ? beside(row.cold->decode_tok_s(), row.decode_tok_s) : "–");
    }
    body += "</tr>";
  }
  if (body.empty()) return {};
  std::vector<Head> heads{{"Engine"}};
  std::string under;
  if (any_load) {
    heads.push_back({"Loading", "s"});
    under += "Loading is from asking for the engine to its being ready to answer. ";
  }
  if (any_first) {
    heads.insert(heads.end(), {{"First request", "TTFT, ms"}, {"First request", "decode, tok/s"}});
    under +=
        "The first request is a short one, and the first that the engine answers after it has loaded the model; a "
        "server "
        "has been asked for one token before. ";
  }
  if (any_cold) {
    heads.insert(heads.end(), {{"Cold round", "TTFT, ms"}, {"Cold round", "decode, tok/s"}});
    under += "The cold round is the first request of full length. ";
  }
  return table("cards", heads, body) + "<p class=\"under\">" + under + "None of them is in a median.</p>";
}

std::string border_table(const Matrix& matrix, const Naming& naming) {
  std::string body;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const auto& border = matrix.rows[i].border;
    if (!border || !std::isfinite(border->total_us_per_call) || !std::isfinite(border->engine_us_per_call)) continue;
    const double cost = border->total_us_per_call - border->engine_us_per_call;
    body += "<tr>" + cell("", name_html(matrix, naming, i)) +
            cell("Forward pass, µs per call", bold(number(border->total_us_per_call))) +
            cell("Inside the engine, µs per call", bold(number(border->engine_us_per_call))) +
            cell("Border, µs per call", bold(number(cost))) +
            cell("Border, of a call",
                 border->total_us_per_call > 0 ? bold(percent(cost / border->total_us_per_call)) : "–") +
            "</tr>";
  }
  if (body.empty()) return {};
  return table("cards",
               {{"Engine"},
                {"Forward pass", "µs per call"},
                {"Inside the engine", "µs per call"},
                {"Border", "µs per call"},
                {"Border", "of a call"}},
               body) +
         "<p class=\"under\">A foreign engine runs in a process of its own. The border is what that adds: our clock "
         "around "
         "its forward passes, less its own clock inside. Decoding, a call is one token.</p>";
}

std::string open_loop_table(const Matrix& matrix, const Naming& naming) {
  std::string body;
  std::string why;
  std::vector<const Estimate*> estimates;
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const auto& loop = matrix.rows[i].open_loop;
    if (!loop || loop->sent == 0) continue;
    const auto ended = static_cast<std::uint64_t>(loop->requests.size());
    body +=
        "<tr>" + cell("", name_html(matrix, naming, i)) + cell("Rate, requests/s", bold(number(loop->rate_per_s))) +
        cell("Sent", bold(std::to_string(loop->sent))) + cell("Failed", bold(std::to_string(loop->failed))) +
        cell("TTFT, ms", estimate_html(loop->ttft_ms)) +
        cell("TTFT, p99 ms", tail_html({.p99_ms = loop->ttft_ms_p99, .max_ms = loop->ttft_ms_max, .samples = ended})) +
        cell("Decode, tok/s", estimate_html(loop->decode_tok_s)) +
        cell("Our own sends late, p99 ms", tail_html(loop->late)) + "</tr>";
    for (const Estimate* e : {&loop->ttft_ms, &loop->decode_tok_s}) estimates.push_back(e);
    if (loop->reason.empty()) continue;
    why += "<li class=\"warning\"><b>" + escaped(naming.labels[i]) + "</b> " +
           (loop->reason.starts_with(stopped_part) ? "is unfinished: " : "says nothing: ") + escaped(loop->reason) +
           "</li>";
  }
  if (body.empty()) return {};
  const std::string brackets = interval_meaning(estimates);
  return table("cards",
               {{"Engine"},
                {"Rate", "requests/s"},
                {"Sent"},
                {"Failed"},
                {"TTFT", "ms", "ttft"},
                {"TTFT", "p99, ms", "ttft"},
                {"Decode", "tok/s", "decode"},
                {"Our sends late", "p99, ms"}},
               body) +
         "<p class=\"under\">Requests at random moments, the same for every engine, whether or not earlier ones have "
         "ended; TTFT counts from the planned moment." +
         (brackets.empty() ? "" : " In brackets: " + escaped(brackets) + ", over blocks of neighbours.") + "</p>" +
         (why.empty() ? "" : "<ul class=\"remarks\">" + why + "</ul>");
}

std::string round_table(const Matrix& matrix, const Naming& naming) {
  std::string body;
  const auto values = [](const Row& row, double (*figure)(const Timing&)) {
    std::string out;
    for (std::size_t i = 0; i < row.rounds.size() && i < rounds_max; ++i) {
      out += (out.empty() ? "" : "  ") + number(figure(row.rounds[i]));
    }
    if (row.rounds.size() > rounds_max) out += " …";
    return out.empty() ? "–" : out;
  };
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    const Row& row = matrix.rows[i];
    if (row.rounds.empty() && !row.cold) continue;
    const auto line = [&](std::string_view what, double (*figure)(const Timing&)) {
      body += "<tr><td>" + escaped(naming.labels[i]) + "</td><td class=\"left\">" + escaped(what) + "</td><td>" +
              (row.cold ? number(figure(*row.cold)) : "–") + "</td><td class=\"left\">" + values(row, figure) +
              "</td></tr>";
    };
    line("TTFT, ms", [](const Timing& t) { return t.ttft_ms(); });
    line("decode, tok/s", [](const Timing& t) { return t.decode_tok_s(); });
  }
  if (body.empty()) return {};
  return "<details><summary>Every single round</summary><div class=\"scroll\"><table><thead><tr><th "
         "scope=\"col\">Engine</th><th "
         "scope=\"col\" class=\"left\">Figure</th><th scope=\"col\">Cold round</th><th scope=\"col\" "
         "class=\"left\">Rounds, in order</th></tr></thead><tbody>" +
         body + "</tbody></table></div></details>";
}

}  // namespace assay::measure::report
