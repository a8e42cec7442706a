#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "record/printed.h"
#include "record/record_json.h"
#include "report/format.h"
#include "report/scale.h"
#include "report/story.h"

namespace assay::measure {
namespace {

using report::number;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr double infinity = std::numeric_limits<double>::infinity();

Matrix golden(const std::string& name) {
  auto record = read_record(std::string(ASSAY_SOURCE_DIR) + "/tests/golden/records/" + name + ".json");
  EXPECT_TRUE(record) << to_string(record.error());
  return record ? *record : Matrix{};
}

const std::vector<std::string> golden_names{"laptop", "plain", "accelerator", "broken", "cold", "empty"};

// What is wrong with a document's tags: unclosed, crossed, an attribute twice or without quotes, a bare & or <. Empty:
// nothing. Knows the HTML that the page writes, not all of HTML.
std::string tag_complaint(const std::string& html) {
  const std::set<std::string> empty_elements{"meta", "br"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  std::set<std::string> links;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '&') {
      const std::size_t end = html.find(';', at);
      const std::string entity = html.substr(at, end == std::string::npos ? 8 : end - at + 1);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;" && entity != "&#39;") {
        return "bare & at " + html.substr(at, 40);
      }
    }
    if (html[at] == '>') return "bare > after " + html.substr(at < 60 ? 0 : at - 60, 60);
    if (html[at] != '<') {
      ++at;
      continue;
    }
    if (html.compare(at, 9, "<!DOCTYPE") == 0) {
      at = html.find('>', at) + 1;
      continue;
    }
    ++at;
    const bool closing = html[at] == '/';
    if (closing) ++at;
    std::string name;
    while (at < html.size() && std::isalnum(static_cast<unsigned char>(html[at])) != 0) name += html[at++];
    if (name.empty()) return "bare < at " + html.substr(at, 40);
    std::set<std::string> attributes;
    bool self_closing = false;
    while (at < html.size() && html[at] != '>') {
      if (html[at] == ' ') {
        ++at;
      } else if (html[at] == '/') {
        self_closing = true;
        ++at;
      } else {
        std::string attribute;
        while (at < html.size() && (std::isalnum(static_cast<unsigned char>(html[at])) != 0 || html[at] == '-'))
          attribute += html[at++];
        if (attribute.empty()) return "odd byte in <" + name + " at " + html.substr(at, 40);
        if (!attributes.insert(attribute).second) return "<" + name + "> has " + attribute + " twice";
        if (attribute.starts_with("on") || attribute == "src" || attribute == "style" ||
            (attribute == "href" && html.compare(at, 3, "=\"#") != 0)) {
          return "<" + name + "> has " + attribute;
        }
        if (html[at] != '=') continue;  // a bare attribute: hidden
        if (html[at + 1] != '"') return attribute + " without quotes";
        const std::size_t end = html.find('"', at + 2);
        if (attribute == "href") links.insert(html.substr(at + 3, end - at - 3));
        if (attribute == "id" && !ids.insert(html.substr(at + 2, end - at - 2)).second) {
          return "id twice: " + html.substr(at + 2, end - at - 2);
        }
        at = end + 1;
      }
    }
    ++at;
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (!self_closing && !empty_elements.contains(name)) {
      open.push_back(name);
      if (name == "script" || name == "style") at = html.find("</" + name, at);
    }
  }
  for (const std::string& link : links) {
    if (!ids.contains(link)) return "nothing has the id " + link + " that a link leads to";
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Which of these a page lacks, or has: a page is too long to be printed with a failure.
std::string missing(const std::string& text, const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += text.find(part) == std::string::npos ? part + "\n" : "";
  return out;
}
std::string met(const std::string& text, const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += text.find(part) != std::string::npos ? part + "\n" : "";
  return out;
}

// ---- numbers and text

TEST(ReportFormat, the_terminal_the_table_for_an_issue_and_the_page_show_the_same_digits) {
  for (const double value : {61.234, 0.26449, 9.999, 99.96, 1425.4, 39449.0, 0.0512, 2.0, 0.5, 244.3}) {
    std::string page = number(value);
    if (const std::size_t at = page.find("\u202f"); at != std::string::npos)
      page.erase(at, std::string("\u202f").size());
    EXPECT_EQ(page, measure::number(value));
    const Estimate e{.median = value, .low = value * 0.9, .high = value * 1.1, .n = 6, .coverage = 0.96875};
    std::string both = number(value) + " " + report::interval(e);
    for (std::size_t at = both.find("\u202f"); at != std::string::npos; at = both.find("\u202f")) {
      both.erase(at, std::string("\u202f").size());
    }
    EXPECT_EQ(both, with_interval(e));
  }
}

TEST(ReportFormat, numbers_have_three_significant_digits_and_whole_ones_all) {
  EXPECT_EQ(number(61.234), "61.2");
  EXPECT_EQ(number(0.26449), "0.264");
  EXPECT_EQ(number(9.999), "10.0");
  EXPECT_EQ(number(99.96), "100");
  EXPECT_EQ(number(1425), "1425");
  EXPECT_EQ(number(39449), "39\u202f449");
  EXPECT_EQ(number(1234567), "1\u202f234\u202f567");
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(-0.5), "−0.500");
  EXPECT_EQ(number(3.2e-6), "3.2×10⁻⁶");
  EXPECT_EQ(number(9.99e-6), "1.0×10⁻⁵");
  EXPECT_EQ(number(-4.5e12), "−4.5×10¹²");
  EXPECT_EQ(number(5e-324), "1.0×10⁻³²⁴");
  EXPECT_EQ(number(not_told), "–");
  EXPECT_EQ(number(infinity), "–");
}

TEST(ReportFormat, an_interval_has_the_decimals_of_its_median) {
  EXPECT_EQ(report::interval({.median = 61.23, .low = 9.87, .high = 100.04, .n = 5}), "[9.9, 100.0]");
  EXPECT_EQ(report::interval({.median = 1425, .low = 1399, .high = 1501, .n = 5}), "[1399, 1501]");
  EXPECT_EQ(report::interval({.median = 1, .low = 1, .high = 1, .n = 1}), "");
  EXPECT_EQ(report::interval({.median = 1, .low = not_told, .high = 1, .n = 5}), "");
}

TEST(ReportFormat, units_and_dates) {
  EXPECT_EQ(report::bytes(1000), "0.977\u202fKiB");
  EXPECT_EQ(report::bytes(333e6), "318\u202fMiB");
  EXPECT_EQ(report::bytes(1e30), "9.1×10¹⁷\u202fTiB");
  EXPECT_EQ(report::percent(0.863), "86.3\u202f%");
  EXPECT_EQ(report::seconds(372), "6\u202fmin 12\u202fs");
  EXPECT_EQ(report::seconds(600), "10\u202fmin");
  EXPECT_EQ(report::seconds(-1), "–");
  EXPECT_EQ(report::utc(1'795'437'600), "23 Nov 2026, 12:40 UTC");
  EXPECT_EQ(report::utc(951'782'400), "29 Feb 2000, 00:00 UTC");
  EXPECT_EQ(report::utc(-5), "");
  EXPECT_EQ(report::utc(std::numeric_limits<std::int64_t>::max()), "");
}

TEST(ReportFormat, foreign_text_is_neither_markup_nor_control) {
  EXPECT_EQ(report::escaped("<b a='1'>&\"</b>"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;&lt;/b&gt;");
  EXPECT_EQ(report::clean("a\nb\x1b[31m\x7f"), "a b\ufffd[31m\ufffd");
  EXPECT_EQ(report::clean("x\u202ey\u2066z\u200b"), "x\ufffdy\ufffdz\ufffd") << "marks that turn or hide text";
  EXPECT_EQ(report::clean("\xff\xc0\xaf\xed\xa0\x80 ü 漢 😀"), "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd ü 漢 😀");
  EXPECT_EQ(report::clean("\xf0\x9f\x98"), "\ufffd\ufffd\ufffd") << "a sequence that the text's end cuts";
  EXPECT_EQ(report::clean("abcdef", 3), "abc…");
  EXPECT_EQ(report::clean("aüüü", 2), "aü…") << "cut between characters";
  EXPECT_EQ(report::markdown("a|b`c`<d>@e http://f"), "a\\|b\\`c\\`&lt;d&gt;@\u2060e http:\u2060//f");
}

TEST(ReportFormat, a_long_name_keeps_both_ends) {
  EXPECT_EQ(report::shortened("short", 12), "short");
  EXPECT_EQ(report::shortened("an-engine-with-a-long-name", 12), "an-engin…ame");
  EXPECT_EQ(report::code_points(report::shortened("üüüüüüüüüüüüüüü", 8)), 8U);
}

// ---- axes

TEST(ReportScale, a_logarithm_is_taken_beyond_twenty_times_and_only_of_positive_values) {
  EXPECT_FALSE(report::scale_of(std::vector<double>{1, 20}, {}).logarithmic);
  EXPECT_TRUE(report::scale_of(std::vector<double>{1, 21}, {}).logarithmic);
  EXPECT_FALSE(report::scale_of(std::vector<double>{0, 1, 100}, {}).logarithmic);
}

TEST(ReportScale, values_too_small_for_a_step_between_them_are_zero) {
  for (const double tiny : {5e-324, -5e-324, 1e-308, -1e-301}) {
    for (const auto start : {report::ScaleWish::Start::zero, report::ScaleWish::Start::data}) {
      const report::Scale scale = report::scale_of(std::vector{tiny}, {.start = start});
      EXPECT_GT(scale.high - scale.low, 0.1) << tiny;
      EXPECT_FALSE(scale.ticks.empty()) << tiny;
    }
    const report::Scale scale = report::category_scale(std::vector{tiny});
    EXPECT_EQ(scale.low, 1) << tiny;
    EXPECT_TRUE(scale.ticks.empty()) << tiny;
  }
}

TEST(ReportScale, holds_its_values_and_has_ticks_within) {
  const std::vector<std::vector<double>> cases{
      {60.2, 41.2},         {1.46, 60.2}, {0.0001, 1e9},   {5},      {0}, {-3, 4}, {},
      {not_told, infinity}, {1e-310, 1},  {-1e299, 1e299}, {7, 7, 7}};
  for (const auto& values : cases) {
    for (const auto start : {report::ScaleWish::Start::zero, report::ScaleWish::Start::data}) {
      const report::Scale scale = report::scale_of(values, {.start = start});
      EXPECT_LT(scale.low, scale.high);
      EXPECT_GE(scale.ticks.size(), 2U);
      EXPECT_LE(scale.ticks.size(), 50U);
      for (const report::Tick& tick : scale.ticks) {
        EXPECT_GE(tick.value, scale.low - 1e-9 * std::abs(scale.low));
        EXPECT_LE(tick.value, scale.high * (1 + 1e-9) + 1e-9);
      }
      for (const double value : values) {
        if (!std::isfinite(value) || value <= 0 || value < 1e-300) continue;
        EXPECT_GE(scale.at(value), 0);
        EXPECT_LE(scale.at(value), 1);
      }
    }
  }
}

// ---- words

Row measured(const std::string& engine, std::vector<double> decode) {
  Row row;
  row.subject.engine = engine;
  row.subject.device = "cpu";
  row.prompt_tokens = 512;
  row.output_tokens = 64;
  for (const double speed : decode) {
    row.rounds.push_back({.sent_ns = 0,
                          .first_ns = 1'000'000'000,
                          .last_ns = 1'000'000'000 + static_cast<std::int64_t>(63e9 / speed),
                          .prompt_tokens = 512,
                          .output_tokens = 64});
  }
  row.decode_tok_s = estimate(decode);
  return row;
}

report::Verdict verdict(const Matrix& matrix) { return report::verdict_of(matrix, report::naming_of(matrix)); }

TEST(ReportStory, the_headline_names_a_winner_only_where_the_interval_of_the_ratio_excludes_one) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51, 52, 50.5, 51.5, 51}), measured("b", {40, 41, 42, 40.5, 41.5, 41})};
  EXPECT_THAT(verdict(matrix).headline, StartsWith("a decodes fastest: 51.0 tok/s, 1.24× b"));
  matrix.rows[1] = measured("b", {48, 53, 49, 52, 50, 51});
  EXPECT_THAT(verdict(matrix).headline, AllOf(HasSubstr("not to be told apart"), Not(HasSubstr("fastest"))));
}

TEST(ReportStory, below_six_rounds_no_engine_is_called_faster_and_no_ratio_is_given) {
  for (const std::vector<double>& rounds :
       {std::vector<double>{50}, {50, 50.1}, {50, 50.1, 50.2}, {50, 50.1, 50.2, 50.1}, {50, 50.1, 50.2, 50.1, 50.2}}) {
    Matrix matrix;
    std::vector<double> slower = rounds;
    for (double& speed : slower) speed /= 2;
    matrix.rows = {measured("a", rounds), measured("b", slower)};
    const report::Verdict said = verdict(matrix);
    EXPECT_THAT(said.headline, AllOf(HasSubstr("too few rounds to compare"), HasSubstr("a 50"), HasSubstr("b 25"),
                                     Not(HasSubstr("fastest")), Not(HasSubstr("×"))))
        << rounds.size();
    EXPECT_THAT(said.sentences, testing::Each(Not(HasSubstr("×"))));
    EXPECT_EQ(met(to_html(matrix), {"95\u202f% interval of the median", "class=\"best\"", "fastest"}), "");
  }
  Matrix matrix;
  matrix.rows = {measured("a", {50, 52, 51})};
  EXPECT_EQ(verdict(matrix).headline, "a decodes 51.0 tok/s, 50.0 to 52.0 in 3 rounds");
  matrix.rows = {measured("a", {50})};
  EXPECT_EQ(verdict(matrix).headline, "a decodes 50.0 tok/s, in one round");
}

TEST(ReportStory, rows_whose_requests_had_other_lengths_are_not_compared) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51, 52, 50.5, 51.5, 51}), measured("b", {40, 41, 42, 40.5, 41.5, 41}),
                 measured("c", {90, 91, 92, 90.5, 91.5, 91})};
  matrix.rows[2].prompt_tokens = 40;
  matrix.rows[2].output_tokens = 8;
  matrix.rows[2].adapted = "40 prompt, 8 output: 512 and 64 would take about 77 s";
  const report::Verdict said = verdict(matrix);
  EXPECT_THAT(said.headline, AllOf(StartsWith("a decodes fastest"), Not(HasSubstr("× c"))));
  EXPECT_THAT(said.sentences, testing::Contains(HasSubstr("other lengths: c (40 + 8 tokens)")));
  EXPECT_EQ(report::ratio(matrix.rows[2], matrix.rows[0], report::Figure::decode, 1).n, 0U);
  const report::Naming naming = report::naming_of(matrix);
  EXPECT_EQ(report::in_groups(matrix, naming), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(report::group_of(matrix, matrix.rows[2]), report::Group::other_lengths);
  const std::string html = to_html(matrix);
  EXPECT_EQ(missing(html, {"not compared with the rows above", "class=\"cut\"", "requests of other lengths"}), "");
  // Of rows that all had other lengths, those with the same ones may be compared; the headline says which.
  for (Row& row : matrix.rows) row.prompt_tokens = 128;
  EXPECT_THAT(verdict(matrix).headline,
              AllOf(StartsWith("a decodes fastest"), HasSubstr("128 + 64 tokens"), Not(HasSubstr("× c"))));
}

