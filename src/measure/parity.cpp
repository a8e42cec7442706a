#include "measure/parity.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace assay::measure {
namespace {

// log(sum(exp(x))), stable.
template <class T>
double log_sum_exp(std::span<const T> row) {
  double largest = -INFINITY;
  for (const T x : row) largest = std::max(largest, static_cast<double>(x));
  double sum = 0;
  for (const T x : row) sum += std::exp(static_cast<double>(x) - largest);
  return largest + std::log(sum);
}

}  // namespace

Result<Parity> compare(std::span<const double> reference, std::span<const float> other, std::size_t vocab,
                       double bound) {
  if (vocab == 0 || reference.size() != other.size() || reference.size() % vocab != 0 || reference.empty()) {
    return fail(Errc::bad_value, "parity: " + std::to_string(reference.size()) + " and " +
                                     std::to_string(other.size()) + " logits, expected the same positions * " +
                                     std::to_string(vocab));
  }
  Parity out;
  out.positions = reference.size() / vocab;
  out.bound = bound;
  double squares = 0;
  for (std::size_t p = 0; p < out.positions; ++p) {
    const auto a = reference.subspan(p * vocab, vocab);
    const auto b = other.subspan(p * vocab, vocab);
    for (std::size_t v = 0; v < vocab; ++v) {
      if (!std::isfinite(b[v])) {
        return fail(Errc::engine_lost, "logit of token " + std::to_string(v) + " at position " + std::to_string(p) +
                                           " is " + std::to_string(b[v]) + ", expected a finite number");
      }
      const double difference = std::abs(a[v] - static_cast<double>(b[v]));
      out.max_abs = std::max(out.max_abs, difference);
      squares += difference * difference;
    }
    const double log_a = log_sum_exp(a);
    const double log_b = log_sum_exp(b);
    double kl = 0;
    for (std::size_t v = 0; v < vocab; ++v) {
      const double log_p = a[v] - log_a;
      kl += std::exp(log_p) * (log_p - (static_cast<double>(b[v]) - log_b));
    }
    kl = std::max(kl, 0.0);  // rounding may leave -1e-17
    out.kl_mean += kl;
    out.kl_max = std::max(out.kl_max, kl);
    const auto best_a = static_cast<std::size_t>(std::ranges::max_element(a) - a.begin());
    const auto best_b = static_cast<std::size_t>(std::ranges::max_element(b) - b.begin());
    if (best_a == best_b) {
      ++out.top1_equal;
    } else if (a[best_a] - a[best_b] > 2 * bound) {
      ++out.unexplained;
    }
  }
  out.kl_mean /= static_cast<double>(out.positions);
  out.rms = std::sqrt(squares / static_cast<double>(reference.size()));
  return out;
}

double error_bound(std::span<const double> reference, std::span<const double> disturbed, std::size_t vocab,
                   double spread) {
  ASSAY_ASSERT(vocab > 0 && reference.size() == disturbed.size() && !reference.empty());
  double worst = 0;
  for (std::size_t begin = 0; begin < reference.size(); begin += vocab) {
    double squares = 0;
    for (std::size_t v = begin; v < begin + vocab; ++v) {
      squares += (disturbed[v] - reference[v]) * (disturbed[v] - reference[v]);
    }
    worst = std::max(worst, std::sqrt(squares / static_cast<double>(vocab)));
  }
  const double sigmas = std::sqrt(2 * std::log(static_cast<double>(std::max<std::size_t>(reference.size(), 2)))) + 1;
  return sigmas * worst * spread;
}

}  // namespace assay::measure
