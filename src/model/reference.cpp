#include "model/reference.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernel/quant/dequantize.h"
#include "model/rope.h"

namespace assay::model {
namespace {

// (features, tokens), so that the innermost loop runs over tokens and the sum over features keeps its plain order.
// `tokens` counts those of all copies, one copy behind the other.
struct Columns {
  std::size_t features = 0;
  std::size_t tokens = 0;
  std::vector<double> values;
  Columns(std::size_t f, std::size_t t) : features(f), tokens(t), values(f * t) {}
  double* at(std::size_t feature) { return values.data() + feature * tokens; }
  const double* at(std::size_t feature) const { return values.data() + feature * tokens; }
};

// What every step of one run needs.
struct Run {
  const ModelConfig& config;
  const DisturbedReference& how;
  std::size_t length;  // tokens of one copy

  // After a stop what is left is skipped: the layer then ends soon, and its values are given to nobody.
  template <class Body>
  void share(std::size_t chunks, Body&& body) const {
    const auto unless_stopped = [&](std::size_t i) {
      if (!asked(how.stop)) body(i);
    };
    if (how.pool != nullptr) {
      how.pool->run(chunks, unless_stopped);
    } else {
      for (std::size_t i = 0; i < chunks; ++i) unless_stopped(i);
    }
  }
  void disturb(Site site, Columns& x) const {
    if (!how.disturb || asked(how.stop)) return;
    const std::size_t tokens = x.tokens / how.copies;
    for (std::uint32_t copy = 0; copy < how.copies; ++copy) {
      how.disturb(copy, {site, x.features, tokens, x.tokens, x.values.data() + copy * tokens});
    }
  }
};

std::vector<float> row_of(const TensorView& tensor, std::size_t row) {
  std::vector<float> out(tensor.columns());
  kernel::dequantize_row(tensor, row, out);
  return out;
}

// Rows of one task; together they read each column of x once.
constexpr std::size_t row_tile = 4;
constexpr std::size_t token_tile = 4;

// Sums of `rows` rows for tokens [from, from + token_tile): each over the columns in order.
template <std::size_t tokens>
void multiply_tile(const std::vector<float>* rows, std::size_t count, const Columns& x, std::size_t from, Columns& y,
                   std::size_t first_row) {
  double sums[row_tile][tokens] = {};
  for (std::size_t c = 0; c < x.features; ++c) {
    const double* in = x.at(c) + from;
    for (std::size_t r = 0; r < row_tile; ++r) {
      const double weight = rows[r][c];
      for (std::size_t t = 0; t < tokens; ++t) sums[r][t] += weight * in[t];
    }
  }
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t t = 0; t < tokens; ++t) y.at(first_row + r)[from + t] = sums[r][t];
  }
}