TEST(ReportStory, a_noisy_run_says_so_in_the_headline) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51, 52, 50.5, 51.5, 51}), measured("b", {40, 41, 42, 40.5, 41.5, 41}),
                 measured("c", {20, 21, 22, 20.5, 21.5, 21})};
  EXPECT_THAT(verdict(matrix).headline, Not(HasSubstr("noisy")));
  matrix.rows[2].noise.others_cpu_cores = 1;
  EXPECT_THAT(verdict(matrix).headline, Not(HasSubstr("noisy"))) << "neither of the two that are compared";
  for (const std::size_t row : {0, 1}) {
    Matrix noisy = matrix;
    noisy.rows[row].noise.others_cpu_cores = 1;
    EXPECT_THAT(verdict(noisy).headline, testing::EndsWith("(noisy)"));
  }
}

TEST(ReportStory, parity_is_claimed_of_the_engines_that_answered) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51}), measured("b", {40, 41}), measured("c", {})};
  const Parity held{{.positions = 19, .top1_equal = 17, .max_abs = 0.1, .bound = 0.2}};
  matrix.rows[0].subject.parity = matrix.rows[1].subject.parity = held;
  matrix.rows[2].status = Row::Status::failed;
  EXPECT_THAT(verdict(matrix).sentences,
              testing::Contains(AllOf(HasSubstr("on the 2 engines that answered; c failed"), Not(HasSubstr("every")))));
  matrix.rows.pop_back();
  EXPECT_THAT(verdict(matrix).sentences, testing::Contains(HasSubstr("on every engine")));
  EXPECT_EQ(report::other_choices(held), "the other 2 are near ties");
  EXPECT_EQ(report::other_choices({{.positions = 19, .top1_equal = 18}}), "the other is a near tie");
  EXPECT_EQ(report::other_choices({{.positions = 19, .top1_equal = 19}}), "");
  EXPECT_EQ(report::other_choices({{.positions = 19, .top1_equal = 17, .unexplained = 1}}),
            "1 other choice without a near tie");
}

