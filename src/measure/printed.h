// Numbers as the tables, the CSV and the report print them.
#pragma once

#include <string>

#include "measure/record.h"

namespace assay::measure {

// snprintf of one value; "-" where it is no number.
std::string printed(const char* format, double value);
// "12.3 [11.9, 12.8]" with as many digits as the size asks for; "-" without values.
std::string with_interval(const Estimate& estimate);
const char* name(Row::Status status);

}  // namespace assay::measure