// y = W x. x is rounded first where that is asked for; the caller rounds y behind the bias.
Columns multiply(const Run& run, const TensorView& w, const Columns& x) {
  Columns y(w.rows(), x.tokens);
  const std::size_t tasks = (w.rows() + row_tile - 1) / row_tile;
  run.share(tasks, [&](std::size_t task) {
    std::vector<float> rows[row_tile];
    const std::size_t first = task * row_tile;
    const auto count = std::min<std::size_t>(row_tile, w.rows() - first);
    for (std::size_t r = 0; r < row_tile; ++r) {
      rows[r].resize(w.columns());
      if (r < count) kernel::dequantize_row(w, first + r, rows[r]);
    }
    std::size_t t = 0;
    for (; t + token_tile <= x.tokens; t += token_tile) multiply_tile<token_tile>(rows, count, x, t, y, first);
    for (; t < x.tokens; ++t) multiply_tile<1>(rows, count, x, t, y, first);
  });
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

// Token t of a copy stands at position t.
void rotate(const Run& run, const RopeFrequencies& rope, std::uint32_t heads, Columns& x) {
  const ModelConfig& config = run.config;
  const std::size_t pairs = config.rope_dims / 2;
  for (std::uint32_t h = 0; h < heads; ++h) {
    for (std::size_t i = 0; i < pairs; ++i) {
      const std::size_t base = std::size_t{h} * config.head_dim;
      const bool adjacent = config.rope_pairs == RopePairs::adjacent;
      double* a = x.at(base + (adjacent ? 2 * i : i));
      double* b = x.at(base + (adjacent ? 2 * i + 1 : i + pairs));
      for (std::size_t t = 0; t < x.tokens; ++t) {
        const double angle = static_cast<double>(t % run.length) * rope.inverse[i];
        const double c = std::cos(angle) * rope.magnitude;
        const double s = std::sin(angle) * rope.magnitude;
        const double a0 = a[t];
        a[t] = a0 * c - b[t] * s;
        b[t] = a0 * s + b[t] * c;
      }
    }
  }
}

Columns attend(const Run& run, bool slides, const Columns& q, const Columns& k, const Columns& v) {
  const ModelConfig& config = run.config;
  Columns out(q.features, q.tokens);
  const std::size_t dim = config.head_dim;
  run.share(config.heads, [&](std::size_t h) {
    std::vector<double> weights(q.tokens);
    const std::size_t q_base = h * dim;
    const std::size_t kv_base = h / (config.heads / config.kv_heads) * dim;
    for (std::size_t t = 0; t < q.tokens; ++t) {
      const std::size_t begin = t - t % run.length;  // of this copy
      const std::size_t seen = t + 1 - begin;
      const std::size_t first = slides && seen > config.sliding_window ? t + 1 - config.sliding_window : begin;
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
  });
  return out;
}

void add(Columns& x, const Columns& y) {
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += y.values[i];
}

// Normed, and rounded as the input of a matrix.
Columns normed(const Run& run, const TensorView& gain, const Columns& x) {
  Columns out = x;
  rms_norm(row_of(gain, 0), run.config.rms_eps, 0, out);
  run.disturb(Site::matrix_input, out);
  return out;
}

Columns project(const Run& run, const TensorView& w, const TensorView& bias, const Columns& x) {
  Columns y = multiply(run, w, x);
  add_bias(bias, y);
  run.disturb(Site::matrix_output, y);
  return y;
}

void run_layer(const Run& run, const LayerWeights& layer, bool slides, const RopeFrequencies& rope, Columns& x) {
  const ModelConfig& config = run.config;
  const Columns a = normed(run, layer.attention_norm, x);
  Columns q = project(run, layer.q, layer.q_bias, a);
  Columns k = project(run, layer.k, layer.k_bias, a);
  Columns v = project(run, layer.v, layer.v_bias, a);
  norm_heads(layer.q_norm, config, config.heads, q);
  norm_heads(layer.k_norm, config, config.kv_heads, k);
  rotate(run, rope, config.heads, q);
  rotate(run, rope, config.kv_heads, k);
  run.disturb(Site::keys, k);
  run.disturb(Site::values, v);
  Columns attended = attend(run, slides, q, k, v);
  run.disturb(Site::matrix_input, attended);
  add(x, project(run, layer.output, {}, attended));
  run.disturb(Site::residual, x);

  const Columns f = normed(run, layer.ffn_norm, x);
  Columns gate = project(run, layer.gate, {}, f);
  const Columns up = project(run, layer.up, {}, f);
  for (std::size_t i = 0; i < gate.values.size(); ++i) {
    gate.values[i] = gate.values[i] / (1 + std::exp(-gate.values[i])) * up.values[i];
  }
  run.disturb(Site::matrix_input, gate);
  add(x, project(run, layer.down, {}, gate));
  run.disturb(Site::residual, x);
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
  return reference_logits(weights, tokens, positions, DisturbedReference{}, progress);
}

Result<std::vector<double>> reference_logits(const Weights& weights, std::span<const std::int32_t> tokens,
                                             std::span<const std::uint32_t> positions, const DisturbedReference& how,
                                             const ReferenceProgress& progress) {
  const ModelConfig& config = weights.config;
  ASSAY_TRY(check(config, tokens, positions));
  ASSAY_ASSERT(how.copies > 0);
  const RopeFrequencies rope = rope_frequencies(weights);
  const Run run{.config = config, .how = how, .length = tokens.size()};

  Columns x(config.hidden, tokens.size() * how.copies);
  for (std::size_t t = 0; t < x.tokens; ++t) {
    const std::vector<float> row = row_of(weights.embedding, static_cast<std::size_t>(tokens[t % run.length]));
    for (std::size_t i = 0; i < row.size(); ++i) x.at(i)[t] = row[i];
  }
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    if (progress && !progress(static_cast<double>(i) / (config.layers + 1))) {
      return fail(Errc::cancelled, "reference stopped after layer " + std::to_string(i));
    }
    const bool slides = config.sliding_window != 0 && config.layer_slides[i];
    run_layer(run, weights.layers[i], slides, rope, x);
    if (asked(how.stop)) return fail(Errc::cancelled, "reference stopped in layer " + std::to_string(i));
  }

  const Columns last = normed(run, weights.output_norm, x);
  Columns wanted(config.hidden, positions.size() * how.copies);
  for (std::size_t i = 0; i < last.features; ++i) {
    for (std::size_t p = 0; p < wanted.tokens; ++p) {
      wanted.at(i)[p] = last.at(i)[p / positions.size() * run.length + positions[p % positions.size()]];
    }
  }
  const Columns logits = project(run, weights.head, {}, wanted);
  if (asked(how.stop)) return fail(Errc::cancelled, "reference stopped in the head");
  std::vector<double> out(wanted.tokens * config.vocab);
  for (std::size_t p = 0; p < wanted.tokens; ++p) {
    for (std::size_t v = 0; v < config.vocab; ++v) out[p * config.vocab + v] = logits.at(v)[p];
  }
  return out;
}

}  // namespace assay::model
