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

double relative_error(Rounding::Activations activations, double columns) {
  const double sums = 0x1.0p-24 * std::sqrt(columns);  // f32 accumulation, in every engine
  switch (activations) {
    case Rounding::Activations::f32:
      return sums;
    case Rounding::Activations::f16:
      return std::hypot(sums, 0x1.0p-11);
    case Rounding::Activations::bf16:
      return std::hypot(sums, 0x1.0p-8);
    case Rounding::Activations::int8_blocks_of_32:
      return std::hypot(sums, 2.1 / 127 / std::sqrt(12.0));
  }
  return 1;
}

double relative_error(DType kv) {
  switch (kv) {
    case DType::f32:
      return 0x1.0p-24;
    case DType::f16:
      return 0x1.0p-11;
    case DType::bf16:
      return 0x1.0p-8;
    default:
      return 2.1 / 127 / std::sqrt(12.0);  // q8_0
  }
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

double logit_error_bound(const ModelConfig& config, const Rounding& rounding, const LogitScale& scale) {
  constexpr double score_gain = 4;
  const double into_hidden = relative_error(rounding.activations, config.hidden);
  const double into_output = relative_error(rounding.activations, static_cast<double>(config.heads) * config.head_dim);
  const double into_down = relative_error(rounding.activations, config.ffn);
  const double kv = relative_error(rounding.kv);
  const auto square = [](double x) { return x * x; };
  const double attention =
      square(score_gain * into_hidden) + square(score_gain * kv) + square(kv) + square(into_output);
  const double ffn = 2 * square(into_hidden) + square(into_down);
  const double relative = std::sqrt(config.layers * (attention + ffn) + square(into_hidden));
  // The largest of n normal values is below sqrt(2 ln n) standard deviations; one more for safety of the tail.
  const double sigmas = std::sqrt(2 * std::log(static_cast<double>(std::max<std::size_t>(scale.values, 2)))) + 1;
  return sigmas * relative * scale.state_norm * scale.row_norm / std::sqrt(static_cast<double>(config.hidden));
}

}  // namespace assay::measure