TEST(ReportStory, parity_says_what_was_compared_in_prefill_in_decode_and_with_itself) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51})};
  Parity parity;
  parity.positions = 19;
  parity.top1_equal = 18;
  parity.max_abs = 0.131;
  parity.bound = 0.206;
  parity.rms = 0.02;
  parity.tried_rms = 0.02;
  EXPECT_THAT(report::parity_lines(parity),
              testing::ElementsAre("max_abs 0.131 ≤ 0.206", "top-1 18/19", "the other is a near tie", "KL 0",
                                   "1.00× its rounding"));
  parity.decode.emplace();
  parity.decode->max_abs = 0.3;
  parity.decode->bound = 0.2;
  parity.self.emplace();
  parity.self->tokens = 576;
  EXPECT_THAT(report::parity_lines(parity),
              testing::IsSupersetOf({"decode max_abs 0.300 > 0.200", "itself at 576 tokens: bit for bit"}));
  matrix.rows[0].subject.parity = parity;
  EXPECT_EQ(missing(to_html(matrix),
                    {"✗ fail", "parity fails in decode: a logit is off by 0.3", "decode max_abs 0.300 &gt; 0.200"}),
            "");
}

TEST(ReportStory, the_place_is_what_the_rows_ran_on) {
  Matrix matrix;
  matrix.machine.chip = "Intel(R) Xeon(R) Processor";
  matrix.environment.accelerators = {"NVIDIA H200, 139.8 GiB, driver 580", "NVIDIA H200, 139.8 GiB, driver 580"};
  EXPECT_EQ(report::place_title(matrix), "Intel(R) Xeon(R) Processor");
  matrix.rows = {measured("a", {1}), measured("b", {1})};
  EXPECT_EQ(report::place_title(matrix), "Intel(R) Xeon(R) Processor");
  matrix.rows[0].subject.device = matrix.rows[1].subject.device = "cuda";
  EXPECT_EQ(report::place_title(matrix), "NVIDIA H200");
  EXPECT_EQ(
      missing(to_html(matrix), {"<title>assay matrix: a model on NVIDIA H200</title>", "a model on NVIDIA H200</p>"}),
      "");
  EXPECT_THAT(to_markdown(matrix), StartsWith("### a model on NVIDIA H200\n"));
  matrix.rows[1].subject.device = "cpu";
  EXPECT_EQ(report::place_title(matrix), "NVIDIA H200 and Intel(R) Xeon(R) Processor");
  matrix.environment.accelerators.clear();
  EXPECT_EQ(report::place_title(matrix), "a cuda device and Intel(R) Xeon(R) Processor");
  matrix.rows.pop_back();
  matrix.rows[0].subject.device = "metal";
  matrix.machine.chip = "Apple M9";
  EXPECT_EQ(report::place_title(matrix), "Apple M9");
}

