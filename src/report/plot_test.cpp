// That a value stands where it belongs: every plot is drawn, read again, and two of its values are looked up on the
// scale that its own axis prints. An axis upside down, or two swapped ends, cannot pass.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "report/plots.h"

namespace assay::measure::report {
namespace {

struct Text {
  double x = 0;
  double y = 0;
  std::string text{};
};

struct Spot {
  double x = 0;
  double y = 0;
  double width = 0;  // of a rectangle
};

double attribute(const std::string& element, const std::string& name) {
  std::smatch found;
  const std::regex pattern(" " + name + "=\"(-?[0-9.]+)\"");
  return std::regex_search(element, found, pattern) ? std::stod(found[1]) : no_value;
}

std::vector<Text> texts(const std::string& svg, const std::string& css_class) {
  std::vector<Text> out;
  const std::regex pattern("<text class=\"" + css_class + "[^\"]*\"[^>]*>([^<]*)</text>");
  for (std::sregex_iterator at(svg.begin(), svg.end(), pattern), end; at != end; ++at) {
    out.push_back({attribute(at->str(), "x"), attribute(at->str(), "y"), (*at)[1]});
  }
  return out;
}

// The place of the mark, tick or bar that a reader would be told this text of.
std::optional<Spot> told(const std::string& svg, const std::string& text) {
  const std::size_t title = svg.find("<title>" + text + "</title>");
  if (title == std::string::npos) return std::nullopt;
  const std::size_t begin = svg.rfind('<', title - 1);
  const std::string element = svg.substr(begin, title - begin);
  if (element.starts_with("<g")) return Spot{attribute(element, "data-x"), attribute(element, "data-y"), 0};
  if (element.starts_with("<line")) return Spot{attribute(element, "x1"), attribute(element, "y1"), 0};
  return Spot{attribute(element, "x"), attribute(element, "y"), attribute(element, "width")};
}

// What an axis says of a coordinate: between the two numbers printed at its ticks, or beyond them.
struct Axis {
  std::vector<std::pair<double, double>> ticks{};  // coordinate, value
  bool logarithmic = false;

