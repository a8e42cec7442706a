#include "model/reference_pass.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "kernel/quant/dequantize.h"

namespace assay::model {
namespace {

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

double activated(Activation activation, double gate) {
  switch (activation) {
    case Activation::silu:
      return gate / (1 + std::exp(-gate));
    case Activation::gelu_tanh:
      return gate / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (gate + 0.044715 * gate * gate * gate)));
  }
  return gate;
}

}  // namespace

ReferencePass::ReferencePass(const Weights& weights, std::span<const std::int32_t> tokens,
                             std::span<const std::uint32_t> positions, const DisturbedReference& how)
    : weights_(weights),
      config_(weights.config),
      tokens_(tokens),
      positions_(positions),
      how_(how),
      ropes_(rope_frequencies(weights)) {}

Result<void> ReferencePass::run(const Step& step) {
  switch (step.op) {
    case Op::embed:
      embed();
      return {};
    case Op::project:
      project(step.layer);
      return {};
    case Op::attend:
      attend(step.layer);
      return {};
    case Op::merge:
      merge(step.layer);
      return {};
    case Op::gate:
      gate_and_up(step.layer);
      return {};
    case Op::down:
      down(step.layer);
      return {};
    case Op::head:
      head();
      return {};
    case Op::added:
      break;
  }
  const auto op = how_.added.find(step.op);
  if (op == how_.added.end()) {
    return fail(Errc::unsupported, "reference: operation " + std::to_string(static_cast<unsigned>(step.op)) +
                                       " of layer " + std::to_string(step.layer) + " is not known");
  }
  op->second(*this, step.layer);
  return {};
}

void ReferencePass::disturb(Site site, Columns& at) const {
  if (!how_.disturb || asked(how_.stop)) return;
  const std::size_t tokens = at.tokens / how_.copies;
  for (std::uint32_t copy = 0; copy < how_.copies; ++copy) {
    how_.disturb(copy, {site, at.features, tokens, at.tokens, at.values.data() + copy * tokens});
  }
}

Columns ReferencePass::multiply(const TensorView& w, const Columns& in) const {
  Columns y(w.rows(), in.tokens);
  const std::size_t tasks = (w.rows() + row_tile - 1) / row_tile;
  share(tasks, [&](std::size_t task) {
    std::vector<float> rows[row_tile];
    const std::size_t first = task * row_tile;
    const auto count = std::min<std::size_t>(row_tile, w.rows() - first);
    for (std::size_t r = 0; r < row_tile; ++r) {
      rows[r].resize(w.columns());
      if (r < count) kernel::dequantize_row(w, first + r, rows[r]);
    }
    std::size_t t = 0;
    for (; t + token_tile <= in.tokens; t += token_tile) multiply_tile<token_tile>(rows, count, in, t, y, first);
    for (; t < in.tokens; ++t) multiply_tile<1>(rows, count, in, t, y, first);
  });
  return y;
}

Columns ReferencePass::product(const TensorView& w, const TensorView& bias, const Columns& in) const {
  Columns y = multiply(w, in);
  add_bias(bias, y);
  disturb(Site::matrix_output, y);
  return y;
}

Columns ReferencePass::normed(const TensorView& gain, const Columns& in) const {
  Columns out = in;
  rms_norm(row_of(gain, 0), config_.rms_eps, 0, out);
  disturb(Site::matrix_input, out);
  return out;
}

void ReferencePass::norm_heads(const TensorView& gain, const Attention& a, std::uint32_t heads, Columns& at) const {
  if (!present(gain)) return;
  const std::vector<float> values = row_of(gain, 0);
  for (std::uint32_t h = 0; h < heads; ++h) rms_norm(values, config_.rms_eps, std::size_t{h} * a.head_dim, at);
}

// Token t of a copy stands at position t.
void ReferencePass::rotate(const Attention& a, std::uint32_t heads, Columns& at) const {
  const RopeFrequencies& rope = ropes_[a.rope];
  const std::size_t pairs = rope.inverse.size();
  const bool adjacent = config_.rope_pairs == RopePairs::adjacent;
  for (std::uint32_t h = 0; h < heads; ++h) {
    for (std::size_t i = 0; i < pairs; ++i) {
      const std::size_t base = std::size_t{h} * a.head_dim;
      double* first = at.at(base + (adjacent ? 2 * i : i));
      double* second = at.at(base + (adjacent ? 2 * i + 1 : i + pairs));
      for (std::size_t t = 0; t < at.tokens; ++t) {
        const double angle = static_cast<double>(t % tokens_.size()) * rope.inverse[i];
        const double c = std::cos(angle) * rope.magnitude;
        const double s = std::sin(angle) * rope.magnitude;
        const double before = first[t];
        first[t] = before * c - second[t] * s;
        second[t] = before * s + second[t] * c;
      }
    }
  }
}

