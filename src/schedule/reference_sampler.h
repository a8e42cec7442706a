// The chain written plainly for the tests: doubles, full sorts, the C++ library's exp and log. To be read, never fast.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace assay::schedule::reference {

struct Item {
  Token id;
  double logit;
  double p = 0;
};

inline void normalise(std::vector<Item>& items) {
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; });
  double total = 0;
  for (auto& item : items) total += item.p = std::exp(item.logit - items[0].logit);
  for (auto& item : items) item.p /= total;
}

inline std::vector<Item> all(std::span<const float> logits) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -INFINITY) items.push_back({static_cast<Token>(i), logits[i]});
  }
  normalise(items);
  return items;
}

inline void top_k(std::vector<Item>& items, std::size_t k) {
  if (k < items.size()) items.resize(k);
  normalise(items);
}

inline void top_p(std::vector<Item>& items, double mass) {
  if (mass >= 1) return;
  double sum = 0;
  std::size_t kept = 0;
  while (kept < items.size() && (kept == 0 || sum < mass)) sum += items[kept++].p;
  items.resize(kept);
  normalise(items);
}

inline void min_p(std::vector<Item>& items, double share) {
  const double cut = items[0].p * share;
  std::erase_if(items, [&](const Item& item) { return item.p < cut; });
  normalise(items);
}

inline void typical(std::vector<Item>& items, double mass) {
  if (mass >= 1) return;
  double entropy = 0;
  for (const auto& item : items) entropy -= item.p > 0 ? item.p * std::log(item.p) : 0;
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    const double x = std::fabs(-std::log(a.p) - entropy);
    const double y = std::fabs(-std::log(b.p) - entropy);
    return x != y ? x < y : a.id < b.id;
  });
  double sum = 0;
  std::size_t kept = 0;
  while (kept < items.size() && (kept == 0 || sum <= mass)) sum += items[kept++].p;
  items.resize(kept);
  normalise(items);
}

inline void xtc(std::vector<Item>& items, double threshold) {
  std::size_t over = 0;
  while (over < items.size() && items[over].p >= threshold) ++over;
  if (over >= 2) items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(over) - 1);
  normalise(items);
}

inline void surprise(std::vector<Item>& items, double bits) {
  std::size_t kept = 1;
  while (kept < items.size() && -std::log2(items[kept].p) <= bits) ++kept;
  items.resize(kept);
  normalise(items);
}

inline void temperature(std::vector<Item>& items, double t) {
  for (auto& item : items) item.logit /= t;
  normalise(items);
}

inline void penalties(const Sampling& s, std::span<const Token> history, std::vector<float>& logits) {
  std::map<Token, double> counts;
  const std::size_t first =
      s.penalty_window == 0 || s.penalty_window >= history.size() ? 0 : history.size() - s.penalty_window;
  for (std::size_t i = first; i < history.size(); ++i) ++counts[history[i]];
  for (const auto& [token, count] : counts) {
    double x = logits[static_cast<std::size_t>(token)];
    x = x > 0 ? x / s.repetition_penalty : x * s.repetition_penalty;
    logits[static_cast<std::size_t>(token)] = static_cast<float>(x - count * static_cast<double>(s.frequency_penalty) -
                                                                 static_cast<double>(s.presence_penalty));
  }
}

// For every earlier place, walks backwards from it and from the end together.
inline void dry(const Sampling& s, std::span<const Token> history, std::vector<float>& logits) {
  auto is_breaker = [&](Token t) { return std::count(s.dry_breakers.begin(), s.dry_breakers.end(), t) > 0; };
  const std::size_t start = s.dry_window == 0 || s.dry_window >= history.size() ? 0 : history.size() - s.dry_window;
  std::map<Token, std::size_t> longest;
  for (std::size_t i = start + 1; i < history.size(); ++i) {  // history[i] would be repeated
    std::size_t n = 0;
    while (i >= start + n + 1 && history[i - 1 - n] == history[history.size() - 1 - n] &&
           !is_breaker(history[i - 1 - n])) {
      ++n;
    }
    if (n >= s.dry_allowed_length && !is_breaker(history[i])) longest[history[i]] = std::max(longest[history[i]], n);
  }
  for (const auto& [token, n] : longest) {
    logits[static_cast<std::size_t>(token)] -=
        static_cast<float>(s.dry_multiplier * std::pow(s.dry_base, static_cast<double>(n - s.dry_allowed_length)));
  }
}

}  // namespace assay::schedule::reference
