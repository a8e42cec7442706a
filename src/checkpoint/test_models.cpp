#include "checkpoint/test_models.h"

#include <cstring>
#include <numeric>
#include <utility>

#include "checkpoint/architectures.h"
#include "checkpoint/gemma3.h"
#include "checkpoint/tensor_list.h"

namespace assay::testing_models {
namespace {

std::string counting(std::uint64_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(i % 61);
  return out;
}

std::uint64_t bytes_of(const TestTensor& tensor) {
  const std::uint64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  std::uint64_t bytes = row_bytes(tensor.dtype, columns);
  for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) bytes *= tensor.shape[i];
  return bytes;
}

}  // namespace

ModelConfig small_config(Architecture architecture) {
  ModelConfig config;
  config.architecture = architecture;
  config.architecture_name = facts_of(architecture).model_type;
  config.hidden = 64;
  config.vocab = 32;
  config.context_train = 128;
  config.rms_eps = 1e-5;
  config.ropes = {{.dims = 16}};
  const Attention attention{.heads = 4,
                            .kv_heads = 2,
                            .head_dim = 16,
                            .scale = 0.25,
                            .bias = architecture == Architecture::qwen2,
                            .qk_norm = architecture == Architecture::qwen3};
  config.layers.assign(2, {.mixer = attention, .feed = Dense{.width = 96}});
  if (architecture == Architecture::gemma3) {
    set_windows(config, 16, {true, false});
    config.ropes[0].theta = gemma3_global_theta;
    make_gemma3(config, gemma3_local_theta, 0.25);
    config.tied_head = true;
  }
  return config;
}

std::string write_gguf(const std::string& path, const TestGguf& model) {
  const std::string& name = model.architecture;
  const Architecture architecture = name == "qwen2"    ? Architecture::qwen2
                                    : name == "qwen3"  ? Architecture::qwen3
                                    : name == "gemma3" ? Architecture::gemma3
                                                       : Architecture::llama;
  GgufWriter writer(path);
  writer.set("general.architecture", name);
  writer.set(name + ".block_count", std::uint32_t{2});
  writer.set(name + ".embedding_length", std::uint32_t{64});
  writer.set(name + ".feed_forward_length", std::uint32_t{96});
  writer.set(name + ".attention.head_count", std::uint32_t{4});
  writer.set(name + ".attention.head_count_kv", std::uint32_t{2});
  writer.set(name + ".attention.layer_norm_rms_epsilon", 1e-5F);
  writer.set(name + ".context_length", std::uint32_t{128});
  writer.set(name + ".rope.freq_base", 10000.0F);
  model.keys(writer);
  std::vector<TestTensor> tensors;
  for (auto& expected : expected_tensors(small_config(architecture))) {
    if (!expected.optional) tensors.push_back({expected.name, DType::f32, expected.shape});
  }
  model.tensors(tensors);
  for (const auto& tensor : tensors) writer.add(tensor.name, tensor.dtype, tensor.shape);
  auto begun = writer.begin();
  ASSAY_ASSERT(begun.has_value());
  for (const auto& tensor : tensors) {
    const std::string data = counting(bytes_of(tensor));
    const auto written = writer.write(tensor.name, std::as_bytes(std::span(data)));
    ASSAY_ASSERT(written.has_value());
  }
  const auto finished = writer.finish();
  ASSAY_ASSERT(finished.has_value());
  return path;
}

Json hf_config(Architecture architecture) {
  const std::string type(facts_of(architecture).model_type);
  Json config = {{"model_type", type},      {"num_hidden_layers", 2},   {"hidden_size", 64},
                 {"intermediate_size", 96}, {"num_attention_heads", 4}, {"num_key_value_heads", 2},
                 {"head_dim", 16},          {"vocab_size", 32},         {"max_position_embeddings", 128},
                 {"rms_norm_eps", 1e-5},    {"hidden_act", "silu"},     {"tie_word_embeddings", false},
                 {"rope_theta", 10000.0},   {"rope_scaling", nullptr},  {"torch_dtype", "bfloat16"},
                 {"use_cache", true}};
  if (architecture == Architecture::mistral) config["sliding_window"] = nullptr;
  if (architecture == Architecture::gemma3) {
    config.erase("hidden_act");
    config.erase("tie_word_embeddings");
    config.update({{"hidden_activation", "gelu_pytorch_tanh"},
                   {"query_pre_attn_scalar", 16},
                   {"rope_theta", 1e6},
                   {"rope_local_base_freq", 1e4},
                   {"sliding_window", 16},
                   {"sliding_window_pattern", 2},
                   {"attn_logit_softcapping", nullptr},
                   {"final_logit_softcapping", nullptr},
                   {"cache_implementation", "hybrid"}});
  }
  return config;
}

std::vector<TestTensor> hf_tensors(Architecture architecture) {
  std::vector<TestTensor> tensors;
  for (auto& expected : expected_tensors(small_config(architecture))) {
    if (!expected.optional) tensors.push_back({expected.hf_name, DType::f32, expected.shape});
  }
  return tensors;
}

std::string safetensors_bytes(const std::vector<TestTensor>& tensors) {
  static const std::pair<DType, std::string_view> names[] = {
      {DType::f32, "F32"}, {DType::f16, "F16"}, {DType::bf16, "BF16"}, {DType::u32, "U32"}, {DType::i64, "I64"}};
  Json header = Json::object();
  header["__metadata__"] = {{"format", "pt"}};
  std::string data;
  for (const auto& tensor : tensors) {
    std::string_view dtype;
    for (const auto& [type, text] : names) {
      if (type == tensor.dtype) dtype = text;
    }
    const std::size_t begin = data.size();
    data += counting(bytes_of(tensor));
    header[tensor.name] = {{"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  char raw[8];
  std::memcpy(raw, &length, 8);
  return std::string(raw, 8) + text + data;
}

}  // namespace assay::testing_models
