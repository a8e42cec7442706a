#include "adapter/mlx/graph.h"

#include <mlx/compile.h>
#include <mlx/fast.h>
#include <mlx/ops.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "kernel/rope/rope.h"

namespace assay::adapter::mlx {
namespace {

int i(std::uint64_t value) { return static_cast<int>(value); }

std::vector<mx::array> gated(const std::vector<mx::array>& in) {
  return {mx::multiply(mx::multiply(in[0], mx::sigmoid(in[0])), in[1])};
}

// Which positions a run's queries see. The first of [first, position + count) that any of them does:
Position first_seen(const ModelConfig& config, bool slides, const SlotRun& run) {
  if (!slides || run.position + 1 <= config.sliding_window) return 0;
  return run.position + 1 - config.sliding_window;
}

// True where a query sees a key: (count, keys) row-major. Empty: no query sees less than all keys but by causality.
enum class MaskKind : std::uint8_t { none, causal, window };
MaskKind mask_kind(const ModelConfig& config, bool slides, const SlotRun& run) {
  if (slides && run.count > 1 && run.position + run.count > config.sliding_window) return MaskKind::window;
  return run.count == 1 ? MaskKind::none : MaskKind::causal;
}

bool sees(const ModelConfig& config, bool slides, Position query, Position key) {
  return key <= query && (!slides || key + config.sliding_window > query);
}

}  // namespace

struct Graph::Turn {
  std::optional<mx::array> cos, sin;  // plain: (slots, 1, rope_dims / 2)
  std::optional<mx::array> offsets;   // fused, several runs: (slots) int32
  int offset = 0;                     // fused, one run
  // By run and whether the layer slides, (count, keys): added to scores, or bool where fused.
  std::map<std::pair<std::uint32_t, bool>, mx::array> masks;
};

Graph::Graph(const GraphModel& model, const Compute& compute)
    : model_(model), compute_(compute), score_scale_(model.config.attention_scale), swiglu_(gated) {
  if (!compute.fused) return;
  const ModelConfig& config = model.config;
  // On the CPU a compiled graph would be built by a C++ compiler at run time.
  if (!compute.cpu()) swiglu_ = mx::compile(gated, true);
  std::vector<float> periods;
  periods.reserve(model.rope.inverse.size());
  for (const double frequency : model.rope.inverse) periods.push_back(static_cast<float>(1 / frequency));
  rope_periods_ = mx::array(periods.begin(), {i(periods.size())});
  if (model.rope.magnitude == 1) return;
  if (config.rope_dims == config.head_dim) {
    score_scale_ *= model.rope.magnitude * model.rope.magnitude;  // q and k each
    return;
  }
  std::vector<float> magnitude(config.head_dim, 1);
  std::fill_n(magnitude.begin(), config.rope_dims, static_cast<float>(model.rope.magnitude));
  rope_magnitude_ = mx::astype(mx::array(magnitude.begin(), {i(magnitude.size())}), compute.activations);
}

Graph::Turn Graph::turn_of(const GraphBatch& batch) const {
  const ModelConfig& config = model_.config;
  Turn turn;
  std::vector<std::int32_t> positions;
  for (const SlotRun& run : batch.runs) {
    for (std::uint32_t s = 0; s < run.count; ++s) positions.push_back(static_cast<std::int32_t>(run.position + s));
  }
  if (!compute_.fused) {
    const std::size_t pairs = model_.rope.inverse.size();
    std::vector<float> cos(positions.size() * pairs);
    std::vector<float> sin(cos.size());
    for (std::size_t s = 0; s < positions.size(); ++s) {
      kernel::rope_angles(model_.rope.inverse, static_cast<std::uint64_t>(positions[s]), model_.rope.magnitude,
                          std::span(cos).subspan(s * pairs, pairs), std::span(sin).subspan(s * pairs, pairs));
    }
    turn.cos = mx::array(cos.begin(), {i(positions.size()), 1, i(pairs)});
    turn.sin = mx::array(sin.begin(), {i(positions.size()), 1, i(pairs)});
  } else if (batch.runs.size() == 1) {
    turn.offset = positions.front();
  } else {
    turn.offsets = mx::array(positions.begin(), {i(positions.size())});
  }
  for (std::uint32_t r = 0; r < batch.runs.size(); ++r) {
    const SlotRun& run = batch.runs[r];
    for (const bool slides : {false, true}) {
      if (slides && config.sliding_window == 0) continue;
      const MaskKind kind = mask_kind(config, slides, run);
      if (kind == MaskKind::none || (kind == MaskKind::causal && compute_.fused)) continue;
      const Position first = first_seen(config, slides, run);
      const Position end = run.position + run.count;
      std::vector<float> values;
      values.reserve(std::size_t{run.count} * (end - first));
      const float seen = compute_.fused ? 1.0F : 0.0F;
      const float hidden = compute_.fused ? 0.0F : -std::numeric_limits<float>::infinity();
      for (Position q = run.position; q < end; ++q) {
        for (Position k = first; k < end; ++k) {
          values.push_back(sees(config, slides, q, k) ? seen : hidden);
        }
      }
      mx::array mask(values.begin(), {i(run.count), i(end - first)});
      turn.masks.emplace(std::pair(r, slides), compute_.fused ? mx::astype(mask, mx::bool_) : mask);
    }
  }
  return turn;
}

// (slots, heads, head_dim)
mx::array Graph::rotate(const mx::array& heads, const Turn& turn) const {
  const ModelConfig& config = model_.config;
  const int slots = heads.shape(0);
  const int count = heads.shape(1);
  const int dim = heads.shape(2);
  const int dims = i(config.rope_dims);
  const bool adjacent = config.rope_pairs == RopePairs::adjacent;
  if (compute_.fused) {
    const mx::array x = rope_magnitude_ ? mx::multiply(heads, *rope_magnitude_) : heads;
    if (turn.offsets) {  // every slot a batch entry of its own
      return mx::reshape(mx::fast::rope(mx::reshape(x, {slots, count, 1, dim}), dims, adjacent, std::nullopt, 1.0F,
                                        *turn.offsets, rope_periods_),
                         {slots, count, dim});
    }
    const mx::array turned = mx::fast::rope(mx::expand_dims(mx::swapaxes(x, 0, 1), 0), dims, adjacent, std::nullopt,
                                            1.0F, turn.offset, rope_periods_);
    return mx::swapaxes(mx::squeeze(turned, 0), 0, 1);
  }
  const int pairs = dims / 2;
  const auto part = [&](int from, int to, int step) {
    return mx::slice(heads, {0, 0, from}, {slots, count, to}, {1, 1, step});
  };
  const mx::array a = adjacent ? part(0, dims, 2) : part(0, pairs, 1);
  const mx::array b = adjacent ? part(1, dims, 2) : part(pairs, dims, 1);
  const mx::array x = mx::subtract(mx::multiply(a, *turn.cos), mx::multiply(b, *turn.sin));
  const mx::array y = mx::add(mx::multiply(a, *turn.sin), mx::multiply(b, *turn.cos));
  mx::array out = adjacent ? mx::reshape(mx::stack({x, y}, 3), {slots, count, dims}) : mx::concatenate({x, y}, 2);
  return dims == dim ? out : mx::concatenate({out, part(dims, dim, 1)}, 2);
}

mx::array Graph::norm(const mx::array& x, const mx::array& gain) const {
  return mx::fast::rms_norm(x, gain, static_cast<float>(model_.config.rms_eps));
}

// q: (1, heads, count, head_dim); keys: (1, kv_heads, head_dim, keys); values: (1, kv_heads, keys, head_dim).
mx::array Graph::attend_plain(const mx::array& q, const mx::array& keys, const mx::array& values,
                              const std::optional<mx::array>& mask) const {
  const int kv_heads = i(model_.config.kv_heads);
  const int group = i(model_.config.heads) / kv_heads;
  const int count = q.shape(2);
  const int dim = q.shape(3);
  const int length = keys.shape(3);
  const mx::array scaled = mx::multiply(q, mx::array(static_cast<float>(score_scale_)));
  mx::array scores =
      mx::matmul(mx::reshape(scaled, {1, kv_heads, group * count, dim}), mx::astype(keys, compute_.activations));
  if (mask) {
    scores = mx::add(mx::reshape(scores, {1, kv_heads, group, count, length}), *mask);
    scores = mx::reshape(scores, {1, kv_heads, group * count, length});
  }
  const mx::array attended =
      mx::matmul(mx::softmax(scores, std::vector<int>{-1}, true), mx::astype(values, compute_.activations));
  return mx::reshape(attended, {1, kv_heads * group, count, dim});
}

// (1, heads, count, head_dim) in and out.
mx::array Graph::attend(const GraphBatch& batch, const Turn& turn, std::uint32_t run_index, std::uint32_t layer,
                        const mx::array& q, const KvSequence& sequence) const {
  const SlotRun& run = batch.runs[run_index];
  const bool slides = model_.layers[layer].slides;
  const Position first = first_seen(model_.config, slides, run);
  const Position end = run.position + run.count;
  const mx::array keys = keys_of(compute_, sequence, layer, first, end);
  const mx::array values = values_of(sequence, layer, first, end);
  std::optional<mx::array> mask;
  if (const auto found = turn.masks.find({run_index, slides}); found != turn.masks.end()) mask = found->second;
  if (!compute_.fused) return attend_plain(q, keys, values, mask);
  // The query takes the cache's type, not the whole cache the query's.
  const std::string mode = mask || run.count == 1 ? "" : "causal";
  return mx::astype(mx::fast::scaled_dot_product_attention(mx::astype(q, compute_.kv), keys, values,
                                                           static_cast<float>(score_scale_), mode, mask),
                    compute_.activations);
}

mx::array Graph::attention(const GraphBatch& batch, const Turn& turn, std::uint32_t layer, const mx::array& x,
                           std::span<KvSequence* const> sequences) const {
  const ModelConfig& config = model_.config;
  const GraphLayer& weights = model_.layers[layer];
  const int slots = x.shape(0);
  const int dim = i(config.head_dim);
  std::vector<mx::array> qkv = multiply(compute_, weights.qkv, norm(x, *weights.attention_norm));
  const std::array biases{&weights.q_bias, &weights.k_bias, &weights.v_bias};
  for (std::size_t part = 0; part < biases.size(); ++part) {
    if (*biases[part]) qkv[part] = mx::add(qkv[part], **biases[part]);
  }
  mx::array q = mx::reshape(qkv[0], {slots, i(config.heads), dim});
  mx::array k = mx::reshape(qkv[1], {slots, i(config.kv_heads), dim});
  const mx::array v = mx::reshape(qkv[2], {slots, i(config.kv_heads), dim});
  if (weights.q_norm) q = norm(q, *weights.q_norm);
  if (weights.k_norm) k = norm(k, *weights.k_norm);
  q = rotate(q, turn);
  k = rotate(k, turn);

  std::vector<mx::array> attended;
  for (std::uint32_t r = 0; r < batch.runs.size(); ++r) {
    const SlotRun& run = batch.runs[r];
    // (slots, heads, head_dim) -> (1, heads, count, head_dim)
    const auto of_run = [&](const mx::array& all) {
      const mx::array mine = batch.runs.size() == 1 ? all
                                                    : mx::slice(all, {i(run.first), 0, 0},
                                                                {i(run.first + run.count), all.shape(1), all.shape(2)});
      return mx::expand_dims(mx::swapaxes(mine, 0, 1), 0);
    };
    KvSequence& sequence = *sequences[r];
    append(compute_, sequence, layer, run.position, of_run(k), of_run(v));
    const mx::array out = attend(batch, turn, r, layer, of_run(q), sequence);
    attended.push_back(mx::reshape(mx::swapaxes(mx::squeeze(out, 0), 0, 1), {i(run.count), i(config.heads) * dim}));
  }
  const mx::array all = attended.size() == 1 ? attended.front() : mx::concatenate(std::move(attended), 0);
  return multiply(compute_, *weights.output, all);
}

mx::array Graph::ffn(const GraphLayer& layer, const mx::array& x) const {
  const std::vector<mx::array> gate_up = multiply(compute_, layer.gate_up, norm(x, *layer.ffn_norm));
  return multiply(compute_, *layer.down, swiglu_(gate_up).front());
}

mx::array Graph::build(const GraphBatch& batch, const mx::array& tokens, std::span<KvSequence* const> sequences) const {
  for (std::size_t r = 0; r < batch.runs.size(); ++r) {
    reserve(compute_, model_.config, *sequences[r], batch.runs[r].position + batch.runs[r].count);
  }
  const Turn turn = turn_of(batch);
  mx::array x = rows_of(compute_, model_.embedding, tokens);
  for (std::uint32_t layer = 0; layer < model_.layers.size(); ++layer) {
    x = mx::add(x, attention(batch, turn, layer, x, sequences));
    x = mx::add(x, ffn(model_.layers[layer], x));
  }
  if (batch.wanted.empty()) return x;
  if (batch.wanted.size() != batch.tokens.size()) {
    x = mx::take(x, mx::array(batch.wanted.begin(), {i(batch.wanted.size())}), 0);
  }
  const Matrix& head = model_.head ? *model_.head : model_.embedding;
  return mx::contiguous(mx::astype(multiply(compute_, head, norm(x, model_.output_norm)), mx::float32));
}

}  // namespace assay::adapter::mlx
