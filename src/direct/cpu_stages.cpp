#include "direct/cpu_stages.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "base/check.h"
#include "kernel/rope/rope.h"
#include "kernel/vector/vector.h"

namespace assay::direct {
namespace {

// Fewer tokens than this are not worth waking threads for what is done per token.
constexpr std::size_t tokens_for_threads = 8;
// Tokens per task of what is done per token: the group in which Activations lie.
constexpr std::size_t tokens_per_task = 12;
// Query tokens per attention task: each key is then read once for 16 tokens, and a chunk's scores stay in L2.
constexpr std::uint32_t attention_tile = 16;

std::span<float> row(std::vector<float>& values, std::size_t index, std::size_t width) {
  return {values.data() + index * width, width};
}

// out = activation(gate) . up
using Gating = void (*)(kernel::Isa isa, std::span<const float> gate, std::span<const float> up, std::span<float> out);
Gating gating(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return kernel::silu_mul;
    case Activation::gelu_tanh:
      return kernel::gelu_mul;
  }
  return nullptr;
}

}  // namespace

std::span<float> CpuStages::residual(std::size_t token) { return row(x_, token, model_.config.hidden); }

Result<void> CpuStages::reserve(std::uint32_t batch_max) {
  const ModelConfig& config = model_.config;
  const std::size_t tokens = batch_max;
  std::size_t q = 0;
  std::size_t kv = 0;
  std::size_t wide = 0;
  std::uint32_t group = 0;
  each_attention(config, [&](const Attention& a) {
    q = std::max<std::size_t>(q, q_width(a));
    kv = std::max<std::size_t>(kv, kv_width(a));
    group = std::max(group, a.heads / a.kv_heads);
  });
  each_dense(config, [&](const Dense& dense) { wide = std::max<std::size_t>(wide, dense.width); });
  const std::string what = "working memory of a batch of " + std::to_string(batch_max) + " tokens";
  for (const auto& [buffer, width] : {std::pair{&x_, std::size_t{config.hidden}},
                                      {&normed_, config.hidden},
                                      {&y_, config.hidden},
                                      {&q_, q},
                                      {&attended_, q},
                                      {&k_, kv},
                                      {&v_, kv},
                                      {&gate_, wide},
                                      {&up_, wide}}) {
    ASSAY_TRY(resize(*buffer, tokens * width, what));
  }
  angles_.resize(model_.ropes.size());
  for (std::size_t r = 0; r < angles_.size(); ++r) {
    ASSAY_TRY(resize(angles_[r].cos, tokens * model_.ropes[r].inverse.size(), what));
    ASSAY_TRY(resize(angles_[r].sin, tokens * model_.ropes[r].inverse.size(), what));
  }
  kernel::Activations::Forms forms;
  std::size_t widest = 0;
  each_product(model_, [&](const kernel::PackedMatrix& w) {
    (w.form() == kernel::ActivationForm::blocks8 ? forms.blocks8 : forms.floats) = true;
    widest = std::max(widest, w.cols());
  });
  if (auto done = activations_.reserve(tokens, widest, forms); !done) {
    return std::unexpected(with_context(what, std::move(done.error())));
  }
  kernel::AttentionTask task;
  task.tokens = std::min(attention_tile, batch_max);
  task.group = group;
  std::size_t floats = 0;
  for (const KvGroup& its : cache_.groups()) {
    task.kv.layout = its.layout;
    floats = std::max(floats, kernel::attention_scratch(task));
  }
  scratch_.resize(pool_.threads());
  for (auto& scratch : scratch_) ASSAY_TRY(resize(scratch, floats, what));
  return {};
}

std::uint64_t CpuStages::scratch_bytes() const {
  std::size_t floats = partials_.capacity();
  for (const auto* buffer : {&x_, &normed_, &y_, &q_, &attended_, &k_, &v_, &gate_, &up_}) {
    floats += buffer->capacity();
  }
  for (const Angles& angles : angles_) floats += angles.cos.capacity() + angles.sin.capacity();
  for (const auto& buffer : scratch_) floats += buffer.capacity();
  return floats * sizeof(float) + activations_.bytes();
}

void CpuStages::set_batch(std::span<const Slot> slots, std::span<const SlotRun> runs,
                          std::span<const float> embeddings) {
  slots_ = slots;
  runs_ = runs;
  const std::size_t width = model_.config.hidden;
  for (std::size_t t = 0; t < slots.size(); ++t) {
    if (slots[t].source != Source::embedding) continue;
    std::ranges::copy(embeddings.subspan(static_cast<std::size_t>(slots[t].token) * width, width),
                      row(x_, t, width).begin());
  }
}

