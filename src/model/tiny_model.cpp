#include "model/tiny_model.h"

#include <cmath>
#include <cstring>

#include "checkpoint/tensor_list.h"

namespace assay::model {
namespace {

std::vector<std::byte> as_bytes(const std::vector<float>& values) {
  std::vector<std::byte> out(values.size() * sizeof(float));
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}

struct Builder {
  TinyModel& model;
  Random random;
  DType dtype;
  Encode encode;

  void put(const std::string& name, Shape shape, DType type, std::vector<std::byte> data) {
    auto& kept = model.bytes[name] = std::move(data);
    model.tensors[name] =
        TensorView{.dtype = type, .shape = std::move(shape), .data = kept, .scales = {}, .biases = {}};
  }
  void vector(const std::string& name, std::size_t n, double mean, double deviation) {
    std::vector<float> values(n);
    for (float& value : values) value = static_cast<float>(mean + deviation * random.normal());
    put(name, {n}, DType::f32, as_bytes(values));
  }
  void matrix(const std::string& name, std::size_t rows, std::size_t columns) {
    std::vector<float> values(rows * columns);
    const double deviation = 1 / std::sqrt(static_cast<double>(columns));
    for (float& value : values) value = static_cast<float>(deviation * random.normal());
    put(name, {rows, columns}, encode == nullptr ? DType::f32 : dtype,
        encode == nullptr ? as_bytes(values) : encode(values, columns));
  }
};

}  // namespace

ModelConfig tiny_config(Architecture architecture) {
  ModelConfig config;
  config.architecture = architecture;
  config.architecture_name = "tiny";
  config.layers = 2;
  config.hidden = 256;
  config.ffn = 512;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 64;
  config.vocab = 97;
  config.context_train = 512;
  config.rms_eps = 1e-6;
  config.rope_dims = config.head_dim;
  config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
  config.rope_pairs = architecture == Architecture::llama || architecture == Architecture::mistral ? RopePairs::adjacent
                                                                                                   : RopePairs::halves;
  config.qkv_bias = architecture == Architecture::qwen2;
  config.qk_norm = architecture == Architecture::qwen3;
  config.tied_head = architecture == Architecture::qwen3;
  return config;
}

TinyModel tiny_model(const ModelConfig& config, std::uint64_t seed, DType dtype, Encode encode) {
  TinyModel model;
  model.config = config;
  Builder build{model, Random(seed), dtype, encode};
  for (const ExpectedTensor& tensor : expected_tensors(config)) {
    if (tensor.optional) continue;
    if (tensor.is_vector()) {
      build.vector(tensor.name, tensor.shape[0], kind_of(tensor.role) == TensorKind::bias ? 0 : 1, 0.1);
    } else {
      build.matrix(tensor.name, tensor.shape[0], tensor.shape[1]);
    }
  }
  return model;
}

}  // namespace assay::model
