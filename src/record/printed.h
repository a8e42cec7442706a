// Numbers as the tables, the CSV and the report print them.
#pragma once

#include <string>

#include "record/record.h"

namespace assay::measure {

// snprintf of one value; "-" where it is no number.
std::string printed(const char* format, double value);
// Decimals with which every output shows a value, the report's pages too: three significant digits, none from 100 on, at
// most 8. Those of an interval are its median's.
int decimals(double value);
// One value with its decimals: "0.264", "61.2", "1425". "-" where it is no number.
std::string number(double value);
// "12.3 [11.9, 12.8]", "12.3" where there is no interval, "-" without values. interval_name() says what the brackets are.
std::string with_interval(const Estimate& estimate);
// "96.9 % interval", or "range of 3", "1 value" where so few values have none; empty without brackets.
std::string interval_name(const Estimate& estimate);
// What all brackets of rows with so many rounds are: "median [96.9 % interval] of 6 rounds", "median [range] of 3 rounds",
// "1 round".
std::string brackets_of(std::size_t rounds);
// "1 round", "3 rounds".
std::string counted(std::uint64_t count, const std::string& one);
const char* name(Row::Status status);

}  // namespace assay::measure