Result<void> CpuStages::go_on() const {
  if (asked(stop_)) return fail(Errc::cancelled, "a forward pass was stopped on request");
  return {};
}

void CpuStages::over_tokens(const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t tokens = slots_.size();
  if (tokens < tokens_for_threads) return work(0, tokens);
  run_tasks((tokens + tokens_per_task - 1) / tokens_per_task, [&](std::size_t task, std::size_t) {
    work(task * tokens_per_task, std::min(tokens, (task + 1) * tokens_per_task));
  });
}

void CpuStages::set_activations(std::span<const kernel::PackedMatrix* const> matrices, const float* x,
                                std::size_t columns, const std::function<void(std::size_t, std::size_t)>& before) {
  kernel::Activations::Forms forms;
  for (const auto* matrix : matrices) {
    (matrix->form() == kernel::ActivationForm::blocks8 ? forms.blocks8 : forms.floats) = true;
  }
  activations_.reshape(slots_.size(), columns, forms);
  over_tokens([&](std::size_t begin, std::size_t end) {
    before(begin, end);
    if (forms.blocks8) activations_.set(kernel::ActivationForm::blocks8, x, columns, begin, end);
    if (forms.floats) activations_.set(kernel::ActivationForm::floats, x, columns, begin, end);
  });
}

void CpuStages::multiply(std::span<const Product> products,
                         const std::function<void(std::size_t, kernel::RowRange)>& done) {
  // About eight tasks per thread: few enough that claiming one costs nothing, enough that a thread whose core is taken
  // away for a moment leaves its share to the others.
  std::size_t panels = 0;
  for (const Product& product : products) panels += product.w->panels();
  const std::size_t per_task = std::max<std::size_t>(1, panels / (pool_.threads() * 8));
  std::size_t tasks = 0;
  for (const Product& product : products) tasks += (product.w->panels() + per_task - 1) / per_task;
  run_tasks(tasks, [&](std::size_t task, std::size_t) {
    std::size_t index = 0;
    for (std::size_t its; task >= (its = (products[index].w->panels() + per_task - 1) / per_task); ++index) task -= its;
    const Product& product = products[index];
    const kernel::RowRange rows{task * per_task * kernel::panel_rows,
                                std::min(product.w->rows(), (task + 1) * per_task * kernel::panel_rows)};
    kernel::matmul(*product.w, activations_, rows, product.y, product.stride);
    done(index, rows);
  });
}

Result<void> CpuStages::run(const model::Step& step) {
  using model::Op;
  ASSAY_TRY(go_on());
  switch (step.op) {
    case Op::embed:
      embed();
      return {};
    case Op::project:
      project(step.layer);
      return {};
    case Op::attend:
      return attend(step.layer);
    case Op::merge:
      merge(step.layer);
      return {};
    case Op::gate:
      gate(step.layer);
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
  const auto op = added_.find(step.op);
  if (op == added_.end()) {
    return fail(Errc::unsupported, "direct: operation " + std::to_string(static_cast<unsigned>(step.op)) +
                                       " of layer " + std::to_string(step.layer) + " is not known");
  }
  return op->second(*this, step.layer);
}

void CpuStages::embed() {
  const auto scale = static_cast<float>(model_.config.embedding_scale);
  over_tokens([&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const auto x = residual(t);
      const bool is_token = slots_[t].source == Source::token;  // a row of embeddings is in x already, as it is
      if (is_token) model_.embed(slots_[t].token, x);
      if (is_token && scale != 1) {
        for (float& value : x) value *= scale;
      }
      for (std::size_t r = 0; r < angles_.size(); ++r) {
        const model::RopeFrequencies& rope = model_.ropes[r];
        const std::size_t pairs = rope.inverse.size();
        kernel::rope_angles(rope.inverse, slots_[t].pos, rope.magnitude, row(angles_[r].cos, t, pairs),
                            row(angles_[r].sin, t, pairs));
      }
    }
  });
}

void CpuStages::set_normed(std::span<const kernel::PackedMatrix* const> matrices, const std::vector<float>& gain) {
  const std::size_t hidden = model_.config.hidden;
  set_activations(matrices, normed_.data(), hidden, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      kernel::rms_norm(isa_, row(x_, t, hidden), gain, model_.config.rms_eps, row(normed_, t, hidden));
    }
  });
}

