#include "model/tiny_model.h"

#include <cmath>
#include <cstring>

#include "checkpoint/architectures.h"
#include "checkpoint/gemma3.h"
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
  config.hidden = 256;
  config.vocab = 97;
  config.context_train = 512;
  config.rms_eps = 1e-6;
  config.ropes = {{.dims = 64}};
  config.rope_pairs = facts_of(architecture).gguf_pairs;
  config.tied_head = architecture == Architecture::qwen3;
  const Attention attention{.heads = 4,
                            .kv_heads = 2,
                            .head_dim = 64,
                            .scale = 1 / std::sqrt(64.0),
                            .bias = architecture == Architecture::qwen2,
                            .qk_norm = architecture == Architecture::qwen3};
  config.layers.assign(2, {.mixer = attention, .feed = Dense{.width = 512}});
  if (architecture == Architecture::gemma3) {  // a layer of each kind, the one that sees all scaled
    set_windows(config, 9, {true, false});
    config.ropes[0].theta = gemma3_global_theta;
    config.ropes[0].scaling = {.kind = RopeScaling::Kind::linear, .factor = 8};
    make_gemma3(config, gemma3_local_theta, attention.scale);
    config.tied_head = true;
  }
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