TEST(ReportStory, a_round_far_from_the_others_is_named_and_kept) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51, 50.5, 51.5, 50.2, 50.8, 51.1, 30})};
  const auto said = [&] {
    std::string out;
    for (const report::Remark& remark : report::remarks_of(matrix, report::naming_of(matrix)))
      out += remark.text + "\n";
    return out;
  };
  EXPECT_THAT(said(), HasSubstr("1 round of 8 lies far from the others in decode speed (round 8: 30.0 tok/s)"));
  matrix.rows = {measured("a", {50, 51, 50.5, 51.5, 50.2, 50.8, 51.1, 50.9})};
  EXPECT_THAT(said(), Not(HasSubstr("far from the others")));
  matrix.rows = {measured("a", {50, 51, 50.5, 30})};
  EXPECT_THAT(said(), Not(HasSubstr("far from the others"))) << "four rounds have no quartiles to speak of";
}

TEST(ReportStory, a_winner_that_fails_parity_or_only_estimates_its_tokens_is_called_so) {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51, 52, 50, 51, 52}), measured("b", {40, 41, 42, 40, 41, 42})};
  matrix.rows[0].subject.parity = Parity{{.positions = 32, .top1_equal = 12, .max_abs = 3, .bound = 1}};
  EXPECT_THAT(verdict(matrix).headline, HasSubstr("but fails parity"));
  EXPECT_THAT(verdict(matrix).sentences, testing::Contains(HasSubstr("Parity fails for a")));
  matrix.rows[0].subject.parity.reset();
  matrix.rows[0].subject.text_only = true;
  EXPECT_THAT(verdict(matrix).headline, HasSubstr("by estimated token counts"));
}

