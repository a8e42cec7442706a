#include "schedule/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "schedule/portable_math.h"

namespace assay::schedule {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
constexpr std::size_t first_guess = 64;  // candidates tried first where a filter does not say how many it needs
constexpr std::size_t growth = 8;

bool before(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

bool any_above(const float* x, float threshold) {
  int met = 0;
  for (std::size_t i = 0; i < 32; ++i) met |= x[i] > threshold ? 1 : 0;
  return met != 0;
}

}  // namespace

void select_top(std::span<const float> values, std::size_t k, std::vector<Candidate>& out) {
  out.clear();
  if (k == 0) return;
  const std::size_t room = k > values.size() / 4 ? values.size() : 4 * k;
  float threshold = minus_infinity;  // an element must be above it to be among the k largest so far
  auto consider = [&](std::size_t i) {
    if (!(values[i] > threshold)) return;
    out.push_back({static_cast<Token>(i), values[i], 0});
    if (out.size() >= room && out.size() > k) {
      std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(k) - 1, out.end(), before);
      out.resize(k);
      threshold = out.back().logit;
    }
  };
  std::size_t i = 0;
  for (; i + 32 <= values.size(); i += 32) {
    if (!any_above(values.data() + i, threshold)) continue;
    for (std::size_t j = i; j < i + 32; ++j) consider(j);
  }
  for (; i < values.size(); ++i) consider(i);
  if (out.size() > k) {
    std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(k) - 1, out.end(), before);
    out.resize(k);
  }
  std::sort(out.begin(), out.end(), before);
}

void Pool::reset(std::span<const float> logits) {
  dense_ = logits;
  is_dense_ = true;
  scale_ = 1;
  max_index_ = first_max(logits);
  max_ = logits[max_index_];
  ASSAY_ASSERT(max_ > minus_infinity);
}

double Pool::dense_total() {
  partial_.resize((dense_.size() + exp_block - 1) / exp_block);
  return sum_exp(dense_, max_, scale_, partial_);
}

std::size_t Pool::live_size() {
  return static_cast<std::size_t>(
      std::count_if(dense_.begin(), dense_.end(), [](float x) { return x > minus_infinity; }));
}

void Pool::weigh() {
  double total = 0;
  float best = items_.front().logit;
  for (const auto& item : items_) best = std::max(best, item.logit);
  for (auto& item : items_) {
    item.p = exp_shifted(item.logit, best, scale_);
    total += item.p;
  }
  for (auto& item : items_) item.p = static_cast<float>(item.p / total);
}

void Pool::keep_above(float cut) {
  items_.clear();
  for (std::size_t i = 0; i < dense_.size(); ++i) {
    if (dense_[i] >= cut && dense_[i] > minus_infinity) items_.push_back({static_cast<Token>(i), dense_[i], 0});
  }
  if (items_.empty()) items_.push_back({static_cast<Token>(max_index_), max_, 0});
  std::sort(items_.begin(), items_.end(), before);
  is_dense_ = false;
}

void Pool::top_k(std::size_t k) {
  k = std::max<std::size_t>(k, 1);
  if (!is_dense_) {
    if (k < items_.size()) items_.resize(k);
    return;
  }
  if (k >= dense_.size()) return;
  select_top(dense_, k, items_);
  is_dense_ = false;
}

void Pool::top_p(float mass) {
  if (mass >= 1) return;
  if (!is_dense_) {
    weigh();
    double sum = 0;
    std::size_t kept = 0;
    while (kept < items_.size()) {
      sum += items_[kept++].p;
      if (sum >= mass) break;
    }
    items_.resize(kept);
    return;
  }
  const double total = dense_total();
  for (std::size_t k = first_guess;; k *= growth) {
    select_top(dense_, std::min(k, dense_.size()), items_);
    double sum = 0;
    std::size_t kept = 0;
    while (kept < items_.size() && sum < mass * total) sum += exp_shifted(items_[kept++].logit, max_, scale_);
    if (sum >= mass * total || items_.size() < k) {
      items_.resize(std::max<std::size_t>(kept, 1));
      break;
    }
  }
  is_dense_ = false;
}

void Pool::min_p(float share) {
  if (share <= 0) return;
  // p / p_max = e^(logit - max): the cut needs no sum.
  const auto cut = static_cast<float>(max_ + natural_log(std::max<double>(share, 1e-300)) / scale_);
  if (is_dense_) {
    keep_above(std::min(cut, max_));
    return;
  }
  const auto sparse_cut =
      static_cast<float>(items_.front().logit + natural_log(std::max<double>(share, 1e-300)) / scale_);
  std::size_t kept = 1;
  while (kept < items_.size() && items_[kept].logit >= sparse_cut) ++kept;
  items_.resize(kept);
}

