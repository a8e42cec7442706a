#include "cli/proof_models.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include "artifact/stored_type.h"
#include "artifact/synth.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/random.h"
#include "checkpoint/architectures.h"
#include "checkpoint/tensor_list.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

constexpr Architecture proven[] = {Architecture::llama, Architecture::mistral, Architecture::qwen2,
                                   Architecture::qwen3};

// Rows and columns are multiples of what the fast paths of engines want (panels of 32 rows, blocks of 256 columns).
ModelConfig small(Architecture architecture, std::uint32_t layers) {
  ModelConfig config;
  config.architecture = architecture;
  config.architecture_name = "proof";
  config.hidden = 256;
  config.vocab = 320;
  config.context_train = 512;
  config.rms_eps = 1e-5;
  config.ropes = {{.dims = 64}};
  config.rope_pairs = facts_of(architecture).gguf_pairs;
  config.tied_head = architecture == Architecture::qwen3;
  const Attention attention{.heads = 4,
                            .kv_heads = 2,
                            .head_dim = 64,
                            .scale = 1 / std::sqrt(64.0),
                            .bias = architecture == Architecture::qwen2,
                            .qk_norm = architecture == Architecture::qwen3};
  config.layers.assign(layers, {.mixer = attention, .feed = Dense{.width = 512}});
  return config;
}

void add_gguf(std::vector<ProofModel>& out, bool with_and_without_flash) {
  std::vector<DType> types{DType::q4_0};
  constexpr std::uint32_t ids_end = 64;
  for (std::uint32_t id = 0; id < ids_end; ++id) {
    const auto type = dtype_from_gguf(id);
    if (type && *type != types.front() && artifact::stored_type_from_name(name(*type))) types.push_back(*type);
  }
  for (const DType type : types) {
    out.push_back({.words = std::string(name(type)), .config = small(Architecture::llama, 1), .type = type});
  }
  for (const Architecture architecture : proven) {
    const std::string words(facts_of(architecture).model_type);
    for (const bool flash : {true, false}) {
      if (!flash && !with_and_without_flash) continue;
      out.push_back({.words = words + (flash ? "" : " without flash attention"),
                     .config = small(architecture, 2),
                     .type = DType::q8_0,
                     .flash_attention = flash});
    }
  }
}

void add_folders(std::vector<ProofModel>& out) {
  const auto add = [&](const std::string& words, Architecture architecture, DType type, std::uint32_t group) {
    ProofModel model{.words = "MLX folder, " + words,
                     .folder = true,
                     .config = small(architecture, 1),
                     .type = type,
                     .group = group};
    model.config.rope_pairs = RopePairs::halves;
    out.push_back(std::move(model));
  };
  for (const std::uint32_t group : {64U, 32U, 128U}) {
    for (const auto& [type, bits] : {std::pair{DType::affine4, "4"}, std::pair{DType::affine8, "8"}}) {
      add(std::string(bits) + " bit in groups of " + std::to_string(group), Architecture::llama, type, group);
    }
  }
  for (const DType type : {DType::f16, DType::bf16, DType::f32}) {
    add(std::string(name(type)), Architecture::llama, type, 0);
  }
  for (const Architecture architecture : proven) {
    const std::string words(facts_of(architecture).model_type);
    if (architecture != Architecture::llama) add(words, architecture, DType::affine4, 64);
  }
}

bool is_affine(DType type) { return type == DType::affine4 || type == DType::affine8; }

// A folder as MLX writes it: config.json and model.safetensors.
class FolderWriter final {
 public:
  explicit FolderWriter(const ProofModel& model) : model_(model) {}

  Result<void> write(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail(Errc::io, folder.string() + ": " + error.message());
    add_tensors();
    ASSAY_TRY(write_file(folder / "config.json", config().dump(2)));
    std::string header = header_.dump();
    header.append((8 - header.size() % 8) % 8, ' ');
    const std::uint64_t length = header.size();
    std::string head(sizeof(length), '\0');
    std::memcpy(head.data(), &length, sizeof(length));  // little-endian, as every machine that assay runs on
    return write_file(folder / "model.safetensors", head + header + data_);
  }

 private:
  static Result<void> write_file(const fs::path& path, const std::string& text) {
    auto file = OutputFile::create(path.string(), text.size());
    if (!file) return std::unexpected(std::move(file.error()));
    ASSAY_TRY(file->write(text));
    return file->commit();
  }