TEST(ReportStory, nothing_measured_is_said_plainly) {
  Matrix matrix;
  EXPECT_EQ(verdict(matrix).headline, "Nothing was measured");
  matrix.rows.resize(1);
  matrix.rows[0].status = Row::Status::failed;
  EXPECT_EQ(verdict(matrix).headline, "No engine gave a figure here");
}

TEST(ReportStory, rows_are_told_apart_by_as_little_as_is_needed) {
  Matrix matrix;
  matrix.rows = {measured("direct", {1}), measured("direct", {1}),    measured("mlx", {1}),
                 measured("mlx", {1}),    measured("llama.cpp", {1}), measured("llama.cpp", {1})};
  matrix.rows[1].subject.device = "cuda";
  matrix.rows[2].subject.version = "0.32.4";
  matrix.rows[3].subject.version = "0.33.0";
  matrix.rows[5].prompts = Prompts::cached;
  const report::Naming naming = report::naming_of(matrix);
  EXPECT_THAT(naming.labels, testing::ElementsAre("direct cpu", "direct cuda", "mlx 0.32.4", "mlx 0.33.0", "llama.cpp",
                                                  "llama.cpp (cached)"));
  EXPECT_EQ(naming.series[4], naming.series[5]) << "cached prompts have the colour of the engine";
  EXPECT_EQ((std::set<std::size_t>(naming.series.begin(), naming.series.end()).size()), 5U);
}

// ---- pages