void CpuStages::add_product(const kernel::PackedMatrix& w, const std::vector<float>& post_norm) {
  const std::size_t hidden = model_.config.hidden;
  const std::array products{Product{&w, y_.data(), hidden}};
  multiply(products, [&](std::size_t, kernel::RowRange rows) {
    if (!post_norm.empty()) return;
    for (std::size_t t = 0; t < slots_.size(); ++t) {
      const std::size_t at = t * hidden + rows.begin;
      kernel::add(isa_, {y_.data() + at, rows.end - rows.begin}, {x_.data() + at, rows.end - rows.begin});
    }
  });
  if (post_norm.empty()) return;
  over_tokens([&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const auto y = row(y_, t, hidden);
      kernel::rms_norm(isa_, y, post_norm, model_.config.rms_eps, y);
      kernel::add(isa_, y, residual(t));
    }
  });
}

void CpuStages::project(std::uint32_t layer) {
  const CpuLayer& weights = model_.layers[layer];
  const std::size_t q_stride = weights.q.rows();
  const std::size_t kv_stride = weights.k.rows();
  set_normed(std::array{&weights.q, &weights.k, &weights.v}, weights.attention_norm);
  const std::array products{Product{&weights.q, q_.data(), q_stride}, Product{&weights.k, k_.data(), kv_stride},
                            Product{&weights.v, v_.data(), kv_stride}};
  const std::array biases{&weights.q_bias, &weights.k_bias, &weights.v_bias};
  multiply(products, [&](std::size_t i, kernel::RowRange rows) {
    if (biases[i]->empty()) return;
    const auto bias = std::span(*biases[i]).subspan(rows.begin, rows.end - rows.begin);
    for (std::size_t t = 0; t < slots_.size(); ++t) {
      kernel::add(isa_, bias, {products[i].y + t * products[i].stride + rows.begin, bias.size()});
    }
  });
  over_tokens([&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) finish_heads(layer, t);
  });
}

// QK norm, rotation, and the token's keys and values into the cache.
void CpuStages::finish_heads(std::uint32_t layer, std::size_t token) {
  const ModelConfig& config = model_.config;
  const CpuLayer& weights = model_.layers[layer];
  const Attention& a = attention_of(config.layers[layer]);
  const std::size_t dim = a.head_dim;
  const std::size_t pairs = model_.ropes[a.rope].inverse.size();
  const auto cos = row(angles_[a.rope].cos, token, pairs);
  const auto sin = row(angles_[a.rope].sin, token, pairs);
  const auto rotate = config.rope_pairs == RopePairs::adjacent ? kernel::rope_adjacent : kernel::rope_halves;
  const auto finish = [&](std::vector<float>& values, std::uint32_t heads, const std::vector<float>& gain) {
    for (std::uint32_t h = 0; h < heads; ++h) {
      const auto head = row(values, token * heads + h, dim);
      if (!gain.empty()) kernel::rms_norm(isa_, head, gain, config.rms_eps, head);
      rotate(isa_, head, cos, sin);
    }
  };
  finish(q_, a.heads, weights.q_norm);
  finish(k_, a.kv_heads, weights.k_norm);
  for (std::uint32_t h = 0; h < a.kv_heads; ++h) {
    const std::size_t at = token * a.kv_heads + h;
    cache_.store(isa_, slots_[token].seq, slots_[token].pos, layer, h, row(k_, at, dim), row(v_, at, dim));
  }
}

// Task `index` of a layer: (tile of a run, kv head), the tiles that see most positions first, since they take longest.
CpuStages::AttentionPiece CpuStages::attention_piece(std::uint32_t layer, std::size_t index, std::size_t tiles) const {
  const Attention& a = attention_of(model_.config.layers[layer]);
  const std::size_t width = q_width(a);
  const std::uint32_t group = a.heads / a.kv_heads;
  const std::uint32_t head = static_cast<std::uint32_t>(index % a.kv_heads);
  std::size_t tile = tiles - 1 - index / a.kv_heads;
  const SlotRun* run = runs_.data();
  for (std::size_t its; tile >= (its = (run->count + attention_tile - 1) / attention_tile); ++run) tile -= its;
  const std::uint32_t first = static_cast<std::uint32_t>(tile) * attention_tile;
  const std::size_t at = (run->first + first) * width + std::size_t{head} * group * a.head_dim;
  return {.task = {.kv = cache_.view(run->seq, layer, head),
                   .queries = q_.data() + at,
                   .query_stride = width,
                   .tokens = std::min(attention_tile, run->count - first),
                   .group = group,
                   .position = run->position + first,
                   .window = a.window,
                   .scale = static_cast<float>(a.scale)},
          .out_at = at};
}