  double value_at(double at) const {
    const auto [a, x] = ticks.front();
    const auto [b, y] = ticks.back();
    const double share = (at - a) / (b - a);
    return logarithmic ? x * std::pow(y / x, share) : x + (y - x) * share;
  }
};

double parsed(std::string text) {
  for (const std::string& space : {std::string("\u202f"), std::string(" ")}) {
    for (std::size_t at = text.find(space); at != std::string::npos; at = text.find(space))
      text.erase(at, space.size());
  }
  const double thousand = text.ends_with('k') ? 1024 : 1;
  return std::strtod(text.c_str(), nullptr) * thousand;
}

// Numbers below the plot: they stand on one line, the lowest.
Axis bottom_axis(const std::string& svg) {
  Axis out;
  double lowest = 0;
  for (const Text& text : texts(svg, "tick")) lowest = std::max(lowest, text.y);
  for (const Text& text : texts(svg, "tick")) {
    if (text.y == lowest) out.ticks.emplace_back(text.x, parsed(text.text));
  }
  out.logarithmic = svg.find("(log scale)") != std::string::npos;
  return out;
}

// Numbers at the left of the first panel; a number stands 4 below its line.
Axis left_axis(const std::string& svg, bool logarithmic) {
  Axis out;
  out.logarithmic = logarithmic;
  double before = 1e9;
  for (const Text& text : texts(svg, "tick end")) {
    if (text.y > before) break;  // the next panel begins at its bottom
    before = text.y;
    out.ticks.emplace_back(text.y - 4, parsed(text.text));
  }
  return out;
}

constexpr double near = 0.012;  // coordinates are printed with one decimal

TEST(Plot, marks_whiskers_rounds_and_bounds_of_a_dot_plot_stand_at_their_values) {
  for (const double width : {440.0, 1000.0}) {
    for (const double slow : {40.0, 2.0}) {  // on a linear axis and on a logarithmic one
      DotPlot plot{.title = "Speed", .axis = "tokens per second", .unit = "tok/s"};
      plot.rows = {{.label = "fast", .estimate = {80, 70, 95, 6}, .each = {70, 95}, .value_text = "eighty"},
                   {.label = "slow",
                    .series = 1,
                    .estimate = {slow, slow, slow, 1},
                    .extra = {{.mark = Mark::cold, .value = slow / 2, .hint = "cold"}},
                    .bound = 60,
                    .value_text = "slow"}};
      plot.reference = {.value = 100, .label = "limit"};
      const std::string svg = draw(plot, {.width = width});
      const Axis axis = bottom_axis(svg);
      ASSERT_GE(axis.ticks.size(), 2U);
      EXPECT_EQ(axis.logarithmic, slow < 4);
      EXPECT_LT(axis.ticks.front().first, axis.ticks.back().first) << "values rise to the right";
      EXPECT_LT(axis.ticks.front().second, axis.ticks.back().second);
      const auto expect = [&](const std::string& text, double value) {
        const auto spot = told(svg, text);
        ASSERT_TRUE(spot) << text;
        EXPECT_NEAR(axis.value_at(spot->x), value, value * near + 0.3) << text << " at width " << width;
      };
      expect("fast: eighty tok/s", 80);
      expect("slow: slow tok/s", slow);
      expect("slow: cold", slow / 2);
      expect("fast, round 1: 70.0 tok/s", 70);
      expect("fast, round 2: 95.0 tok/s", 95);
      expect("slow: bound 60.0", 60);
      expect("limit", 100);
      EXPECT_LT(told(svg, "fast: eighty tok/s")->y, told(svg, "slow: slow tok/s")->y) << "rows keep their order";
      std::smatch whisker;
      ASSERT_TRUE(std::regex_search(svg, whisker, std::regex("class=\"whisker\" d=\"M([0-9.]+) [0-9.]+H([0-9.]+)")));
      EXPECT_NEAR(axis.value_at(std::stod(whisker[1])), 70, 1.2);
      EXPECT_NEAR(axis.value_at(std::stod(whisker[2])), 95, 1.5);
    }
  }
}

TEST(Plot, a_bar_begins_at_zero_and_ends_at_its_value) {
  DotPlot plot{.title = "Speed", .axis = "tokens per second", .rows = {{.label = "a", .estimate = {80, 70, 95, 6}}}};
  const std::string svg = draw(plot, {});
  const Axis axis = bottom_axis(svg);
  std::smatch bar;
  ASSERT_TRUE(std::regex_search(svg, bar, std::regex("<rect class=\"bar\"[^>]*>")));
  const double x = attribute(bar.str(), "x");
  EXPECT_NEAR(axis.value_at(x), 0, 0.3);
  EXPECT_NEAR(axis.value_at(x + attribute(bar.str(), "width")), 80, 0.5);
}

TEST(Plot, points_of_a_curve_stand_at_their_values_and_larger_ones_higher) {
  for (const double low : {50.0, 2.0}) {
    CurvePlot plot{.title = "Speed", .x_axis = "prompt tokens", .x_unit = "tokens"};
    plot.panels = {{.axis = "speed", .unit = "tok/s"}};
    plot.panels[0].curves = {
        {.label = "a",
         .points = {
             {.x = 512, .y = 100, .low = 90, .high = 110, .n = 6}, {.x = 2048, .y = low}, {.x = 8192, .y = low}}}};
    const std::string svg = draw(plot, {});
    const Axis across = bottom_axis(svg);
    const Axis up = left_axis(svg, low < 5);
    ASSERT_GE(up.ticks.size(), 2U);
    EXPECT_GT(up.ticks.front().first, up.ticks.back().first) << "values rise to the top";
    EXPECT_LT(up.ticks.front().second, up.ticks.back().second);
    const auto first = told(svg, "a, 512 tokens: 100 [90.0, 110] tok/s");
    const auto second = told(svg, low < 5 ? "a, 2048 tokens: 2.00 tok/s" : "a, 2048 tokens: 50.0 tok/s");
    ASSERT_TRUE(first && second);
    EXPECT_NEAR(up.value_at(first->y), 100, 1.5);
    EXPECT_NEAR(up.value_at(second->y), low, 1);
    EXPECT_LT(first->y, second->y) << "larger values stand higher";
    Axis logarithmic = across;
    logarithmic.logarithmic = true;
    EXPECT_NEAR(logarithmic.value_at(first->x), 512, 10);
    EXPECT_NEAR(logarithmic.value_at(second->x), 2048, 40);
  }
}

TEST(Plot, a_line_without_marks_has_its_points_and_its_band_where_they_belong) {
  CurvePlot plot{.title = "Speed", .x_axis = "minutes", .x_unit = "min", .x = CurvePlot::X::linear};
  plot.panels = {{.axis = "speed", .unit = "tok/s"}};
  plot.panels[0].curves = {
      {.label = "a",
       .markers = false,
       .points = {{.x = 1, .y = 40, .low = 30, .high = 45}, {.x = 4, .y = 10, .low = 5, .high = 20}}}};
  plot.panels[0].reference = {.value = 50, .label = "limit"};
  const std::string svg = draw(plot, {});
  std::smatch line;
  ASSERT_TRUE(std::regex_search(
      svg, line, std::regex("points=\"([0-9.]+),([0-9.]+) ([0-9.]+),([0-9.]+) \" data-hints=\"([^\"]*)\"")));
  const Axis across = bottom_axis(svg);
  const Axis up = left_axis(svg, false);
  EXPECT_NEAR(across.value_at(std::stod(line[1])), 1, 0.02);
  EXPECT_NEAR(across.value_at(std::stod(line[3])), 4, 0.02);
  EXPECT_NEAR(up.value_at(std::stod(line[2])), 40, 0.3);
  EXPECT_NEAR(up.value_at(std::stod(line[4])), 10, 0.3);
  EXPECT_NEAR(up.value_at(told(svg, "limit")->y), 50, 0.3);
  EXPECT_EQ(line[5], "a, 1 min: 40.0 [30.0, 45.0] tok/s|a, 4 min: 10.0 [5.00, 20.0] tok/s");
  std::smatch band;
  ASSERT_TRUE(std::regex_search(
      svg, band,
      std::regex("class=\"band\" points=\"[0-9.]+,([0-9.]+) [0-9.]+,([0-9.]+) [0-9.]+,([0-9.]+) [0-9.]+,([0-9.]+) ")));
  EXPECT_NEAR(up.value_at(std::stod(band[1])), 45, 0.3);
  EXPECT_NEAR(up.value_at(std::stod(band[2])), 20, 0.3);
  EXPECT_NEAR(up.value_at(std::stod(band[3])), 5, 0.3);
  EXPECT_NEAR(up.value_at(std::stod(band[4])), 30, 0.3);
}

TEST(Plot, a_second_panel_has_an_axis_of_its_own) {
  CurvePlot plot{.title = "Speed", .x_axis = "minutes", .x = CurvePlot::X::linear};
  const std::vector<CurvePoint> points{{.x = 1, .y = 10}, {.x = 2, .y = 20}};
  plot.panels = {{.axis = "one", .curves = {{.label = "a", .points = points}}},
                 {.axis = "two", .curves = {{.label = "b", .points = points}}}};
  const std::string svg = draw(plot, {});
  const double between = told(svg, "b, 1: 10.0")->y - told(svg, "a, 1: 10.0")->y;
  EXPECT_GT(between, 150);
  EXPECT_NEAR(told(svg, "b, 2: 20.0")->y - told(svg, "a, 2: 20.0")->y, between, 0.2);
  EXPECT_NEAR(told(svg, "b, 2: 20.0")->x, told(svg, "a, 2: 20.0")->x, 0.2) << "they share the axis below";
}

TEST(Plot, parts_of_memory_stand_end_to_end_from_zero) {
  StackPlot plot{.title = "Memory",
                 .axis = "MiB",
                 .part_names = {"weights", "keys", "rest"},
                 .seen_names = {"seen, host", "seen, GPU"},
                 .rows = {{.label = "a", .parts = {300, 100, 50}, .seen = {200, 400}}},
                 .text = [](double value) { return std::to_string(static_cast<int>(value)); }};
  const std::string svg = draw(plot, {});
  const Axis axis = bottom_axis(svg);
  const auto expect = [&](const std::string& text, double from, double to) {
    const auto bar = told(svg, text);
    ASSERT_TRUE(bar) << text;
    EXPECT_NEAR(axis.value_at(bar->x), from, 2) << text;
    EXPECT_NEAR(axis.value_at(bar->x + bar->width), to, 2) << text;
  };
  expect("a, predicted weights: 300", 0, 300);
  expect("a, predicted keys: 100", 300, 400);
  expect("a, predicted rest: 50", 400, 450);
  expect("a, seen, host: 200", 0, 200);
  expect("a, seen, GPU: 400", 200, 600);
}

}  // namespace
}  // namespace assay::measure::report