void Pool::typical(float mass) {
  if (mass >= 1) return;
  // ln p = (x - max) * scale - ln Z; entropy H = -sum p ln p. Distance |-ln p - H|, nearest first, lowest id on ties.
  if (is_dense_) {
    const double total = dense_total();
    double mean = 0;  // sum p * (x - max) * scale
    work_.resize(dense_.size());
    for (std::size_t i = 0; i < dense_.size(); ++i) {
      const float w = exp_shifted(dense_[i], max_, scale_);
      if (w > 0) mean += static_cast<double>(w) * (dense_[i] - max_) * scale_;
    }
    const auto entropy_minus_log_total = static_cast<float>(-mean / total);
    for (std::size_t i = 0; i < dense_.size(); ++i) {
      work_[i] = -std::fabs((max_ - dense_[i]) * scale_ - entropy_minus_log_total);
    }
    for (std::size_t k = first_guess;; k *= growth) {
      select_top(work_, std::min(k, work_.size()), items_);
      double sum = 0;
      std::size_t kept = 0;
      while (kept < items_.size() && sum <= mass * total) {
        sum += exp_shifted(dense_[static_cast<std::size_t>(items_[kept++].id)], max_, scale_);
      }
      if (sum > mass * total || items_.size() < k) {
        items_.resize(std::max<std::size_t>(kept, 1));
        break;
      }
    }
    for (auto& item : items_) item.logit = dense_[static_cast<std::size_t>(item.id)];
    std::sort(items_.begin(), items_.end(), before);
    is_dense_ = false;
    return;
  }
  weigh();
  double entropy = 0;
  for (const auto& item : items_) {
    if (item.p > 0) entropy -= item.p * natural_log(item.p);
  }
  auto distance = [&](const Candidate& c) {
    return c.p > 0 ? std::fabs(-natural_log(c.p) - entropy) : std::numeric_limits<double>::infinity();
  };
  std::sort(items_.begin(), items_.end(), [&](const Candidate& a, const Candidate& b) {
    const double x = distance(a);
    const double y = distance(b);
    return x != y ? x < y : a.id < b.id;
  });
  double sum = 0;
  std::size_t kept = 0;
  while (kept < items_.size() && sum <= mass) sum += items_[kept++].p;
  items_.resize(std::max<std::size_t>(kept, 1));
  std::sort(items_.begin(), items_.end(), before);
}

void Pool::surprise(double bits) {
  // -log2 p <= bits  <=>  (x - max) * scale >= ln Z - bits * ln 2
  const double slack = bits * 0.6931471805599453;
  if (is_dense_) {
    const double cut = max_ + (natural_log(dense_total()) - slack) / scale_;
    if (cut > max_) {
      top_k(1);
    } else {
      keep_above(static_cast<float>(cut));
    }
    return;
  }
  weigh();
  std::size_t kept = 1;
  while (kept < items_.size() && items_[kept].p > 0 && -natural_log(items_[kept].p) <= slack) ++kept;
  items_.resize(kept);
}

void Pool::xtc(float threshold) {
  if (is_dense_) {
    const double total = dense_total();
    // At most 1 / threshold tokens reach it; the others keep their order, so the pool can stay dense.
    const double cut = max_ + natural_log(std::max(threshold * total, 1e-300)) / scale_;
    if (!(cut <= max_)) return;
    keep_above(static_cast<float>(cut));
    is_dense_ = true;
    const std::vector<Candidate>& over = items_;
    if (over.size() < 2) return;
    if (dense_.data() != work_.data()) work_.assign(dense_.begin(), dense_.end());
    for (std::size_t i = 0; i + 1 < over.size(); ++i) work_[static_cast<std::size_t>(over[i].id)] = minus_infinity;
    dense_ = work_;
    max_index_ = static_cast<std::size_t>(over.back().id);
    max_ = over.back().logit;
    return;
  }
  weigh();
  std::size_t over = 0;
  while (over < items_.size() && items_[over].p >= threshold) ++over;
  if (over >= 2) items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(over) - 1);
}

void Pool::temperature(float t) {
  // Bounded so that 0 * scale stays 0; far below any temperature that differs from greedy.
  scale_ = std::min(scale_ / t, 1e30F);
}

Pool::Drawn Pool::draw(double u) {
  if (!is_dense_) {
    weigh();
    double total = 0;
    for (const auto& item : items_) total += item.p;
    double left = u * total;
    Drawn last{items_.front().id, items_.front().p};
    for (const auto& item : items_) {
      left -= item.p;
      if (item.p > 0) last = {item.id, item.p};
      if (left < 0) return last;
    }
    return last;  // rounding ate the tail: the end of the distribution is what was meant
  }
  const double total = dense_total();
  double left = u * total;
  std::size_t block = 0;
  while (block + 1 < partial_.size() && left >= partial_[block]) left -= partial_[block++];
  const std::size_t end = std::min(dense_.size(), (block + 1) * exp_block);
  Drawn last{static_cast<Token>(max_index_), 1 / total};
  for (std::size_t i = block * exp_block; i < end; ++i) {
    const double w = exp_shifted(dense_[i], max_, scale_);
    left -= w;
    if (w > 0) last = {static_cast<Token>(i), w / total};
    if (left < 0) return last;
  }
  return last;  // a block's sum is rounded otherwise than its parts: the last one of it is what was meant
}

Token Pool::most_likely() const { return is_dense_ ? static_cast<Token>(max_index_) : items_.front().id; }

std::span<const Candidate> Pool::candidates() {
  if (is_dense_) {
    select_top(dense_, live_size(), items_);
    is_dense_ = false;
  }
  weigh();
  return items_;
}

}  // namespace assay::schedule
