#include "model/reference.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernel/quant/dequantize.h"
#include "model/rope.h"

namespace assay::model {
namespace {

// (features, tokens), so that the innermost loop runs over tokens and the sum over features keeps its plain order.
struct Columns {
  std::size_t features = 0;
  std::size_t tokens = 0;
  std::vector<double> values;
  Columns(std::size_t f, std::size_t t) : features(f), tokens(t), values(f * t) {}
  double* at(std::size_t feature) { return values.data() + feature * tokens; }
  const double* at(std::size_t feature) const { return values.data() + feature * tokens; }
};

std::vector<float> row_of(const TensorView& tensor, std::size_t row) {
  std::vector<float> out(tensor.columns());
  kernel::dequantize_row(tensor, row, out);
  return out;
}

// y = W x, each output summed over columns in order.
Columns multiply(const TensorView& w, const Columns& x) {
  Columns y(w.rows(), x.tokens);
  std::vector<float> row(w.columns());
  for (std::size_t r = 0; r < w.rows(); ++r) {
    kernel::dequantize_row(w, r, row);
    double* out = y.at(r);
    for (std::size_t c = 0; c < row.size(); ++c) {
      const double weight = row[c];
      const double* in = x.at(c);
      for (std::size_t t = 0; t < x.tokens; ++t) out[t] += weight * in[t];
    }
  }
  return y;
}

void add_bias(const TensorView& bias, Columns& y) {
  if (!present(bias)) return;
  const std::vector<float> values = row_of(bias, 0);
  for (std::size_t r = 0; r < y.features; ++r) {
    for (std::size_t t = 0; t < y.tokens; ++t) y.at(r)[t] += values[r];
  }
}

// RMS norm of features [from, from + count) of every token, in place.
void rms_norm(const std::vector<float>& gain, double eps, std::size_t from, Columns& x) {
  const std::size_t count = gain.size();
  for (std::size_t t = 0; t < x.tokens; ++t) {
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) squares += x.at(from + i)[t] * x.at(from + i)[t];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(count) + eps);
    for (std::size_t i = 0; i < count; ++i) x.at(from + i)[t] *= scale * gain[i];
  }
}

void norm_heads(const TensorView& gain, const ModelConfig& config, std::uint32_t heads, Columns& x) {
  if (!present(gain)) return;
  const std::vector<float> values = row_of(gain, 0);
  for (std::uint32_t h = 0; h < heads; ++h) {
    rms_norm(values, config.rms_eps, std::size_t{h} * config.head_dim, x);
  }
}

// Token t stands at position t.
void rotate(const ModelConfig& config, const RopeFrequencies& rope, std::uint32_t heads, Columns& x) {
  const std::size_t pairs = config.rope_dims / 2;
  for (std::uint32_t h = 0; h < heads; ++h) {
    for (std::size_t i = 0; i < pairs; ++i) {
      const std::size_t base = std::size_t{h} * config.head_dim;
      const bool adjacent = config.rope_pairs == RopePairs::adjacent;
      double* a = x.at(base + (adjacent ? 2 * i : i));
      double* b = x.at(base + (adjacent ? 2 * i + 1 : i + pairs));
      for (std::size_t t = 0; t < x.tokens; ++t) {
        const double angle = static_cast<double>(t) * rope.inverse[i];
        const double c = std::cos(angle) * rope.magnitude;
        const double s = std::sin(angle) * rope.magnitude;
        const double a0 = a[t];
        a[t] = a0 * c - b[t] * s;
        b[t] = a0 * s + b[t] * c;
      }
    }
  }
}

Columns attend(const ModelConfig& config, bool slides, const Columns& q, const Columns& k, const Columns& v) {
  Columns out(q.features, q.tokens);
  std::vector<double> weights(q.tokens);
  const std::size_t dim = config.head_dim;
  for (std::uint32_t h = 0; h < config.heads; ++h) {
    const std::size_t q_base = h * dim;
    const std::size_t kv_base = h / (config.heads / config.kv_heads) * dim;
    for (std::size_t t = 0; t < q.tokens; ++t) {
      const std::size_t first = slides && t + 1 > config.sliding_window ? t + 1 - config.sliding_window : 0;
      double largest = -INFINITY;
      for (std::size_t j = first; j <= t; ++j) {
        double dot = 0;
        for (std::size_t d = 0; d < dim; ++d) dot += q.at(q_base + d)[t] * k.at(kv_base + d)[j];
        weights[j] = dot * config.attention_scale;
        largest = std::max(largest, weights[j]);
      }
      double total = 0;
      for (std::size_t j = first; j <= t; ++j) total += weights[j] = std::exp(weights[j] - largest);
      for (std::size_t d = 0; d < dim; ++d) {
        double sum = 0;
        for (std::size_t j = first; j <= t; ++j) sum += weights[j] * v.at(kv_base + d)[j];
        out.at(q_base + d)[t] = sum / total;
      }
    }
  }
  return out;
}

