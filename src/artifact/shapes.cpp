#include "artifact/shapes.h"

#include <array>
#include <cmath>

#include "base/mapped_file.h"
#include "checkpoint/architectures.h"
#include "checkpoint/hf_config.h"

namespace assay::artifact {
namespace {

struct Shape {
  std::string_view name;
  Architecture architecture;
  std::uint32_t layers, hidden, ffn, heads, kv_heads, head_dim, vocab, context;
  double rms_eps, rope_theta;
  double llama3_factor;  // 0: RoPE is not scaled
  bool tied_head;
};
// Source: config.json of Qwen/Qwen3-0.6B, Qwen/Qwen3-4B, meta-llama/Llama-3.2-3B and meta-llama/Llama-3.1-8B.
constexpr std::array shapes{
    Shape{"qwen3-0.6b", Architecture::qwen3, 28, 1024, 3072, 16, 8, 128, 151936, 40960, 1e-6, 1e6, 0, true},
    Shape{"qwen3-4b", Architecture::qwen3, 36, 2560, 9728, 32, 8, 128, 151936, 40960, 1e-6, 1e6, 0, true},
    Shape{"llama-3.2-3b", Architecture::llama, 28, 3072, 8192, 24, 8, 128, 128256, 131072, 1e-5, 5e5, 32, true},
    Shape{"llama-3.1-8b", Architecture::llama, 32, 4096, 14336, 32, 8, 128, 128256, 131072, 1e-5, 5e5, 8, false},
};
constexpr std::size_t config_bytes_max = 1U << 20U;  // real ones have a few KB

ModelConfig config_of(const Shape& shape) {
  ModelConfig config;
  config.architecture = shape.architecture;
  config.architecture_name = facts_of(shape.architecture).model_type;
  config.model_name = shape.name;
  config.hidden = shape.hidden;
  config.vocab = shape.vocab;
  config.context_train = shape.context;
  config.rms_eps = shape.rms_eps;
  config.tied_head = shape.tied_head;
  config.rope_pairs = RopePairs::halves;
  Rope rope{.theta = shape.rope_theta, .dims = shape.head_dim};
  if (shape.llama3_factor != 0) {
    rope.scaling = {.kind = RopeScaling::Kind::llama3,
                    .factor = shape.llama3_factor,
                    .original_context = 8192,
                    .low_freq_factor = 1,
                    .high_freq_factor = 4};
  }
  config.ropes = {rope};
  const Attention attention{.heads = shape.heads,
                            .kv_heads = shape.kv_heads,
                            .head_dim = shape.head_dim,
                            .scale = 1 / std::sqrt(static_cast<double>(shape.head_dim)),
                            .qk_norm = shape.architecture == Architecture::qwen3};
  config.layers.assign(shape.layers, {.mixer = attention, .feed = Dense{.width = shape.ffn}});
  return config;
}

}  // namespace

std::string shape_names() {
  std::string out;
  for (const Shape& shape : shapes) out += (out.empty() ? "" : ", ") + std::string(shape.name);
  return out;
}

Result<ModelConfig> shape_by_name(std::string_view name) {
  for (const Shape& shape : shapes) {
    if (shape.name == name) return config_of(shape);
  }
  return fail(Errc::not_found,
              "no shape named \"" + std::string(name) + "\", known are " + shape_names() + "; others by --config");
}

Result<ModelConfig> shape_from_config(const std::string& path) {
  auto text = read_text_file(path, config_bytes_max);
  if (!text) return std::unexpected(std::move(text.error()));
  auto config = read_hf_config(*text);
  if (!config) return std::unexpected(with_context(path, std::move(config.error())));
  return std::move(config->model);
}

}  // namespace assay::artifact