void ReferencePass::add_to_x(const TensorView& post_norm, Columns y) {
  if (present(post_norm)) rms_norm(row_of(post_norm, 0), config_.rms_eps, 0, y);
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += y.values[i];
  disturb(Site::residual, x);
}

void ReferencePass::embed() {
  x = Columns(config_.hidden, tokens_.size() * how_.copies);
  for (std::size_t t = 0; t < x.tokens; ++t) {
    const auto token = static_cast<std::size_t>(tokens_[t % tokens_.size()]);
    const std::vector<float> row = row_of(weights_.embedding, token);
    for (std::size_t i = 0; i < row.size(); ++i) x.at(i)[t] = row[i] * config_.embedding_scale;
  }
}

void ReferencePass::project(std::uint32_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const Attention& a = attention_of(config_.layers[layer]);
  const Columns h = normed(w.attention_norm, x);
  q = product(w.q, w.q_bias, h);
  k = product(w.k, w.k_bias, h);
  v = product(w.v, w.v_bias, h);
  norm_heads(w.q_norm, a, a.heads, q);
  norm_heads(w.k_norm, a, a.kv_heads, k);
  rotate(a, a.heads, q);
  rotate(a, a.kv_heads, k);
  disturb(Site::keys, k);
  disturb(Site::values, v);
}

void ReferencePass::attend(std::uint32_t layer) {
  const Attention& a = attention_of(config_.layers[layer]);
  attended = Columns(q.features, q.tokens);
  const std::size_t dim = a.head_dim;
  share(a.heads, [&](std::size_t h) {
    std::vector<double> weights(q.tokens);
    const std::size_t q_base = h * dim;
    const std::size_t kv_base = h / (a.heads / a.kv_heads) * dim;
    for (std::size_t t = 0; t < q.tokens; ++t) {
      const std::size_t begin = t - t % tokens_.size();  // of this copy
      const std::size_t seen = t + 1 - begin;
      const std::size_t first = a.window != 0 && seen > a.window ? t + 1 - a.window : begin;
      double largest = -INFINITY;
      for (std::size_t j = first; j <= t; ++j) {
        double dot = 0;
        for (std::size_t d = 0; d < dim; ++d) dot += q.at(q_base + d)[t] * k.at(kv_base + d)[j];
        weights[j] = dot * a.scale;
        largest = std::max(largest, weights[j]);
      }
      double total = 0;
      for (std::size_t j = first; j <= t; ++j) total += weights[j] = std::exp(weights[j] - largest);
      for (std::size_t d = 0; d < dim; ++d) {
        double sum = 0;
        for (std::size_t j = first; j <= t; ++j) sum += weights[j] * v.at(kv_base + d)[j];
        attended.at(q_base + d)[t] = sum / total;
      }
    }
  });
}

void ReferencePass::merge(std::uint32_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  disturb(Site::matrix_input, attended);
  add_to_x(w.attention_post_norm, product(w.output, {}, attended));
}

void ReferencePass::gate_and_up(std::uint32_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const Columns f = normed(w.ffn_norm, x);
  gate = product(w.gate, {}, f);
  up = product(w.up, {}, f);
}

void ReferencePass::down(std::uint32_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const Activation activation = dense_of(config_.layers[layer]).activation;
  for (std::size_t i = 0; i < gate.values.size(); ++i) {
    gate.values[i] = activated(activation, gate.values[i]) * up.values[i];
  }
  disturb(Site::matrix_input, gate);
  add_to_x(w.ffn_post_norm, product(w.down, {}, gate));
}

void ReferencePass::head() {
  const Columns last = normed(weights_.output_norm, x);
  Columns wanted(config_.hidden, positions_.size() * how_.copies);
  for (std::size_t i = 0; i < last.features; ++i) {
    for (std::size_t p = 0; p < wanted.tokens; ++p) {
      wanted.at(i)[p] = last.at(i)[p / positions_.size() * tokens_.size() + positions_[p % positions_.size()]];
    }
  }
  logits = product(weights_.head, {}, wanted);
}

}  // namespace assay::model
