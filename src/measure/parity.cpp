#include "measure/parity.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

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
                       const Bound& bound) {
  if (vocab == 0 || reference.size() != other.size() || reference.size() % vocab != 0 || reference.empty()) {
    return fail(Errc::bad_value, "parity: " + std::to_string(reference.size()) + " and " +
                                     std::to_string(other.size()) + " logits, expected the same positions * " +
                                     std::to_string(vocab));
  }
  Parity out;
  out.positions = reference.size() / vocab;
  out.bound = bound.max_abs;
  out.tried_rms = bound.rms;
  out.spread = bound.spread;
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
    } else if (a[best_a] - a[best_b] > 2 * bound.max_abs) {
      ++out.unexplained;
    }
  }
  out.kl_mean /= static_cast<double>(out.positions);
  out.rms = std::sqrt(squares / static_cast<double>(reference.size()));
  return out;
}

Result<SelfAgreement> compare_self(std::span<const float> batch, std::span<const float> one_by_one, std::size_t vocab,
                                   std::size_t tokens, const Bound& bound, bool bits) {
  const std::vector<double> wide(batch.begin(), batch.end());
  const auto compared = compare(wide, one_by_one, vocab, bound);
  if (!compared) return std::unexpected(compared.error());
  return SelfAgreement{.tokens = tokens,
                       .positions = compared->positions,
                       .top1_equal = compared->top1_equal,
                       .max_abs = compared->max_abs,
                       .rms = compared->rms,
                       .bound = bits ? 0 : 2 * bound.max_abs,
                       .tried_rms = std::sqrt(2.0) * bound.rms};
}

Bound tried_bound(std::span<const double> reference, std::span<const double> tries, std::size_t vocab, double rows) {
  ASSAY_ASSERT(vocab > 0 && !reference.empty() && !tries.empty() && tries.size() % reference.size() == 0);
  const std::size_t count = tries.size() / reference.size();
  std::vector<double> squares(count, 0);  // of each try
  double worst = 0;
  for (std::size_t begin = 0; begin < reference.size(); begin += vocab) {
    double here = 0;
    for (std::size_t t = 0; t < count; ++t) {
      const auto tried = tries.subspan(t * reference.size() + begin, vocab);
      double sum = 0;
      for (std::size_t v = 0; v < vocab; ++v) {
        sum += (tried[v] - reference[begin + v]) * (tried[v] - reference[begin + v]);
      }
      squares[t] += sum;
      here += sum;
    }
    worst = std::max(worst, std::sqrt(here / static_cast<double>(count * vocab)));
  }
  const double sigmas = std::sqrt(2 * std::log(static_cast<double>(std::max<std::size_t>(reference.size(), 2)))) + 1;
  double all = 0;
  for (double& square : squares) {
    square = std::sqrt(square / static_cast<double>(reference.size()));  // its rms
    all += square * square;
  }
  Bound out{.max_abs = sigmas * worst * rows, .rms = std::sqrt(all / static_cast<double>(count))};
  if (count > 1 && out.rms > 0) {
    out.spread = (std::ranges::max(squares) - std::ranges::min(squares)) / out.rms;
  }
  return out;
}

}  // namespace assay::measure