Result<void> CpuStages::attend(std::uint32_t layer) {
  const Attention& a = attention_of(model_.config.layers[layer]);
  std::size_t tiles = 0;
  for (const SlotRun& run : runs_) tiles += (run.count + attention_tile - 1) / attention_tile;
  const std::size_t tasks = tiles * a.kv_heads;
  if (tasks < pool_.threads()) return attention_split(layer, tasks, tiles);
  const std::size_t width = q_width(a);
  run_tasks(tasks, [&](std::size_t index, std::size_t thread) {
    const AttentionPiece piece = attention_piece(layer, index, tiles);
    kernel::attention(isa_, piece.task, attended_.data() + piece.out_at, width, scratch_[thread]);
  });
  return {};
}

// Fewer tasks than threads: the positions of each are split too. The kernel gives the same bits either way.
Result<void> CpuStages::attention_split(std::uint32_t layer, std::size_t tasks, std::size_t tiles) {
  struct Split {
    AttentionPiece piece;
    kernel::ChunkRange chunks;
    std::size_t first_chunk;  // of all tasks' chunks, one behind the other
    std::size_t partials_at;
  };
  std::vector<Split> splits;
  std::size_t chunks = 0;
  std::size_t floats = 0;
  for (std::size_t i = 0; i < tasks; ++i) {
    const AttentionPiece piece = attention_piece(layer, i, tiles);
    splits.push_back({piece, kernel::attention_chunks(piece.task), chunks, floats});
    chunks += splits.back().chunks.count();
    floats += splits.back().chunks.count() * kernel::attention_partial_size(piece.task);
  }
  ASSAY_TRY(
      resize(partials_, std::max(partials_.size(), floats), "attention over " + std::to_string(chunks) + " chunks"));
  run_tasks(chunks, [&](std::size_t chunk, std::size_t thread) {
    const auto split = std::prev(std::ranges::upper_bound(splits, chunk, {}, &Split::first_chunk));
    const std::size_t size = kernel::attention_partial_size(split->piece.task);
    const std::size_t index = chunk - split->first_chunk;
    kernel::attention_partial(isa_, split->piece.task, split->chunks.first + static_cast<std::uint32_t>(index),
                              std::span(partials_).subspan(split->partials_at + index * size, size), scratch_[thread]);
  });
  const std::size_t width = q_width(attention_of(model_.config.layers[layer]));
  for (const Split& split : splits) {
    const std::size_t size = split.chunks.count() * kernel::attention_partial_size(split.piece.task);
    kernel::attention_combine(isa_, split.piece.task, std::span(partials_).subspan(split.partials_at, size),
                              attended_.data() + split.piece.out_at, width);
  }
  return {};
}

void CpuStages::merge(std::uint32_t layer) {
  const CpuLayer& weights = model_.layers[layer];
  set_activations(std::array{&weights.output}, attended_.data(), weights.output.cols(),
                  [](std::size_t, std::size_t) {});
  add_product(weights.output, weights.attention_post_norm);
}

void CpuStages::gate(std::uint32_t layer) {
  const CpuLayer& weights = model_.layers[layer];
  set_normed(std::array{&weights.gate, &weights.up}, weights.ffn_norm);
  const std::array products{Product{&weights.gate, gate_.data(), weights.gate.rows()},
                            Product{&weights.up, up_.data(), weights.up.rows()}};
  multiply(products, [](std::size_t, kernel::RowRange) {});
}

void CpuStages::down(std::uint32_t layer) {
  const CpuLayer& weights = model_.layers[layer];
  const std::size_t width = weights.down.cols();
  const auto multiply_gated = gating(dense_of(model_.config.layers[layer]).activation);
  set_activations(std::array{&weights.down}, gate_.data(), width, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      multiply_gated(isa_, row(gate_, t, width), row(up_, t, width), row(gate_, t, width));
    }
  });
  add_product(weights.down, weights.ffn_post_norm);
}

void CpuStages::head() {
  const ModelConfig& config = model_.config;
  std::size_t wanted = 0;
  std::size_t hidden = 0;
  for (std::size_t t = 0; t < slots_.size(); ++t) {
    if (slots_[t].want == Want::nothing) continue;
    const auto to = slots_[t].want == Want::logits ? row(normed_, wanted++, config.hidden)
                                                   : rows_.hidden.subspan(config.hidden * hidden++, config.hidden);
    kernel::rms_norm(isa_, row(x_, t, config.hidden), model_.output_norm, config.rms_eps, to);
  }
  if (wanted == 0) return;
  activations_.assign(model_.head.form(), normed_.data(), config.hidden, wanted, config.hidden);
  const std::array products{Product{&model_.head, rows_.logits.data(), config.vocab}};
  multiply(products, [](std::size_t, kernel::RowRange) {});
}

}  // namespace assay::direct
