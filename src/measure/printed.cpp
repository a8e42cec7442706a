#include "measure/printed.h"

#include <array>
#include <cmath>
#include <cstdio>

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
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

namespace {

const char* precision(double value) { return std::abs(value) < 10 ? "%.2f" : std::abs(value) < 1000 ? "%.1f" : "%.0f"; }

}  // namespace

std::string with_interval(const Estimate& e) {
  if (e.n == 0) return "-";
  const char* format = precision(e.median);
  return printed(format, e.median) + " [" + printed(format, e.low) + ", " + printed(format, e.high) + "]";
}

}  // namespace assay::measure
