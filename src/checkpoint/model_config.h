// The numbers that define a dense decoder's mathematics, whatever file they came from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

enum class Architecture : std::uint8_t { llama, mistral, qwen2, qwen3 };

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

// A square pre-norm transformer: RMS norm, GQA attention with RoPE, SwiGLU; (layers, heads, ...) as named.
struct ModelConfig {
  Architecture architecture{};
  std::string architecture_name;  // as the file says it
  std::string model_name;         // may be empty
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;  // width of the residual stream
  std::uint32_t ffn = 0;     // width between gate/up and down
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;       // heads % kv_heads == 0
  std::uint32_t head_dim = 0;       // even
  std::uint32_t vocab = 0;          // rows of the embedding
  std::uint32_t context_train = 0;  // tokens
  double rms_eps = 0;
  double rope_theta = 10000;
  std::uint32_t rope_dims = 0;  // leading dimensions of a head that are rotated; usually head_dim
  RopePairs rope_pairs = RopePairs::adjacent;
  RopeScaling rope_scaling;
  double attention_scale = 0;  // 1 / sqrt(head_dim) unless the file says otherwise; never 0
  bool tied_head = false;      // output.weight absent: the embedding is the head
  bool qkv_bias = false;
  bool qk_norm = false;              // RMS norm of each head's q and k before RoPE (qwen3)
  std::uint32_t sliding_window = 0;  // 0: none. A query sees itself and the window-1 positions before it
  std::vector<bool> layer_slides;    // (layers): true where the window applies; empty where sliding_window == 0
};

}  // namespace assay
