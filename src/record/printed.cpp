#include "record/printed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace assay::measure {

const char* name(Row::Status status) {
  switch (status) {
    case Row::Status::ok:
      return "ok";
    case Row::Status::refused:
      return "refused";
    case Row::Status::failed:
      return "failed";
  }
  return "failed";
}

std::string printed(const char* format, double value) {
  if (!std::isfinite(value)) return "-";
  std::array<char, 256> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

int decimals(double value) {
  if (!std::isfinite(value) || value == 0) return 0;
  // Of the value as three digits show it: 9.996 is "10.0".
  const double size = std::abs(value) * 1.0005;
  if (size >= 100) return 0;
  return std::min(8, 2 - static_cast<int>(std::floor(std::log10(size))));
}

namespace {

std::string fixed(double value, int places) { return printed(("%." + std::to_string(places) + "f").c_str(), value); }

}  // namespace

std::string number(double value) { return fixed(value, decimals(value)); }

std::string with_interval(const Estimate& e) {
  if (e.n == 0) return "-";
  const int places = decimals(e.median);
  const std::string median = fixed(e.median, places);
  if (e.n == 1 || !std::isfinite(e.low) || !std::isfinite(e.high)) return median;
  return median + " [" + fixed(e.low, places) + ", " + fixed(e.high, places) + "]";
}

std::string interval_name(const Estimate& e) {
  if (e.n == 0 || !std::isfinite(e.low)) return "";
  if (is_interval(e)) return printed("%.1f %% interval", e.coverage * 100);
  return e.n == 1 ? "1 value" : "range of " + std::to_string(e.n);
}

std::string counted(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string brackets_of(std::size_t rounds) {
  if (rounds <= 1) return counted(rounds, "round");
  const std::vector<double> values(rounds, 0);
  const Estimate e = estimate(values);
  return "median [" + (is_interval(e) ? interval_name(e) : "range") + "] of " + counted(rounds, "round");
}

}  // namespace assay::measure
