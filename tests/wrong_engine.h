// An engine in plain loops with one bug at a time: what parity must find. Without a bug it is right, as the first test of
// each model says. Shares no line with the double-precision reference or with direct.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "kernel/quant/dequantize.h"
#include "model/rope.h"
#include "model/weights.h"

namespace assay {

struct Bugs {
  // In every pass.
  bool kv_heads_swapped = false;       // groups of queries look at the other heads' keys and values
  bool first_head_not_normed = false;  // of qk_norm
  bool gate_and_up_swapped = false;
  bool sees_the_next_token = false;   // of its own batch
  bool batch_forgets_before = false;  // a batch behind another one sees itself only
  std::uint32_t layer_skipped = ~0U;
  // Where one token is computed alone.
  std::uint32_t decode_position = 0;     // positions added to its rotation
  bool decode_overwrites = false;        // its keys and values go where the last ones are
  bool decode_misses_itself = false;     // it does not see its own position
  bool decode_misses_the_first = false;  // ... or the first of the text
  bool decode_without_window = false;
};

class WrongEngine final : public Backend {
 public:
  WrongEngine(model::Weights weights, Bugs bugs, std::string activations, std::string kv)
      : weights_(std::move(weights)), config_(weights_.config), bugs_(bugs), ropes_(model::rope_frequencies(weights_)) {
    facts_.name = "wrong";
    facts_.vocab = config_.vocab;
    facts_.context = 4096;
    facts_.sequences = 1;
    facts_.batch = 32;
    facts_.activations = std::move(activations);
    facts_.kv_type = std::move(kv);
    facts_.deterministic = true;
    layers_.resize(config_.layers.size());
  }

  const BackendFacts& facts() const override { return facts_; }

  Result<void> start(const Batch& batch) override {
    slots_.assign(batch.slots.begin(), batch.slots.end());
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    const std::span<const Slot> slots = slots_;
    decoding_ = slots.size() == 1 && slots[0].pos > 0;
    batch_begin_ = slots[0].pos;
    // Layer by layer, since a query that sees the next token needs its keys.
    std::vector<Vector> states;
    for (const Slot& slot : slots) {
      states.push_back(row(weights_.embedding, static_cast<std::size_t>(slot.token)));
      for (double& value : states.back()) value *= config_.embedding_scale;
    }
    for (std::uint32_t i = 0; i < config_.layers.size(); ++i) {
      if (i != bugs_.layer_skipped) run_layer(i, slots, states);
    }
    auto to = rows.logits.begin();
    for (std::size_t s = 0; s < slots.size(); ++s) {
      if (slots[s].want != Want::logits) continue;
      const Vector logits = multiply(weights_.head, normed(weights_.output_norm, states[s]));
      to = std::ranges::transform(logits, to, [](double value) { return static_cast<float>(value); }).out;
    }
    return {};
  }
  Result<void> forget(SeqId, Position, Position) override {
    for (Cache& cache : layers_) cache = {};
    return {};
  }
  Result<void> share(SeqId, SeqId, Position) override { return {}; }
  MemoryUse memory() const override { return {}; }

 private:
  using Vector = std::vector<double>;
  struct Cache {
    std::vector<Vector> keys, values;  // of each position (kv_heads * head_dim)
  };

  Vector row(const TensorView& tensor, std::size_t index) {
    std::vector<float> values(tensor.columns());
    kernel::dequantize_row(tensor, index, values);
    return {values.begin(), values.end()};
  }

  Vector multiply(const TensorView& w, const Vector& x) {
    std::vector<float>& values = dequantized_[w.data.data()];
    const std::size_t columns = w.columns();
    if (values.empty()) {
      values.resize(w.rows() * columns);
      for (std::size_t r = 0; r < w.rows(); ++r) {
        kernel::dequantize_row(w, r, std::span(values).subspan(r * columns, columns));
      }
    }
    Vector out(w.rows());
    for (std::size_t r = 0; r < w.rows(); ++r) {
      const float* from = values.data() + r * columns;
      double sums[4] = {};
      for (std::size_t c = 0; c < columns; ++c) sums[c % 4] += from[c] * x[c];
      out[r] = sums[0] + sums[1] + sums[2] + sums[3];
    }
    return out;
  }

  void norm(const TensorView& gain, double* x) {
    const Vector gains = row(gain, 0);
    double squares = 0;
    for (std::size_t i = 0; i < gains.size(); ++i) squares += x[i] * x[i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(gains.size()) + config_.rms_eps);
    for (std::size_t i = 0; i < gains.size(); ++i) x[i] *= scale * gains[i];
  }
  Vector normed(const TensorView& gain, Vector x) {
    norm(gain, x.data());
    return x;
  }

  // A projection with its bias, its heads normed and turned.
  Vector heads_of(const TensorView& w, const TensorView& bias, const TensorView& gain, const Vector& x,
                  const model::RopeFrequencies* rope, std::uint32_t position) {
    Vector out = multiply(w, x);
    if (model::present(bias)) {
      const Vector values = row(bias, 0);
      for (std::size_t i = 0; i < out.size(); ++i) out[i] += values[i];
    }
    const std::size_t dim = attention_of(config_.layers[0]).head_dim;  // of every layer
    for (std::size_t h = 0; h * dim < out.size(); ++h) {
      if (model::present(gain) && !(h == 0 && bugs_.first_head_not_normed)) norm(gain, out.data() + h * dim);
      if (rope != nullptr) turn(out.data() + h * dim, *rope, position);
    }
    return out;
  }

