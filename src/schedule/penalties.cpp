#include "schedule/penalties.h"

#include <algorithm>
#include <limits>

namespace assay::schedule {
namespace {

constexpr float largest = std::numeric_limits<float>::max();

// Keeps -inf (a banned token) and never makes a finite logit infinite.
float bounded(double value, float before) {
  if (before == -std::numeric_limits<float>::infinity()) return before;
  return static_cast<float>(std::clamp<double>(value, -largest, largest));
}

std::span<const Token> tail(std::span<const Token> history, std::uint32_t window) {
  return window == 0 || window >= history.size() ? history : history.last(window);
}

double power(double base, std::uint32_t exponent) {
  double value = 1;
  for (std::uint32_t i = 0; i < exponent && value <= largest; ++i) value *= base;
  return value;
}

}  // namespace

void apply_penalties(const Sampling& s, std::span<const Token> history, AllowedLogits& logits,
                     PenaltyScratch& scratch) {
  if (s.repetition_penalty == 1 && s.presence_penalty == 0 && s.frequency_penalty == 0) return;
  const auto window = tail(history, s.penalty_window);
  scratch.counts.resize(logits.vocab());
  for (const Token token : window) ++scratch.counts[static_cast<std::size_t>(token)];
  for (const Token token : window) {
    std::uint32_t& count = scratch.counts[static_cast<std::size_t>(token)];
    if (count == 0) continue;  // done at its first occurrence
    if (float* const logit = logits.find(token)) {
      double value = *logit;
      value = value > 0 ? value / s.repetition_penalty : value * s.repetition_penalty;
      value -= static_cast<double>(count) * s.frequency_penalty + s.presence_penalty;
      *logit = bounded(value, *logit);
    }
    count = 0;
  }
}

void apply_dry(const Sampling& s, std::span<const Token> history, AllowedLogits& logits, PenaltyScratch& scratch) {
  if (s.dry_multiplier == 0) return;
  auto is_breaker = [&](Token token) {
    return std::find(s.dry_breakers.begin(), s.dry_breakers.end(), token) != s.dry_breakers.end();
  };
  const auto window = tail(history, s.dry_window);
  const std::size_t n = window.size();
  // Tokens since the last breaker: the longest that a repeat may be.
  std::size_t longest = 0;
  while (longest < n && !is_breaker(window[n - 1 - longest])) ++longest;
  if (longest < s.dry_allowed_length || n < 2) return;

  // match[j]: how far the window read backwards from its end agrees with itself read backwards from j places earlier
  // (the Z function of the reversed window).
  auto& match = scratch.match;
  match.assign(n, 0);
  auto reversed = [&](std::size_t i) { return window[n - 1 - i]; };
  std::size_t left = 0;
  std::size_t right = 0;
  for (std::size_t j = 1; j < n; ++j) {
    std::size_t length = j < right ? std::min<std::size_t>(right - j, match[j - left]) : 0;
    while (j + length < n && reversed(length) == reversed(j + length)) ++length;
    match[j] = static_cast<std::uint32_t>(length);
    if (j + length > right) {
      left = j;
      right = j + length;
    }
  }
  // The token that followed the earlier occurrence stands at reversed index j - 1.
  scratch.counts.resize(logits.vocab());
  for (std::size_t j = 1; j < n; ++j) {
    const auto length = static_cast<std::uint32_t>(std::min<std::size_t>(match[j], longest));
    std::uint32_t& most = scratch.counts[static_cast<std::size_t>(reversed(j - 1))];
    if (length >= s.dry_allowed_length) most = std::max(most, length);
  }
  for (std::size_t j = 1; j < n; ++j) {
    const Token token = reversed(j - 1);
    std::uint32_t& most = scratch.counts[static_cast<std::size_t>(token)];
    if (most == 0) continue;
    float* const logit = is_breaker(token) ? nullptr : logits.find(token);
    if (logit != nullptr) {
      *logit = bounded(*logit - s.dry_multiplier * power(s.dry_base, most - s.dry_allowed_length), *logit);
    }
    most = 0;
  }
}

}  // namespace assay::schedule
