// What the pictures of a record share: names and marks of rows, values as text.
#pragma once

#include <string>

#include "record/record.h"
#include "report/figures.h"
#include "report/plots.h"
#include "report/story.h"

namespace assay::measure::report {

bool any_value(const Estimate& e);
// "61.2 [60.1, 62.0]".
std::string value_with_interval(const Estimate& e);
// Label, colour, mark and group of row i. Groups are named only where the plot has more than one.
DotRow row_of(const Matrix& matrix, const Naming& naming, std::size_t i);
void name_groups(const Matrix& matrix, DotPlot& plot, const std::vector<std::size_t>& rows);
Mark mark_of(const Matrix& matrix, const Row& row);

Picture with(Picture picture, DotPlot plot, std::string_view value = "median");
Picture with(Picture picture, CurvePlot plot, std::string_view band = {});

double bytes_unit(double largest);  // GiB from 2 GiB on, else MiB
const char* bytes_unit_name(double unit);

PictureSection rounds_section(const Matrix& matrix, const Naming& naming);
PictureSection context_section(const Matrix& matrix, const Naming& naming);
PictureSection streams_section(const Matrix& matrix, const Naming& naming);
PictureSection drift_section(const Matrix& matrix, const Naming& naming);

}  // namespace assay::measure::report