  void turn(double* head, const model::RopeFrequencies& rope, std::uint32_t position) {
    const std::size_t pairs = rope.inverse.size();
    for (std::size_t i = 0; i < pairs; ++i) {
      const bool adjacent = config_.rope_pairs == RopePairs::adjacent;
      double& a = head[adjacent ? 2 * i : i];
      double& b = head[adjacent ? 2 * i + 1 : i + pairs];
      const double angle = position * rope.inverse[i];
      const double c = std::cos(angle) * rope.magnitude;
      const double s = std::sin(angle) * rope.magnitude;
      std::tie(a, b) = std::pair(a * c - b * s, a * s + b * c);
    }
  }

  // Which cached positions a query at `index` of the cache sees.
  std::pair<std::size_t, std::size_t> seen(std::uint32_t layer, std::size_t index, std::size_t cached) const {
    std::size_t end = std::min(index + 1 + (bugs_.sees_the_next_token ? 1 : 0), cached);
    std::size_t begin = 0;
    const std::uint32_t window = attention_of(config_.layers[layer]).window;
    const bool slides = window != 0 && !(decoding_ && bugs_.decode_without_window);
    if (slides && index + 1 > window) begin = index + 1 - window;
    if (bugs_.batch_forgets_before && !decoding_) begin = std::max<std::size_t>(begin, batch_begin_);
    if (decoding_ && bugs_.decode_misses_itself) --end;
    if (decoding_ && bugs_.decode_misses_the_first) begin = std::max<std::size_t>(begin, 1);
    return {begin, end};
  }

  Vector attend(std::uint32_t layer, const Vector& q, std::size_t index) {
    const Cache& cache = layers_[layer];
    const auto [begin, end] = seen(layer, index, cache.keys.size());
    const Attention& a = attention_of(config_.layers[layer]);
    const std::size_t dim = a.head_dim;
    Vector out(q.size(), 0.0);
    for (std::size_t h = 0; h < a.heads; ++h) {
      std::size_t kv = h / (a.heads / a.kv_heads);
      if (bugs_.kv_heads_swapped) kv = a.kv_heads - 1 - kv;
      Vector weights;
      double largest = -INFINITY;
      for (std::size_t j = begin; j < end; ++j) {
        double dot = 0;
        for (std::size_t d = 0; d < dim; ++d) dot += q[h * dim + d] * cache.keys[j][kv * dim + d];
        weights.push_back(dot * a.scale);
        largest = std::max(largest, weights.back());
      }
      double total = 0;
      for (double& weight : weights) total += weight = std::exp(weight - largest);
      for (std::size_t j = begin; j < end; ++j) {
        for (std::size_t d = 0; d < dim; ++d) {
          out[h * dim + d] += weights[j - begin] / total * cache.values[j][kv * dim + d];
        }
      }
    }
    return out;
  }

  static double activated(Activation activation, double gate) {
    if (activation == Activation::silu) return gate / (1 + std::exp(-gate));
    return gate / (1 + std::exp(-2 * std::sqrt(2 / std::numbers::pi) * (gate + 0.044715 * gate * gate * gate)));
  }

  void run_layer(std::uint32_t i, std::span<const Slot> slots, std::vector<Vector>& states) {
    const model::LayerWeights& layer = weights_.layers[i];
    const LayerShape& shape = config_.layers[i];
    const model::RopeFrequencies& rope = ropes_[attention_of(shape).rope];
    Cache& cache = layers_[i];
    std::vector<Vector> queries;
    std::vector<std::size_t> indices;
    for (std::size_t s = 0; s < slots.size(); ++s) {
      const Vector x = normed(layer.attention_norm, states[s]);
      const std::uint32_t position = slots[s].pos + (decoding_ ? bugs_.decode_position : 0);
      queries.push_back(heads_of(layer.q, layer.q_bias, layer.q_norm, x, &rope, position));
      Vector k = heads_of(layer.k, layer.k_bias, layer.k_norm, x, &rope, position);
      Vector v = heads_of(layer.v, layer.v_bias, {}, x, nullptr, position);
      if (decoding_ && bugs_.decode_overwrites && !cache.keys.empty()) {
        cache.keys.back() = std::move(k);
        cache.values.back() = std::move(v);
      } else {
        cache.keys.push_back(std::move(k));
        cache.values.push_back(std::move(v));
      }
      indices.push_back(cache.keys.size() - 1);
    }
    for (std::size_t s = 0; s < slots.size(); ++s) {
      Vector& state = states[s];
      Vector attended = multiply(layer.output, attend(i, queries[s], indices[s]));
      if (model::present(layer.attention_post_norm)) norm(layer.attention_post_norm, attended.data());
      for (std::size_t f = 0; f < state.size(); ++f) state[f] += attended[f];
      const Vector x = normed(layer.ffn_norm, state);
      const Vector gate = multiply(bugs_.gate_and_up_swapped ? layer.up : layer.gate, x);
      Vector both = multiply(bugs_.gate_and_up_swapped ? layer.gate : layer.up, x);
      for (std::size_t f = 0; f < both.size(); ++f) both[f] *= activated(dense_of(shape).activation, gate[f]);
      Vector fed = multiply(layer.down, both);
      if (model::present(layer.ffn_post_norm)) norm(layer.ffn_post_norm, fed.data());
      for (std::size_t f = 0; f < state.size(); ++f) state[f] += fed[f];
    }
  }

  model::Weights weights_;
  ModelConfig config_;
  Bugs bugs_;
  std::vector<model::RopeFrequencies> ropes_;
  BackendFacts facts_;
  std::vector<Cache> layers_;
  std::map<const std::byte*, std::vector<float>> dequantized_;
  std::vector<Slot> slots_;
  bool decoding_ = false;
  std::size_t batch_begin_ = 0;
};

}  // namespace assay