void add(Columns& x, const Columns& y) {
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += y.values[i];
}

Columns normed(const TensorView& gain, double eps, const Columns& x) {
  Columns out = x;
  rms_norm(row_of(gain, 0), eps, 0, out);
  return out;
}

void run_layer(const ModelConfig& config, const LayerWeights& layer, bool slides, const RopeFrequencies& rope,
               Columns& x) {
  const Columns a = normed(layer.attention_norm, config.rms_eps, x);
  Columns q = multiply(layer.q, a);
  Columns k = multiply(layer.k, a);
  Columns v = multiply(layer.v, a);
  add_bias(layer.q_bias, q);
  add_bias(layer.k_bias, k);
  add_bias(layer.v_bias, v);
  norm_heads(layer.q_norm, config, config.heads, q);
  norm_heads(layer.k_norm, config, config.kv_heads, k);
  rotate(config, rope, config.heads, q);
  rotate(config, rope, config.kv_heads, k);
  add(x, multiply(layer.output, attend(config, slides, q, k, v)));

  const Columns f = normed(layer.ffn_norm, config.rms_eps, x);
  Columns gate = multiply(layer.gate, f);
  const Columns up = multiply(layer.up, f);
  for (std::size_t i = 0; i < gate.values.size(); ++i) {
    gate.values[i] = gate.values[i] / (1 + std::exp(-gate.values[i])) * up.values[i];
  }
  add(x, multiply(layer.down, gate));
}

Result<void> check(const ModelConfig& config, std::span<const std::int32_t> tokens,
                   std::span<const std::uint32_t> positions) {
  if (tokens.empty()) return fail(Errc::bad_value, "reference: no tokens, expected at least 1");
  for (const std::int32_t token : tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= config.vocab) {
      return fail(Errc::bad_value,
                  "token " + std::to_string(token) + ": expected 0.." + std::to_string(config.vocab - 1));
    }
  }
  for (const std::uint32_t position : positions) {
    if (position >= tokens.size()) {
      return fail(Errc::bad_value, "position " + std::to_string(position) + ": the text has " +
                                       std::to_string(tokens.size()) + " tokens");
    }
  }
  return {};
}

}  // namespace

Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions,
                                             const ReferenceProgress& progress) {
  const ModelConfig& config = weights.config;
  ASSAY_TRY(check(config, tokens, positions));
  const RopeFrequencies rope = rope_frequencies(weights);

  Columns x(config.hidden, tokens.size());
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const std::vector<float> row = row_of(weights.embedding, static_cast<std::size_t>(tokens[t]));
    for (std::size_t i = 0; i < row.size(); ++i) x.at(i)[t] = row[i];
  }
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    if (progress && !progress(static_cast<double>(i) / (config.layers + 1))) {
      return fail(Errc::cancelled, "reference stopped after layer " + std::to_string(i));
    }
    const bool slides = config.sliding_window != 0 && config.layer_slides[i];
    run_layer(config, weights.layers[i], slides, rope, x);
  }

  const Columns last = normed(weights.output_norm, config.rms_eps, x);
  Columns wanted(config.hidden, positions.size());
  for (std::size_t i = 0; i < last.features; ++i) {
    for (std::size_t p = 0; p < positions.size(); ++p) wanted.at(i)[p] = last.at(i)[positions[p]];
  }
  const Columns logits = multiply(weights.head, wanted);
  std::vector<double> out(positions.size() * config.vocab);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    for (std::size_t v = 0; v < config.vocab; ++v) out[p * config.vocab + v] = logits.at(v)[p];
  }
  return out;
}

}  // namespace assay::model
