#include "artifact/value_check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace assay::artifact {
namespace {

std::string shown(float value) {
  if (std::isnan(value)) return "not a number";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", static_cast<double>(value));
  return text;
}

std::string place(std::uint64_t row, std::size_t column) {
  return "row " + std::to_string(row) + ", column " + std::to_string(column);
}

bool is_finite(float value) { return std::isfinite(value); }

// Some quantizers take the largest half where a factor would be beyond it. No factor is, while values are halves.
bool is_clipped(DType type, float value, float back) {
  constexpr float half_max = 65504;
  const float allowed = type == DType::q2_k ? 0.5F : 0.25F;  // more than the rounding of a block's largest value
  return std::abs(value) > half_max && std::abs(value - back) > allowed * std::abs(value);
}

bool any(std::span<const float> values) {
  return std::ranges::any_of(values, [](float value) { return value != 0; });
}

}  // namespace

void ValueCheck::report(std::uint64_t row, std::string what) {
  const std::lock_guard lock(mutex_);
  if (!first_ || row < first_->row) first_ = Fault{row, std::move(what)};
}

bool ValueCheck::take_source(std::uint64_t row, std::span<const float> values) {
  const auto bad = std::ranges::find_if_not(values, is_finite);
  if (bad == values.end()) return true;
  report(row, place(row, static_cast<std::size_t>(bad - values.begin())) + " is " + shown(*bad) +
                  " in the source, expected a finite number");
  return false;
}

void ValueCheck::take_written(std::uint64_t row, std::span<const float> values, std::span<const float> back) {
  const std::size_t block = facts(written_).block;
  for (std::size_t first = 0; first < values.size(); first += block) {
    const std::size_t end = std::min(first + block, values.size());
    // The factors of a block are made of its largest value.
    std::size_t largest = first;
    bool fits = true;
    for (std::size_t i = first; i < end; ++i) {
      if (std::abs(values[i]) > std::abs(values[largest])) largest = i;
      fits = fits && is_finite(back[i]);
    }
    if (fits && !is_clipped(written_, values[largest], back[largest])) continue;
    report(row, place(row, largest) + " is " + shown(values[largest]) + ", which is beyond " +
                    std::string(name(written_)) + (block > 1 ? ": the factor of its block is a half float" : ""));
    return;
  }
  const std::lock_guard lock(mutex_);
  rewritten_ = true;
  values_ = values_ || any(values);
  back_ = back_ || any(back);
}

Result<void> ValueCheck::result() const {
  const std::lock_guard lock(mutex_);
  if (first_) return fail(Errc::bad_value, "tensor " + tensor_ + ": " + first_->what);
  if (rewritten_ && values_ && !back_) {
    return fail(Errc::bad_value,
                "tensor " + tensor_ + ": every value is so small that it becomes 0 in " + std::string(name(written_)));
  }
  return {};
}

}  // namespace assay::artifact
