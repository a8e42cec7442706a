// Options that take a number: the range is part of the option, so that help shows it and a value outside it is refused
// before any work, with the option's name, what was met and what was expected.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "cli/command.h"

namespace assay::cli {

struct WholeRange {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

struct RealRange {
  double least = 0;
  double most = 0;
  bool above_least = false;  // least itself is outside
};

// "" where the text is a number of the range; else "met X, expected ...". Leading zeros are dropped from the text: they do not
// mean octal. Numbers are written in decimal.
std::string misfit(std::string& text, const WholeRange& range);
std::string misfit(std::string& text, const RealRange& range);

// As help shows it: "1 or more", "1 to 64", "above 0 to 100".
std::string describe(const WholeRange& range);
std::string describe(const RealRange& range);

// The value's type bounds the range: 1 or more of a std::uint32_t is 1 to 4294967295.
template <std::unsigned_integral T>
CLI::Option* add_number(CLI::App& command, const char* names, T& value, WholeRange range, const char* help) {
  if (range.most > std::numeric_limits<T>::max()) range.most = std::numeric_limits<T>::max();
  return command.add_option(names, value, help)
      ->transform(CLI::Validator([range](std::string& text) { return misfit(text, range); }, describe(range)));
}

template <std::floating_point T>
CLI::Option* add_number(CLI::App& command, const char* names, T& value, RealRange range, const char* help) {
  return command.add_option(names, value, help)
      ->transform(CLI::Validator([range](std::string& text) { return misfit(text, range); }, describe(range)));
}

// Gives every option of numbers that has no range of its own at least this one: a number, decimal, not empty, not below 0 where
// it has no sign. Without it "" is 0, 010 is 8 and 2^64 is 2^64 - 1.
void add_number_rules(CLI::App& app);

}  // namespace assay::cli
