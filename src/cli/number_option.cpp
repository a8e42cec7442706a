#include "cli/number_option.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace assay::cli {
namespace {

std::string shown(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string met(const std::string& text) { return text.empty() ? "met nothing" : "met " + text; }

void drop_leading_zeros(std::string& text) {
  const auto first = text.find_first_not_of('0');
  if (text.size() > 1 && first != 0) text.erase(0, first == std::string::npos ? text.size() - 1 : first);
}

bool is_real(const std::string& text) {
  if (text.empty() || text.find_first_of("xXpP \t\n") != std::string::npos) return false;  // decimal, and nothing else
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && std::isfinite(value);
}

bool is_whole(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

std::string misfit(std::string& text, const WholeRange& range) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool fits = is_whole(text) && error == std::errc() && value >= range.least && value <= range.most;
  if (!fits) {
    return met(text) + ", expected a whole number from " + std::to_string(range.least) + " to " +
           std::to_string(range.most);
  }
  drop_leading_zeros(text);
  return "";
}

std::string misfit(std::string& text, const RealRange& range) {
  if (is_real(text)) {
    const double value = std::strtod(text.c_str(), nullptr);
    if ((range.above_least ? value > range.least : value >= range.least) && value <= range.most) return "";
  }
  return met(text) + ", expected a number " + (range.above_least ? "above " : "from ") + shown(range.least) + " to " +
         shown(range.most);
}

std::string describe(const WholeRange& range) {
  const bool open = range.most >= std::numeric_limits<std::uint32_t>::max();
  return std::to_string(range.least) + (open ? " or more" : " to " + std::to_string(range.most));
}

std::string describe(const RealRange& range) {
  return (range.above_least ? "above " : "") + shown(range.least) + " to " + shown(range.most);
}

void add_number_rules(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type == "UINT") {
      option->transform(CLI::Validator([](std::string& text) { return misfit(text, WholeRange{}); }, ""));
    } else if (type == "INT") {
      option->check([](const std::string& text) {
        const bool sign = text.starts_with('-') || text.starts_with('+');
        return is_whole(text.substr(sign ? 1 : 0)) ? std::string() : met(text) + ", expected a whole number";
      });
    } else if (type == "FLOAT") {
      option->check(
          [](const std::string& text) { return is_real(text) ? std::string() : met(text) + ", expected a number"; });
    }
  }
  for (CLI::App* command : app.get_subcommands({})) add_number_rules(*command);
}

}  // namespace assay::cli
