// Cells, heads and whole tables as HTML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "record/record.h"
#include "report/story.h"

namespace assay::measure::report {

// On a telephone `label` stands above the cell.
std::string cell(std::string_view label, std::string_view html, std::string_view css_class = {});
std::string small(std::string_view text);
std::string small_figures(std::string_view text);  // short ones that must not be broken
std::string bold(std::string_view text);
std::string estimate_html(const Estimate& e);
// "0.356", and of which values it is the largest where they are too few for a percentile.
std::string tail_html(const Delay& delay);
// The row's name, where it ran, and what its requests were.
std::string name_html(const Matrix& matrix, const Naming& naming, std::size_t i);
// A line of a table that begins a group of rows.
std::string group_line(Group group, std::size_t columns);

struct Head {
  std::string name{};
  std::string unit{};
  std::string term{};  // of a definition on this page
};
std::string table(std::string_view css_class, const std::vector<Head>& heads, std::string_view body);

}  // namespace assay::measure::report
