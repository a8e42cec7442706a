// The numbers that define a decoder's mathematics, layer by layer, whatever file they came from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace assay {

enum class Architecture : std::uint8_t { llama, mistral, qwen2, qwen3, gemma3 };

// Which pairs of a head's dimensions RoPE turns: (2i, 2i+1) or (i, i + d/2). GGUF files of llama and mistral are
// stored permuted for `adjacent`; HF and MLX folders, and GGUF files of qwen2 and qwen3, are `halves`.
enum class RopePairs : std::uint8_t { adjacent, halves };

struct RopeScaling {
  enum class Kind : std::uint8_t { none, linear, llama3, yarn } kind = Kind::none;
  double factor = 1;
  std::uint32_t original_context = 0;  // llama3, yarn: tokens the base model was trained on
  double low_freq_factor = 1;          // llama3
  double high_freq_factor = 4;         // llama3
  double beta_fast = 32;               // yarn
  double beta_slow = 1;                // yarn
  double attention_factor = 0;         // yarn: multiplies cos and sin; always resolved (never 0) when kind is yarn
  bool truncate = true;                // yarn: correction range rounded to whole dimensions
};

// One way to turn queries and keys by their positions.
struct Rope {
  double theta = 10000;
  std::uint32_t dims = 0;  // leading dimensions of a head that are rotated; usually all of them
  RopeScaling scaling{};
};

// Grouped-query attention.
struct Attention {
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;  // heads % kv_heads == 0
  std::uint32_t head_dim = 0;  // even; of queries, keys and values
  double scale = 0;            // of scores: 1 / sqrt(head_dim) unless the file says otherwise; never 0
  std::uint32_t window = 0;    // 0: none. A query sees itself and the window-1 positions before it
  std::uint32_t rope = 0;      // index into ModelConfig::ropes
  bool bias = false;           // of q, k and v
  bool qk_norm = false;        // RMS norm of each head's q and k before RoPE
};

// Of the gate, before it multiplies what `up` gives.
enum class Activation : std::uint8_t { silu, gelu_tanh };

// A gated feed-forward block: down * (activation(gate * x) . (up * x)).
struct Dense {
  std::uint32_t width = 0;  // between gate/up and down
  Activation activation = Activation::silu;
};

// One layer: the residual stream gains what the mixer makes of its norm, then what the feed-forward block does. Other
// mixers and blocks are further structs in the variants.
struct LayerShape {
  std::variant<Attention> mixer;
  std::variant<Dense> feed;
  bool post_norms = false;  // what a block gives is normed again before it is added
};

// A decoder whose layers may differ.
struct ModelConfig {
  Architecture architecture{};
  std::string architecture_name;    // as the file says it
  std::string model_name;           // may be empty
  std::uint32_t hidden = 0;         // width of the residual stream
  std::uint32_t vocab = 0;          // rows of the embedding
  std::uint32_t context_train = 0;  // tokens
  double rms_eps = 0;
  double embedding_scale = 1;  // of the embedding's rows as the residual stream begins with them
  bool tied_head = false;      // there is no head: the embedding is the head
  RopePairs rope_pairs = RopePairs::adjacent;
  std::vector<Rope> ropes{Rope{}};  // at least one
  std::vector<LayerShape> layers;

  std::uint32_t layer_count() const { return static_cast<std::uint32_t>(layers.size()); }
};

inline std::uint64_t q_width(const Attention& a) { return std::uint64_t{a.heads} * a.head_dim; }
inline std::uint64_t kv_width(const Attention& a) { return std::uint64_t{a.kv_heads} * a.head_dim; }

// Asserts that the layer has one.
inline const Attention& attention_of(const LayerShape& layer) { return std::get<Attention>(layer.mixer); }
inline const Dense& dense_of(const LayerShape& layer) { return std::get<Dense>(layer.feed); }

// Calls f(Attention) for every layer that has one; f(Dense) likewise.
template <class Config, class F>
void each_attention(Config& config, F&& f) {
  for (auto& layer : config.layers) {
    if (auto* attention = std::get_if<Attention>(&layer.mixer)) f(*attention);
  }
}
template <class Config, class F>
void each_dense(Config& config, F&& f) {
  for (auto& layer : config.layers) {
    if (auto* dense = std::get_if<Dense>(&layer.feed)) f(*dense);
  }
}

// Gives the layers that slide this window, and the others none; `slides` has a flag per layer, or is empty: all slide.
inline void set_windows(ModelConfig& config, std::uint32_t window, const std::vector<bool>& slides = {}) {
  std::size_t layer = 0;
  each_attention(config, [&](Attention& a) {
    a.window = slides.empty() || slides[layer] ? window : 0;
    ++layer;
  });
}

// Which layers slide; empty where none does.
inline std::vector<bool> slides_of(const ModelConfig& config) {
  std::vector<bool> slides;
  each_attention(config, [&](const Attention& a) { slides.push_back(a.window != 0); });
  if (std::find(slides.begin(), slides.end(), true) == slides.end()) slides.clear();
  return slides;
}

// The largest window of any layer; 0: none slides.
inline std::uint32_t widest_window(const ModelConfig& config) {
  std::uint32_t widest = 0;
  each_attention(config, [&](const Attention& a) { widest = std::max(widest, a.window); });
  return widest;
}

}  // namespace assay