TEST(ReportPage, every_record_gives_a_whole_document_that_loads_nothing) {
  for (const std::string& name : golden_names) {
    SCOPED_TRACE(name);
    const std::string html = to_html(golden(name));
    EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
    EXPECT_EQ(tag_complaint(html), "");
    EXPECT_LT(html.size(), 300'000U);
    EXPECT_EQ(occurrences(html, "<script"), 2U) << "the record and the script";
    EXPECT_EQ(to_json(*parse_record(html, "page")), to_json(golden(name))) << "a page holds its record";
    EXPECT_EQ(met(html, {"url(", "@import", "<link"}), "");
    EXPECT_EQ(met(html, {"nan", "\"inf", "-inf"}), "");
    EXPECT_EQ(to_html(golden(name)), html) << "a page is a function of its record";
  }
}

TEST(ReportPage, the_checker_of_this_test_sees_what_is_wrong) {
  EXPECT_EQ(tag_complaint("<p>a<br>b</p>"), "");
  EXPECT_NE(tag_complaint("<p><b></p></b>"), "");
  EXPECT_NE(tag_complaint("<p>"), "");
  EXPECT_NE(tag_complaint("<p>a & b</p>"), "");
  EXPECT_NE(tag_complaint("<p>a < b</p>"), "");
  EXPECT_NE(tag_complaint("<img src=\"x\"/>"), "");
  EXPECT_NE(tag_complaint("<p id=\"a\"></p><p id=\"a\"></p>"), "");
}

TEST(ReportPage, sections_stand_exactly_where_there_are_data) {
  const std::string laptop = to_html(golden("laptop"));
  const std::vector<std::string> optional{
      "decode",         "ttft",          "prefill",      "decode-context", "ttft-context", "prefill-context",
      "memory-context", "streams-speed", "streams-ttft", "streams-memory", "drift-speed",  "drift-machine",
      "memory",         "parity",        "foreground",   "border",         "open-loop"};
  for (const std::string& id : optional) EXPECT_EQ(missing(laptop, {"id=\"" + id + "\""}), "") << id;
  const std::string empty = to_html(golden("empty"));
  for (const std::string& id : optional) EXPECT_EQ(met(empty, {"id=\"" + id + "\""}), "") << id;
  EXPECT_EQ(missing(empty, {"Nothing was measured"}), "");
  EXPECT_EQ(met(empty, {"<svg"}), "");
  const std::string plain = to_html(golden("plain"));
  EXPECT_EQ(missing(plain, {"id=\"decode\"", "id=\"parity\""}), "");
  EXPECT_EQ(met(plain, {"id=\"context\"", "id=\"drift\"", "id=\"border\""}), "");
  EXPECT_EQ(met(plain, {"reading limit 1"}), "") << "the weights fit a cache: reading memory is no limit";
  const std::string cold = to_html(golden("cold"));
  EXPECT_EQ(missing(cold, {"no round after the cold one"}), "");
  EXPECT_EQ(met(cold, {"id=\"decode\""}), "");
}

TEST(ReportPage, a_logarithmic_axis_says_so) {
  EXPECT_EQ(missing(to_html(golden("laptop")), {"decode, tokens per second (log scale)"}), "");
  EXPECT_EQ(met(to_html(golden("accelerator")), {"decode, tokens per second (log scale)"}), "");
}

TEST(ReportPage, refused_failed_and_outside_parity_are_shown_with_their_reason) {
  const std::string laptop = to_html(golden("laptop"));
  EXPECT_EQ(missing(laptop, {"refused</span> libmetalrt.dylib: not found", "ended by signal 9", "noisy run",
                             "64 prompt, 8 output", "widened to f16"}),
            "");
  const std::string accelerator = to_html(golden("accelerator"));
  EXPECT_EQ(missing(accelerator, {"✗ fail", "Parity fails for llama.cpp"}), "");
  EXPECT_EQ(met(accelerator, {"Of limit</"}), "") << "the ceiling is the CPU's";
}

TEST(ReportPage, what_workers_say_stays_text) {
  const std::string html = to_html(golden("broken"));
  EXPECT_EQ(missing(html, {"&lt;script&gt;alert(&#39;engine&#39;)&lt;/script&gt;"}), "");
  EXPECT_EQ(met(html, {"<script>alert", "<img", "\x1b", "\u202e"}), "");
  EXPECT_THAT(to_markdown(golden("broken")),
              AllOf(Not(HasSubstr("<script>fetch")), HasSubstr("\\|"), HasSubstr("@\u2060everyone")));
}

// Every number not a number, or infinite, or as large as it gets: the record's reader lets the first through.
TEST(ReportPage, odd_values_leave_gaps_not_rubbish) {
  for (const double odd : {not_told, infinity, -1.0, 0.0, 1e308, 5e-324}) {
    Matrix matrix = golden("laptop");
    const Estimate e{.median = odd, .low = odd, .high = odd, .n = 3};
    matrix.ceilings = {odd, odd};
    matrix.seconds = odd;
    for (Row& row : matrix.rows) {
      row.ttft_ms = row.prefill_tok_s = row.decode_tok_s = e;
      if (row.subject.parity) row.subject.parity->max_abs = row.subject.parity->bound = row.subject.parity->rms = odd;
      row.foreground.timer.p99_ms = row.foreground.pages.p99_ms = odd;
      row.energy.j_per_token = odd;
      for (ContextPoint& point : row.context_sweep) point.decode_tok_s = point.ttft_ms = e;
      for (StreamPoint& point : row.stream_sweep) point.total_tok_s = e;
      if (!row.drift) continue;
      row.drift->first_tenth_tok_s = odd;
      for (DriftPoint& point : row.drift->points) point.at_s = point.mhz = odd;
    }
    const std::string html = to_html(matrix);
    EXPECT_EQ(tag_complaint(html), "") << odd;
    EXPECT_EQ(met(html, {"nan", "\"inf", "-inf"}), "") << odd;
  }
}

TEST(ReportPage, however_large_the_record_the_page_has_a_bound) {
  Matrix matrix = golden("laptop");
  Row row = matrix.rows[0];
  row.rounds.resize(5000, row.rounds[0]);
  row.context_sweep.resize(500, row.context_sweep[0]);
  row.stream_sweep.resize(500, row.stream_sweep[0]);
  row.drift->points.resize(drift_points_max, row.drift->points[0]);
  for (std::size_t i = 0; i < row.drift->points.size(); ++i) row.drift->points[i].at_s = static_cast<double>(i);
  row.reason = std::string(60'000, '<');
  for (int i = 0; i < 50; ++i) row.subject.notes.push_back(std::to_string(i) + std::string(2'000, '&'));
  row.subject.settings = row.subject.notes;
  row.subject.engine = std::string(60'000, '"');
  matrix.command = std::string(60'000, '>');
  matrix.rows.assign(60, row);
  for (std::size_t i = 0; i < matrix.rows.size(); ++i) matrix.rows[i].subject.version = std::to_string(i);
  const std::string html = to_html(matrix);
  EXPECT_LE(html.size(), page_bytes_max);
  EXPECT_EQ(tag_complaint(html), "");
  EXPECT_EQ(missing(html, {"20 more rows", "too large to be kept inside this page"}), "");
}

// Three rounds of 512 + 64 tokens on the CPU, whose ceiling was taken in each.
Matrix with_ceilings() {
  Matrix matrix;
  matrix.rows = {measured("a", {50, 51, 52}), measured("b", {40, 41, 42})};
  matrix.artifact.bytes_per_token = 900'000'000;
  for (Row& row : matrix.rows) row.kv_bytes_per_token = 100'000'000;
  for (std::uint32_t round = 0; round <= 3; ++round) {
    CeilingRound one{.round = round};
    one.ceilings.read_gb_s = 60.0 + 10 * round;
    matrix.ceiling_rounds.push_back(one);
  }
  matrix.ceiling_rounds.push_back({.round = 1, .depth = 8192});
  return matrix;
}

TEST(ReportPage, the_reading_limit_is_that_of_each_round_with_keys_and_values) {
  Matrix matrix = with_ceilings();
  EXPECT_EQ(report::read_limits_tok_s(matrix, matrix.rows[0]), (std::vector<double>{70, 80, 90}));
  EXPECT_EQ(report::read_limit_tok_s(matrix, matrix.rows[0]), 80);
  EXPECT_EQ(missing(to_html(matrix), {"reading limit 80.0 tok/s", "95.4\u202fMiB of keys and values",
                                      "limit, 3 in order: 90.0 tok/s, reading limit in this round"}),
            "");
  for (Row& row : matrix.rows) row.share_reason = "the weights fit the caches: reading memory does not bound them";
  EXPECT_EQ(met(to_html(matrix), {"reading limit 80", "reading limit in this round"}), "");
  EXPECT_THAT(verdict(matrix).sentences, testing::Contains(HasSubstr("No share of a reading limit: the weights fit")));
}

TEST(ReportPage, waiting_between_tokens_and_for_the_whole_answer_is_shown_where_it_was_measured) {
  Matrix matrix = with_ceilings();
  EXPECT_EQ(met(to_html(matrix), {"id=\"latency\"", "id=\"def-gap\"", "Loading"}), "");
  matrix.rows[0].gap_ms = {.median = 19.5, .low = 19, .high = 20, .n = 3, .coverage = 0.75};
  matrix.rows[0].between_tokens = {.p50_ms = 19.4, .p99_ms = 31.5, .max_ms = 44.5, .samples = 189};
  matrix.rows[1].between_tokens = {.p50_ms = 24.4, .max_ms = 46.5, .samples = 99};
  matrix.rows[1].total_ms = {.median = 2500, .low = 2400, .high = 2600, .n = 6, .coverage = 0.96875};
  matrix.rows[1].energy.j_per_output_token = 0.42;
  matrix.rows[1].load_s = 3.25;
  const std::string html = to_html(matrix);
  EXPECT_EQ(tag_complaint(html), "");
  EXPECT_EQ(
      missing(html, {"id=\"latency\"", "<b>19.5</b>", "<b>31.5</b>", "<b>46.5</b><small class=\"n\">max of 99</small>",
                     "<b>2500</b>", "[2400, 2600]", "J/output token", "id=\"def-gap\"", "Loading, s\"><b>3.25</b>",
                     "96.9\u202f% interval of the median; of fewer than 6 values their range"}),
      "");
  EXPECT_EQ(met(html, {"<b>44.5</b>", "J/prompt token"}), "");
}

TEST(ReportPage, memory_against_context_is_that_of_host_and_gpu_together) {
  Matrix matrix = with_ceilings();
  matrix.rows[0].subject.device = "cuda";
  matrix.rows[0].context_sweep = {{.depth = 512, .memory_peak_bytes = 1U << 30U, .device_peak_bytes = 3ULL << 30U},
                                  {.depth = 2048, .memory_peak_bytes = 1U << 30U, .device_peak_bytes = 4ULL << 30U}};
  matrix.rows[0].memory.peak_bytes = 1U << 30U;
  matrix.rows[0].memory.device_peak_bytes = 3ULL << 30U;
  const std::string html = to_html(matrix);
  EXPECT_EQ(missing(html, {"a, 512 tokens: 4.00 GiB", "a, 2048 tokens: 5.00 GiB", "<b>4.00\u202fGiB</b>",
                           "host 1.00\u202fGiB", "GPU 3.00\u202fGiB", "seen, GPU: 3.00"}),
            "");
  EXPECT_THAT(to_markdown(matrix), HasSubstr("4.00\u202fGiB (host 1.00\u202fGiB, GPU 3.00\u202fGiB)"));
}

TEST(ReportPage, the_machine_is_told_from_others_of_its_kind) {
  Matrix matrix = with_ceilings();
  matrix.machine.hypervisor = "KVM";
  matrix.machine.smt = "on";
  matrix.machine.numa_nodes = 2;
  matrix.machine.microcode = "0x2b000603";
  matrix.machine.machine_id = "0123456789abcdef";
  matrix.environment.assay_commit = "76cb89d";
  matrix.environment.compiler_flags = "-O2 -ffp-contract=off";
  EXPECT_EQ(
      missing(to_html(matrix), {"<dd>KVM</dd>", "<dt>Hyper-threads</dt><dd>on</dd>", "<dt>NUMA nodes</dt><dd>2</dd>",
                                "0x2b000603", "0123456789abcdef", "76cb89d", "-O2 -ffp-contract=off"}),
      "");
}

TEST(ReportPage, cold_starts_stand_apart_with_what_the_record_has_of_them) {
  Matrix matrix = golden("laptop");
  const auto cold_section = [&] {
    const std::string html = to_html(matrix);
    const std::size_t at = html.find("<section id=\"cold\">");
    return at == std::string::npos ? std::string() : html.substr(at, html.find("</section>", at) - at);
  };
  const auto timed = std::ranges::count_if(
      matrix.rows, [](const Row& row) { return row.prompts == Prompts::fresh && row.cold.has_value(); });
  ASSERT_GT(timed, 0);
  EXPECT_EQ(missing(cold_section(), {"Cold round", "× the median"}), "");
  EXPECT_EQ(met(cold_section(), {"First request", "(cached)"}), "");
  EXPECT_EQ(occurrences(cold_section(), "data-label=\"Cold round: TTFT, ms\""), static_cast<std::size_t>(timed));
  // 77.5 ms to the first token, then three more in 30 ms.
  matrix.rows[0].first = Timing{
      .sent_ns = 1'000'000, .first_ns = 78'500'000, .last_ns = 108'500'000, .prompt_tokens = 32, .output_tokens = 4};
  EXPECT_EQ(missing(cold_section(), {"First request", "<b>77.5</b>", "<b>100</b>", "32 + 4 tokens"}), "");
  EXPECT_EQ(tag_complaint(to_html(matrix)), "");
  for (Row& row : matrix.rows) row.cold.reset();
  EXPECT_EQ(met(cold_section(), {"Cold round", "full length"}), "");
  matrix.rows[0].first.reset();
  EXPECT_EQ(cold_section(), "");
}

TEST(ReportPage, says_how_the_run_is_repeated) {
  Matrix matrix = golden("laptop");
  matrix.command = "assay matrix --model 'my model.gguf' --rounds 3";
  const std::string html = to_html(matrix);
  EXPECT_EQ(missing(html, {"<pre>assay matrix --model &#39;my model.gguf&#39; --rounds 3</pre>",
                           "<pre>assay matrix --repeat PAGE.html\n", "assay matrix --from PAGE.html --csv"}),
            "");
  matrix.command.clear();
  EXPECT_EQ(missing(to_html(matrix), {"<pre>assay matrix --repeat PAGE.html\n"}), "");
}

TEST(ReportMarkdown, has_one_line_per_row_with_as_many_cells_as_its_head) {
  for (const std::string& name : golden_names) {
    const Matrix matrix = golden(name);
    const std::string text = to_markdown(matrix);
    std::vector<std::size_t> cells;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      if (line.starts_with("|")) cells.push_back(occurrences(line, "|") - occurrences(line, "\\|"));
      at = end + 1;
    }
    EXPECT_EQ(cells.size(), matrix.rows.empty() ? 0 : matrix.rows.size() + 2) << name;
    EXPECT_LE(std::set<std::size_t>(cells.begin(), cells.end()).size(), 1U) << name << "\n" << text;
  }
}

}  // namespace
}  // namespace assay::measure
