#include "adapter/mlx/graph.h"

#include <mlx/compile.h>
#include <mlx/fast.h>
#include <mlx/ops.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

#include "kernel/rope/rope.h"

namespace assay::adapter::mlx {
namespace {

int i(std::uint64_t value) { return static_cast<int>(value); }

std::vector<mx::array> silu_gated(const std::vector<mx::array>& in) {
  return {mx::multiply(mx::multiply(in[0], mx::sigmoid(in[0])), in[1])};
}

std::vector<mx::array> gelu_gated(const std::vector<mx::array>& in) {
  const mx::array& g = in[0];
  const auto number = [&](float value) { return mx::array(value, g.dtype()); };
  const mx::array squared = mx::add(number(1.0F), mx::multiply(number(0.044715F), mx::multiply(g, g)));
  const mx::array inner = mx::multiply(number(0.7978845608F), mx::multiply(g, squared));
  const mx::array gelu = mx::multiply(mx::multiply(number(0.5F), g), mx::add(number(1.0F), mx::tanh(inner)));
  return {mx::multiply(gelu, in[1])};
}

// activation(gate) . up of {gate, up}.
std::vector<mx::array> (*gated_by(Activation activation))(const std::vector<mx::array>&) {
  switch (activation) {
    case Activation::silu:
      return silu_gated;
    case Activation::gelu_tanh:
      return gelu_gated;
  }
  return nullptr;
}

// Which positions a run's queries see. The first of [first, position + count) that any of them does:
Position first_seen(std::uint32_t window, const SlotRun& run) {
  if (window == 0 || run.position + 1 <= window) return 0;
  return run.position + 1 - window;
}

// True where a query sees a key: (count, keys) row-major. Empty: no query sees less than all keys but by causality.
enum class MaskKind : std::uint8_t { none, causal, window };
MaskKind mask_kind(std::uint32_t window, const SlotRun& run) {
  if (window != 0 && run.count > 1 && run.position + run.count > window) return MaskKind::window;
  return run.count == 1 ? MaskKind::none : MaskKind::causal;
}

bool sees(std::uint32_t window, Position query, Position key) {
  return key <= query && (window == 0 || key + window > query);
}

}  // namespace

struct Graph::Turn {
  struct Angles {
    mx::array cos, sin;  // (slots, 1, dims / 2)
  };
  std::vector<Angles> angles;        // plain: of each rope
  std::optional<mx::array> offsets;  // fused, several runs: (slots) int32
  int offset = 0;                    // fused, one run
  // By run and window, (count, keys): added to scores, or bool where fused.
  std::map<std::pair<std::uint32_t, std::uint32_t>, mx::array> masks;
};

struct Graph::Pass {
  const GraphBatch& batch;
  const Turn& turn;
  std::span<KvSequence* const> sequences;
  mx::array x;
  std::vector<mx::array> parts{};       // of Op::project: q, k and v; of Op::gate: gate and up
  std::optional<mx::array> attended{};  // of Op::attend
};

Graph::Graph(const GraphModel& model, const Compute& compute) : model_(model), compute_(compute) {
  each_dense(model.config, [&](const Dense& dense) {
    const auto gated = gated_by(dense.activation);
    // On the CPU a compiled graph would be built by a C++ compiler at run time.
    const bool compiles = compute.fused && !compute.cpu();
    gatings_.try_emplace(dense.activation, compiles ? Gating(mx::compile(gated, true)) : Gating(gated));
  });
  if (!compute.fused) return;
  for (std::uint32_t r = 0; r < model.ropes.size(); ++r) {
    const model::RopeFrequencies& rope = model.ropes[r];
    std::vector<float> periods;
    periods.reserve(rope.inverse.size());
    for (const double frequency : rope.inverse) periods.push_back(static_cast<float>(1 / frequency));
    FusedRope fused{.periods = mx::array(periods.begin(), {i(periods.size())}), .magnitude = {}};
    each_attention(model.config, [&](const Attention& a) {
      if (a.rope != r || rope.magnitude == 1 || in_scores(a) || fused.magnitude) return;
      std::vector<float> magnitude(a.head_dim, 1);
      std::fill_n(magnitude.begin(), model.config.ropes[r].dims, static_cast<float>(rope.magnitude));
      fused.magnitude = mx::astype(mx::array(magnitude.begin(), {i(magnitude.size())}), compute.activations);
    });
    fused_ropes_.push_back(std::move(fused));
  }
}

bool Graph::in_scores(const Attention& a) const { return model_.config.ropes[a.rope].dims == a.head_dim; }

double Graph::score_scale(const Attention& a) const {
  const double magnitude = model_.ropes[a.rope].magnitude;
  if (!compute_.fused || magnitude == 1 || !in_scores(a)) return a.scale;
  return a.scale * magnitude * magnitude;  // of q and k each
}

Graph::Turn Graph::turn_of(const GraphBatch& batch) const {
  Turn turn;
  std::vector<std::int32_t> positions;
  for (const SlotRun& run : batch.runs) {
    for (std::uint32_t s = 0; s < run.count; ++s) positions.push_back(static_cast<std::int32_t>(run.position + s));
  }
  if (!compute_.fused) {
    for (const model::RopeFrequencies& rope : model_.ropes) {
      const std::size_t pairs = rope.inverse.size();
      std::vector<float> cos(positions.size() * pairs);
      std::vector<float> sin(cos.size());
      for (std::size_t s = 0; s < positions.size(); ++s) {
        kernel::rope_angles(rope.inverse, static_cast<std::uint64_t>(positions[s]), rope.magnitude,
                            std::span(cos).subspan(s * pairs, pairs), std::span(sin).subspan(s * pairs, pairs));
      }
      const mx::Shape shape{i(positions.size()), 1, i(pairs)};
      turn.angles.push_back({mx::array(cos.begin(), shape), mx::array(sin.begin(), shape)});
    }
  } else if (batch.runs.size() == 1) {
    turn.offset = positions.front();
  } else {
    turn.offsets = mx::array(positions.begin(), {i(positions.size())});
  }
  std::set<std::uint32_t> windows;
  each_attention(model_.config, [&](const Attention& a) { windows.insert(a.window); });
  for (std::uint32_t r = 0; r < batch.runs.size(); ++r) {
    const SlotRun& run = batch.runs[r];
    for (const std::uint32_t window : windows) {
      const MaskKind kind = mask_kind(window, run);
      if (kind == MaskKind::none || (kind == MaskKind::causal && compute_.fused)) continue;
      const Position first = first_seen(window, run);
      const Position end = run.position + run.count;
      std::vector<float> values;
      values.reserve(std::size_t{run.count} * (end - first));
      const float seen = compute_.fused ? 1.0F : 0.0F;
      const float hidden = compute_.fused ? 0.0F : -std::numeric_limits<float>::infinity();
      for (Position q = run.position; q < end; ++q) {
        for (Position k = first; k < end; ++k) {
          values.push_back(sees(window, q, k) ? seen : hidden);
        }
      }
      mx::array mask(values.begin(), {i(run.count), i(end - first)});
      turn.masks.emplace(std::pair(r, window), compute_.fused ? mx::astype(mask, mx::bool_) : mask);
    }
  }
  return turn;
}

// (slots, heads, head_dim)
mx::array Graph::rotate(const mx::array& heads, std::uint32_t rope, const Turn& turn) const {
  const ModelConfig& config = model_.config;
  const int slots = heads.shape(0);
  const int count = heads.shape(1);
  const int dim = heads.shape(2);
  const int dims = i(config.ropes[rope].dims);
  const bool adjacent = config.rope_pairs == RopePairs::adjacent;
  if (compute_.fused) {
    const FusedRope& fused = fused_ropes_[rope];
    const mx::array x = fused.magnitude ? mx::multiply(heads, *fused.magnitude) : heads;
    if (turn.offsets) {  // every slot a batch entry of its own
      return mx::reshape(mx::fast::rope(mx::reshape(x, {slots, count, 1, dim}), dims, adjacent, std::nullopt, 1.0F,
                                        *turn.offsets, fused.periods),
                         {slots, count, dim});
    }
    const mx::array turned = mx::fast::rope(mx::expand_dims(mx::swapaxes(x, 0, 1), 0), dims, adjacent, std::nullopt,
                                            1.0F, turn.offset, fused.periods);
    return mx::swapaxes(mx::squeeze(turned, 0), 0, 1);
  }
  const Turn::Angles& angles = turn.angles[rope];
  const int pairs = dims / 2;
  const auto part = [&](int from, int to, int step) {
    return mx::slice(heads, {0, 0, from}, {slots, count, to}, {1, 1, step});
  };
  const mx::array a = adjacent ? part(0, dims, 2) : part(0, pairs, 1);
  const mx::array b = adjacent ? part(1, dims, 2) : part(pairs, dims, 1);
  const mx::array x = mx::subtract(mx::multiply(a, angles.cos), mx::multiply(b, angles.sin));
  const mx::array y = mx::add(mx::multiply(a, angles.sin), mx::multiply(b, angles.cos));
  mx::array out = adjacent ? mx::reshape(mx::stack({x, y}, 3), {slots, count, dims}) : mx::concatenate({x, y}, 2);
  return dims == dim ? out : mx::concatenate({out, part(dims, dim, 1)}, 2);
}

mx::array Graph::norm(const mx::array& x, const mx::array& gain) const {
  return mx::fast::rms_norm(x, gain, static_cast<float>(model_.config.rms_eps));
}

// q: (1, heads, count, head_dim); keys: (1, kv_heads, head_dim, keys); values: (1, kv_heads, keys, head_dim).
mx::array Graph::attend_plain(const Attention& a, const mx::array& q, const mx::array& keys, const mx::array& values,
                              const std::optional<mx::array>& mask) const {
  const int kv_heads = i(a.kv_heads);
  const int group = i(a.heads) / kv_heads;
  const int count = q.shape(2);
  const int dim = q.shape(3);
  const int length = keys.shape(3);
  const mx::array scaled = mx::multiply(q, mx::array(static_cast<float>(score_scale(a))));
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
mx::array Graph::attend_run(const Pass& pass, std::uint32_t run_index, std::uint32_t layer, const mx::array& q) const {
  const Attention& a = attention_of(model_.config.layers[layer]);
  const SlotRun& run = pass.batch.runs[run_index];
  const KvSequence& sequence = *pass.sequences[run_index];
  const Position first = first_seen(a.window, run);
  const Position end = run.position + run.count;
  const mx::array keys = keys_of(compute_, sequence, layer, first, end);
  const mx::array values = values_of(sequence, layer, first, end);
  std::optional<mx::array> mask;
  if (const auto found = pass.turn.masks.find({run_index, a.window}); found != pass.turn.masks.end())
    mask = found->second;
  if (!compute_.fused) return attend_plain(a, q, keys, values, mask);
  // The query takes the cache's type, not the whole cache the query's.
  const std::string mode = mask || run.count == 1 ? "" : "causal";
  return mx::astype(mx::fast::scaled_dot_product_attention(mx::astype(q, compute_.kv), keys, values,
                                                           static_cast<float>(score_scale(a)), mode, mask),
                    compute_.activations);
}

void Graph::project(Pass& pass, std::uint32_t layer) const {
  const Attention& a = attention_of(model_.config.layers[layer]);
  const GraphLayer& weights = model_.layers[layer];
  const int slots = pass.x.shape(0);
  const int dim = i(a.head_dim);
  std::vector<mx::array> qkv = multiply(compute_, weights.qkv, norm(pass.x, *weights.attention_norm));
  const std::array biases{&weights.q_bias, &weights.k_bias, &weights.v_bias};
  for (std::size_t part = 0; part < biases.size(); ++part) {
    if (*biases[part]) qkv[part] = mx::add(qkv[part], **biases[part]);
  }
  mx::array q = mx::reshape(qkv[0], {slots, i(a.heads), dim});
  mx::array k = mx::reshape(qkv[1], {slots, i(a.kv_heads), dim});
  const mx::array v = mx::reshape(qkv[2], {slots, i(a.kv_heads), dim});
  if (weights.q_norm) q = norm(q, *weights.q_norm);
  if (weights.k_norm) k = norm(k, *weights.k_norm);
  pass.parts = {rotate(q, a.rope, pass.turn), rotate(k, a.rope, pass.turn), v};
}

void Graph::attend(Pass& pass, std::uint32_t layer) const {
  const GraphBatch& batch = pass.batch;
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
    append(compute_, *pass.sequences[r], layer, run.position, of_run(pass.parts[1]), of_run(pass.parts[2]));
    const mx::array out = attend_run(pass, r, layer, of_run(pass.parts[0]));
    attended.push_back(mx::reshape(mx::swapaxes(mx::squeeze(out, 0), 0, 1), {i(run.count), -1}));
  }
  pass.attended = attended.size() == 1 ? attended.front() : mx::concatenate(std::move(attended), 0);
}

void Graph::add_to_x(Pass& pass, const mx::array& y, const std::optional<mx::array>& post_norm) const {
  pass.x = mx::add(pass.x, post_norm ? norm(y, *post_norm) : y);
}

void Graph::merge(Pass& pass, std::uint32_t layer) const {
  const GraphLayer& weights = model_.layers[layer];
  add_to_x(pass, multiply(compute_, *weights.output, *pass.attended), weights.attention_post_norm);
}

void Graph::gate(Pass& pass, std::uint32_t layer) const {
  const GraphLayer& weights = model_.layers[layer];
  pass.parts = multiply(compute_, weights.gate_up, norm(pass.x, *weights.ffn_norm));
}

void Graph::down(Pass& pass, std::uint32_t layer) const {
  const GraphLayer& weights = model_.layers[layer];
  const Gating& gated = gatings_.at(dense_of(model_.config.layers[layer]).activation);
  add_to_x(pass, multiply(compute_, *weights.down, gated(pass.parts).front()), weights.ffn_post_norm);
}

void Graph::head(Pass& pass) const {
  const GraphBatch& batch = pass.batch;
  if (batch.wanted.empty()) return;
  if (batch.wanted.size() != batch.tokens.size()) {
    pass.x = mx::take(pass.x, mx::array(batch.wanted.begin(), {i(batch.wanted.size())}), 0);
  }
  const Matrix& matrix = model_.head ? *model_.head : model_.embedding;
  pass.x = mx::contiguous(mx::astype(multiply(compute_, matrix, norm(pass.x, model_.output_norm)), mx::float32));
}

void Graph::run(Pass& pass, const model::Step& step) const {
  using model::Op;
  switch (step.op) {
    case Op::embed:
      return;  // as the pass begins
    case Op::project:
      return project(pass, step.layer);
    case Op::attend:
      return attend(pass, step.layer);
    case Op::merge:
      return merge(pass, step.layer);
    case Op::gate:
      return gate(pass, step.layer);
    case Op::down:
      return down(pass, step.layer);
    case Op::head:
      return head(pass);
    case Op::added:
      break;
  }
  throw std::runtime_error("operation " + std::to_string(static_cast<unsigned>(step.op)) + " of layer " +
                           std::to_string(step.layer) + " is not known");
}

mx::array Graph::build(const GraphBatch& batch, const mx::array& tokens, std::span<KvSequence* const> sequences) const {
  for (std::size_t r = 0; r < batch.runs.size(); ++r) {
    reserve(compute_, model_.config, *sequences[r], batch.runs[r].position + batch.runs[r].count);
  }
  const Turn turn = turn_of(batch);
  mx::array x = rows_of(compute_, model_.embedding, tokens);
  const auto scale = static_cast<float>(model_.config.embedding_scale);
  if (scale != 1) x = mx::multiply(x, mx::array(scale, compute_.activations));
  Pass pass{.batch = batch, .turn = turn, .sequences = sequences, .x = x};
  for (const model::Step& step : model_.steps) run(pass, step);
  return pass.x;
}

}  // namespace assay::adapter::mlx