  Json config() const {
    const ModelConfig& c = model_.config;
    const Attention& a = attention_of(c.layers.front());
    Json out = {{"model_type", facts_of(c.architecture).model_type},
                {"num_hidden_layers", c.layers.size()},
                {"hidden_size", c.hidden},
                {"intermediate_size", dense_of(c.layers.front()).width},
                {"num_attention_heads", a.heads},
                {"num_key_value_heads", a.kv_heads},
                {"head_dim", a.head_dim},
                {"vocab_size", c.vocab},
                {"max_position_embeddings", c.context_train},
                {"rms_norm_eps", c.rms_eps},
                {"hidden_act", "silu"},
                {"tie_word_embeddings", c.tied_head},
                {"rope_theta", c.ropes[0].theta}};
    if (is_affine(model_.type)) {
      out["quantization"] = {{"group_size", model_.group}, {"bits", bits()}};
    }
    return out;
  }

  std::uint32_t bits() const { return model_.type == DType::affine4 ? 4 : 8; }

  void add_tensors() {
    for (const ExpectedTensor& tensor : expected_tensors(model_.config)) {
      if (tensor.optional) continue;
      if (tensor.is_vector()) {
        add_vector(tensor.hf_name, tensor.shape, kind_of(tensor.role) == TensorKind::bias ? 0 : 1);
      } else if (is_affine(model_.type)) {
        add_affine(tensor.hf_name.substr(0, tensor.hf_name.rfind('.')), tensor.shape);
      } else {
        add_matrix(tensor.hf_name, tensor.shape);
      }
    }
  }

  template <class T>
  void put(const std::string& tensor, const char* type, const Shape& shape, const std::vector<T>& values) {
    const std::size_t begin = data_.size();
    const std::size_t bytes = values.size() * sizeof(T);
    data_.resize(begin + bytes);
    std::memcpy(data_.data() + begin, values.data(), bytes);
    header_[tensor] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {begin, data_.size()}}};
  }

  void add_vector(const std::string& tensor, const Shape& shape, double mean) {
    std::vector<float> values(shape[0]);
    for (float& value : values) value = static_cast<float>(mean + 0.1 * random_.normal());
    put(tensor, "F32", shape, values);
  }

  void add_matrix(const std::string& tensor, const Shape& shape) {
    std::vector<float> values(shape[0] * shape[1]);
    const double deviation = 1 / std::sqrt(static_cast<double>(shape[1]));
    for (float& value : values) value = static_cast<float>(deviation * random_.normal());
    if (model_.type == DType::f32) return put(tensor, "F32", shape, values);
    std::vector<std::uint16_t> halves(values.size());
    const bool is_f16 = model_.type == DType::f16;
    std::ranges::transform(values, halves.begin(), [&](float value) {
      std::uint32_t word = 0;
      std::memcpy(&word, &value, sizeof(word));
      return is_f16 ? float_to_half(value) : static_cast<std::uint16_t>(word >> 16U);
    });
    put(tensor, is_f16 ? "F16" : "BF16", shape, halves);
  }

  // Every code is as likely; scale and bias give them mean 0 and the deviation that other matrices have.
  void add_affine(const std::string& module, const Shape& shape) {
    const double codes = std::exp2(bits());
    const double scale = std::sqrt(12 / static_cast<double>(shape[1])) / codes;
    std::vector<std::uint32_t> packed(shape[0] * shape[1] * bits() / 32);
    for (std::uint32_t& word : packed) word = static_cast<std::uint32_t>(random_.bits() >> 32U);
    const Shape groups{shape[0], shape[1] / model_.group};
    std::vector<std::uint16_t> scales(groups[0] * groups[1]);
    std::vector<std::uint16_t> biases(scales.size());
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const double own = scale * (0.75 + 0.5 * random_.uniform());
      scales[i] = float_to_half(static_cast<float>(own));
      biases[i] = float_to_half(static_cast<float>(-own * (codes - 1) / 2));
    }
    put(module + ".weight", "U32", {shape[0], shape[1] * bits() / 32}, packed);
    put(module + ".scales", "F16", groups, scales);
    put(module + ".biases", "F16", groups, biases);
  }

  const ProofModel& model_;
  Random random_{7};
  Json header_ = {{"__metadata__", {{"format", "mlx"}}}};
  std::string data_;
};

}  // namespace

std::vector<ProofModel> proof_models(const std::vector<std::string>& loads, bool with_and_without_flash) {
  std::vector<ProofModel> out;
  for (const std::string& kind : loads) {
    if (kind == "gguf") add_gguf(out, with_and_without_flash);
    if (kind == "mlx") add_folders(out);
  }
  return out;
}

Result<std::string> write_proof_model(const ProofModel& model, const fs::path& folder, device::ThreadPool& pool) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::io, folder.string() + ": " + error.message());
  const fs::path path = folder / (model.folder ? "model" : "model.gguf");
  if (model.folder) {
    ASSAY_TRY(FolderWriter(model).write(path));
  } else {
    const auto made = artifact::synthesize(
        {.config = model.config, .type = model.type, .head = artifact::HeadType::same, .seed = 3}, path.string(), pool);
    if (!made) return std::unexpected(made.error());
  }
  return path.string();
}

}  // namespace assay::cli
