// Source of keys and defaults: GGUF specification (ggml-org/ggml, docs/gguf.md) and ggml-org/llama.cpp,
// src/llama-arch.cpp, src/llama-model.cpp and src/llama-context.cpp (YaRN), conversion/base.py.
#include "checkpoint/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "checkpoint/architectures.h"
#include "checkpoint/config_check.h"
#include "checkpoint/gemma3.h"
#include "checkpoint/tensors.h"

namespace assay {
namespace {

// Keys that config_from_gguf reads.
constexpr std::array<std::string_view, 25> understood{
    "block_count",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "attention.scale",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "context_length",
    "vocab_size",
    "rope.freq_base",
    "rope.dimension_count",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.attn_factor",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_log_multiplier",
};

// Keys that one architecture alone has.
struct OwnKey {
  std::string_view key;
  Architecture architecture;
};
constexpr std::array own_keys{
    OwnKey{"rope.freq_base_swa", Architecture::gemma3},
};

// Keys that say nothing about the next token's logits of these architectures.
constexpr std::array<std::string_view, 6> harmless{
    "rope.scaling.finetuned",        // how the model was made
    "tensor_data_layout",            // historical text
    "pooling_type",                  // embeddings only
    "attention.layer_norm_epsilon",  // these architectures have no such norm
    "expert_used_count",             // with expert_count 0
    "embedding_length_out",          // embeddings only
};

// Keys that change the maths in other architectures and nothing at these values.
struct NeutralRow {
  std::string_view key;
  double value;
  double other;  // a second value that changes nothing
};
constexpr std::array neutral{
    NeutralRow{"expert_count", 0, 0},
    NeutralRow{"expert_shared_count", 0, 0},
    NeutralRow{"expert_group_count", 0, 0},
    NeutralRow{"expert_group_used_count", 0, 0},
    NeutralRow{"leading_dense_block_count", 0, 0},
    NeutralRow{"nextn_predict_layers", 0, 0},
    NeutralRow{"use_parallel_residual", 0, 0},
    NeutralRow{"swin_norm", 0, 0},
    NeutralRow{"attention.causal", 1, 1},
    NeutralRow{"attention.max_alibi_bias", 0, 0},
    NeutralRow{"attention.clamp_kqv", 0, 0},
    NeutralRow{"attention.output_scale", 0, 1},
    NeutralRow{"attention.value_scale", 0, 1},
    NeutralRow{"attention.temperature_scale", 0, 0},
    NeutralRow{"attention.shared_kv_layers", 0, 0},
    NeutralRow{"attn_logit_softcapping", 0, 0},
    NeutralRow{"router_logit_softcapping", 0, 0},
    NeutralRow{"final_logit_softcapping", 0, 0},
    NeutralRow{"logit_scale", 0, 1},
    NeutralRow{"residual_scale", 0, 1},
    NeutralRow{"embedding_scale", 0, 1},
    NeutralRow{"rope.scaling.alpha", 0, 0},
};

class Reader final {
 public:
  Reader(const Gguf& gguf, std::string_view architecture) : gguf_(gguf), prefix_(std::string(architecture) + ".") {}

  const std::string& prefix() const { return prefix_; }
  std::string key(std::string_view tail) const { return prefix_ + std::string(tail); }

  template <class T>
  Result<T> get(std::string_view tail) const {
    return gguf_.get<T>(key(tail));
  }
  template <class T>
  Result<std::optional<T>> maybe(std::string_view tail) const {
    return gguf_.maybe<T>(key(tail));
  }

  // Assigns where the key is there.
  template <class T, class U>
  Result<void> read(std::string_view tail, U& target) const {
    auto value = maybe<T>(tail);
    if (!value) return std::unexpected(std::move(value.error()));
    if (*value) target = **value;
    return {};
  }

  bool has_tensor(std::string_view tensor) const { return gguf_.tensor(tensor) != nullptr; }

  std::unexpected<Error> refuse(Errc code, std::string_view tail, std::string met_and_expected) const {
    const GgufValue* value = gguf_.find(key(tail));
    return std::unexpected(
        gguf_.in_key(key(tail), Error{code, value == nullptr ? 0 : value->at, std::move(met_and_expected)}));
  }

  // A number that may be written once or once per layer; layers that differ are refused. nullopt: no such key.
  Result<std::optional<std::uint32_t>> same_in_all_layers(std::string_view tail, std::uint32_t layers) const {
    const GgufValue* value = gguf_.find(key(tail));
    if (value == nullptr || value->type != GgufType::array) return maybe<std::uint32_t>(tail);
    auto list = get<std::vector<std::uint32_t>>(tail);
    if (!list) return std::unexpected(std::move(list.error()));
    if (list->size() != layers)
      return refuse(Errc::bad_value, tail, std::to_string(list->size()) + " numbers, expected one per layer");
    for (const auto number : *list) {
      if (number != list->front()) {
        return refuse(Errc::unsupported, tail,
                      "layers differ (" + std::to_string(list->front()) + " and " + std::to_string(number) +
                          "), expected the same in all layers");
      }
    }
    return std::optional(list->front());
  }

 private:
  const Gguf& gguf_;
  std::string prefix_;
};

Result<double> number_of(const GgufValue& value) {
  if (value.type != GgufType::boolean) return gguf_cast<double>(value);
  auto flag = gguf_cast<bool>(value);
  if (!flag) return std::unexpected(std::move(flag.error()));
  return *flag ? 1.0 : 0.0;
}

// Every key below the architecture's name is known, neutral, or an error.
Result<void> classify_keys(const Gguf& gguf, const Reader& reader, Architecture architecture) {
  for (const auto& [key, value] : gguf.metadata()) {
    if (!key.starts_with(reader.prefix())) continue;
    const std::string_view tail = key.substr(reader.prefix().size());
    if (std::ranges::find(understood, tail) != understood.end()) continue;
    if (std::ranges::find(harmless, tail) != harmless.end()) continue;
    const auto* const own = std::ranges::find(own_keys, tail, &OwnKey::key);
    if (own != own_keys.end() && own->architecture == architecture) continue;
    const auto row = std::ranges::find(neutral, tail, &NeutralRow::key);
    if (row == neutral.end())
      return reader.refuse(Errc::unsupported, tail, "may change the maths and is not understood");
    auto number = number_of(value);
    if (!number) return std::unexpected(gguf.in_key(key, std::move(number.error())));
    if (*number != row->value && *number != row->other) {
      const std::string reason = tail == "expert_count" ? " (mixture of experts)" : "";
      return reader.refuse(Errc::unsupported, tail,
                           "changes the maths and is not supported" + reason + ": met " + std::to_string(*number) +
                               ", expected " + std::to_string(row->value));
    }
  }
  return {};
}

// All layers alike.
Result<void> read_layers(const Reader& reader, std::uint32_t count, ModelConfig& config) {
  Attention a;
  auto ffn = reader.same_in_all_layers("feed_forward_length", count);
  if (!ffn) return std::unexpected(std::move(ffn.error()));
  auto heads = reader.same_in_all_layers("attention.head_count", count);
  if (!heads) return std::unexpected(std::move(heads.error()));
  auto kv_heads = reader.same_in_all_layers("attention.head_count_kv", count);
  if (!kv_heads) return std::unexpected(std::move(kv_heads.error()));
  if (!*ffn) return reader.refuse(Errc::not_found, "feed_forward_length", "is missing");
  if (!*heads) return reader.refuse(Errc::not_found, "attention.head_count", "is missing");
  if (**heads == 0) return reader.refuse(Errc::bad_value, "attention.head_count", "met 0, expected 1 or more");
  a.heads = **heads;
  a.kv_heads = kv_heads->value_or(a.heads);

  auto key_length = reader.maybe<std::uint32_t>("attention.key_length");
  if (!key_length) return std::unexpected(std::move(key_length.error()));
  auto value_length = reader.maybe<std::uint32_t>("attention.value_length");
  if (!value_length) return std::unexpected(std::move(value_length.error()));
  if (!*key_length && config.hidden % a.heads != 0) {
    return reader.refuse(Errc::bad_value, "embedding_length",
                         std::to_string(config.hidden) + ", expected a multiple of attention.head_count " +
                             std::to_string(a.heads) + " where attention.key_length is absent");
  }
  const std::uint32_t usual = config.hidden / a.heads;
  a.head_dim = key_length->value_or(usual);
  if (value_length->value_or(usual) != a.head_dim) {
    return reader.refuse(Errc::unsupported, "attention.value_length",
                         std::to_string(value_length->value_or(usual)) + ", expected attention.key_length " +
                             std::to_string(a.head_dim));
  }
  double scale = 0;
  ASSAY_TRY(reader.read<double>("attention.scale", scale));
  a.scale = scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(a.head_dim));
  a.bias = config.architecture == Architecture::qwen2 || reader.has_tensor(gguf_name(Role::q_bias, 0));
  a.qk_norm = config.architecture == Architecture::qwen3;
  config.layers.assign(count, {.mixer = a, .feed = Dense{.width = **ffn}});
  return {};
}

// How large cos and sin become. llama.cpp: yarn_mscale(factor, 1) unless yarn_log_multiplier m is there, then
// yarn_mscale(factor, 1) / yarn_mscale(factor, m); times attn_factor. The HF converter writes HF's attention_factor,
// which replaces the formula, as yarn_attn_factor, and llama.cpp's own saver writes 1 there beside a negative
// yarn_ext_factor, which means "not set".
Result<double> yarn_attention_factor(const Reader& reader, double factor) {
  double ext_factor = 1;
  ASSAY_TRY(reader.read<double>("rope.scaling.yarn_ext_factor", ext_factor));
  if (ext_factor >= 0 && ext_factor != 1)
    return reader.refuse(Errc::unsupported, "rope.scaling.yarn_ext_factor",
                         std::to_string(ext_factor) + ", expected 1");
  double attention = yarn_mscale(factor, 1);
  if (ext_factor >= 0) ASSAY_TRY(reader.read<double>("rope.scaling.yarn_attn_factor", attention));
  double multiplier = 0;
  ASSAY_TRY(reader.read<double>("rope.scaling.yarn_log_multiplier", multiplier));
  double times = 1;
  ASSAY_TRY(reader.read<double>("rope.scaling.attn_factor", times));
  if (multiplier != 0) return times * yarn_mscale(factor, 1) / yarn_mscale(factor, multiplier);
  return times * attention;
}

Result<void> read_rope(const Reader& reader, ModelConfig& config) {
  const std::uint32_t head_dim = attention_of(config.layers.front()).head_dim;
  Rope& rope = config.ropes[0];
  ASSAY_TRY(reader.read<double>("rope.freq_base", rope.theta));
  rope.dims = head_dim;
  ASSAY_TRY(reader.read<std::uint32_t>("rope.dimension_count", rope.dims));

  if (rope.dims != head_dim) {
    return reader.refuse(Errc::unsupported, "rope.dimension_count",
                         std::to_string(rope.dims) + ", expected the head dimension " + std::to_string(head_dim));
  }

  std::string_view type = "linear";
  ASSAY_TRY(reader.read<std::string_view>("rope.scaling.type", type));
  double factor = 0;
  ASSAY_TRY(reader.read<double>("rope.scale_linear", factor));  // the old name
  ASSAY_TRY(reader.read<double>("rope.scaling.factor", factor));
  if (factor == 0) factor = 1;
  auto& scaling = rope.scaling;
  if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::yarn;
    scaling.factor = factor;
    scaling.original_context = config.context_train;
    ASSAY_TRY(reader.read<std::uint32_t>("rope.scaling.original_context_length", scaling.original_context));
    ASSAY_TRY(reader.read<double>("rope.scaling.yarn_beta_fast", scaling.beta_fast));
    ASSAY_TRY(reader.read<double>("rope.scaling.yarn_beta_slow", scaling.beta_slow));
    auto attention = yarn_attention_factor(reader, factor);
    if (!attention) return std::unexpected(std::move(attention.error()));
    scaling.attention_factor = *attention;
    return {};
  }
  if (type != "linear" && type != "none")
    return reader.refuse(Errc::unsupported, "rope.scaling.type", in_quotes(type) + ", expected none, linear or yarn");
  double times = 1;
  ASSAY_TRY(reader.read<double>("rope.scaling.attn_factor", times));
  if (times != 1) {
    return reader.refuse(Errc::unsupported, "rope.scaling.attn_factor",
                         std::to_string(times) + " with RoPE scaling " + std::string(type) + ", expected 1");
  }
  if (type == "linear" && factor != 1) {
    scaling.kind = RopeScaling::Kind::linear;
    scaling.factor = factor;
  }
  return {};
}

// Which layers slide, where any may: all, and of gemma3 five of six, where the file does not say it.
Result<std::vector<bool>> read_pattern(const Gguf& gguf, const Reader& reader, const ModelConfig& config) {
  const std::uint32_t layers = config.layer_count();
  std::vector<bool> slides = config.architecture == Architecture::gemma3 ? slides_with_pattern(layers, gemma3_pattern)
                                                                         : std::vector<bool>(layers, true);
  constexpr std::string_view tail = "attention.sliding_window_pattern";
  const GgufValue* pattern = gguf.find(reader.key(tail));
  if (pattern == nullptr) return slides;
  if (pattern->type == GgufType::array) {
    auto flags = reader.get<std::vector<bool>>(tail);
    if (flags && flags->size() != layers)
      return reader.refuse(Errc::bad_value, tail, std::to_string(flags->size()) + " flags, expected one per layer");
    return flags;
  }
  auto every = reader.get<std::uint32_t>(tail);  // one full layer ends each run of this many; 0: none is full
  if (!every) return std::unexpected(std::move(every.error()));
  return slides_with_pattern(layers, *every);
}

Result<void> read_window(const Gguf& gguf, const Reader& reader, ModelConfig& config) {
  std::uint32_t window = 0;
  ASSAY_TRY(reader.read<std::uint32_t>("attention.sliding_window", window));
  if (window == 0) return {};
  auto slides = read_pattern(gguf, reader, config);
  if (!slides) return std::unexpected(std::move(slides.error()));
  set_windows(config, window, *slides);
  return {};
}

// What Gemma 3 is beside sizes. llama.cpp takes the scale of the scores from the number of layers.
Result<void> read_gemma3(const Reader& reader, ModelConfig& config) {
  double theta = gemma3_local_theta;
  ASSAY_TRY(reader.read<double>("rope.freq_base_swa", theta));
  double scale = 0;
  ASSAY_TRY(reader.read<double>("attention.scale", scale));
  make_gemma3(config, theta, scale != 0 ? scale : gemma3_gguf_scale(config));
  return {};
}

Result<void> read_from_tensors(const Gguf& gguf, ModelConfig& config) {
  if (gguf.tensors().empty()) return fail(Errc::bad_value, "has no tensors (a vocabulary file); expected a model");
  const GgufTensor* embedding = gguf.tensor(gguf_name(Role::embedding));
  const std::string place = "tensor " + in_quotes(gguf_name(Role::embedding));
  if (embedding == nullptr) return fail(Errc::not_found, place);
  if (embedding->view.rows() > vocab_max) {
    return fail(Errc::bad_value, place + ": " + std::to_string(embedding->view.rows()) + " rows, expected at most " +
                                     std::to_string(vocab_max));
  }
  config.vocab = static_cast<std::uint32_t>(embedding->view.rows());
  config.tied_head = gguf.tensor(gguf_name(Role::head)) == nullptr;
  const GgufValue* tokens = gguf.find("tokenizer.ggml.tokens");
  if (tokens != nullptr && tokens->type == GgufType::array && tokens->count > config.vocab) {
    return fail(Errc::bad_value, "key \"tokenizer.ggml.tokens\": " + std::to_string(tokens->count) +
                                     " tokens, expected at most the " + std::to_string(config.vocab) + " rows of " +
                                     std::string(gguf_name(Role::embedding)));
  }
  return {};
}

Result<void> check_type(const Gguf& gguf) {
  auto type = gguf.maybe<std::string_view>("general.type");
  if (!type) return std::unexpected(std::move(type.error()));
  if (type->value_or("model") == "model") return {};
  return fail(Errc::unsupported, gguf.files().front() + ": general.type " + in_quotes(**type) + ", expected \"model\"");
}

}  // namespace

Result<ModelConfig> config_from_gguf(const Gguf& gguf) {
  const std::string& file = gguf.files().front();
  ASSAY_TRY(check_type(gguf));
  auto architecture = gguf.get<std::string_view>("general.architecture");
  if (!architecture) return std::unexpected(std::move(architecture.error()));
  const auto row = std::ranges::find(gguf_architectures, *architecture, &GgufArchitecture::name);
  if (row == gguf_architectures.end()) {
    return fail(Errc::unsupported, file + ": architecture " + in_quotes(*architecture) + ", expected " +
                                       listed(gguf_architectures, &GgufArchitecture::name));
  }
  const Reader reader(gguf, *architecture);
  ModelConfig config;
  config.architecture = row->architecture;
  config.architecture_name = *architecture;
  config.rope_pairs = facts_of(row->architecture).gguf_pairs;
  auto model_name = gguf.maybe<std::string_view>("general.name");
  if (!model_name) return std::unexpected(std::move(model_name.error()));
  config.model_name = model_name->value_or("");

  const auto from_tensors = read_from_tensors(gguf, config);
  if (!from_tensors) return std::unexpected(with_context(file, from_tensors.error()));
  ASSAY_TRY(classify_keys(gguf, reader, config.architecture));
  auto layers = reader.get<std::uint32_t>("block_count");
  if (!layers) return std::unexpected(std::move(layers.error()));
  if (*layers == 0 || *layers > layers_max)
    return reader.refuse(Errc::bad_value, "block_count",
                         std::to_string(*layers) + ", expected 1 to " + std::to_string(layers_max));
  auto hidden = reader.get<std::uint32_t>("embedding_length");
  if (!hidden) return std::unexpected(std::move(hidden.error()));
  config.hidden = *hidden;
  auto context = reader.get<std::uint32_t>("context_length");
  if (!context) return std::unexpected(std::move(context.error()));
  config.context_train = *context;
  auto eps = reader.get<double>("attention.layer_norm_rms_epsilon");
  if (!eps) return std::unexpected(std::move(eps.error()));
  config.rms_eps = *eps;
  ASSAY_TRY(read_layers(reader, *layers, config));
  ASSAY_TRY(read_rope(reader, config));
  ASSAY_TRY(read_window(gguf, reader, config));
  if (config.architecture == Architecture::gemma3) ASSAY_TRY(read_gemma3(reader, config));
  const auto checked = check_config(config);
  if (!checked) return std::unexpected(with_context(file, checked.error()));
  return config;
}

Result<ModelConfig> outline_from_gguf(const Gguf& gguf) {
  ASSAY_TRY(check_type(gguf));
  auto architecture = gguf.get<std::string_view>("general.architecture");
  if (!architecture) return std::unexpected(std::move(architecture.error()));
  auto model_name = gguf.maybe<std::string_view>("general.name");
  if (!model_name) return std::unexpected(std::move(model_name.error()));
  auto context = gguf.maybe<std::uint32_t>(std::string(*architecture) + ".context_length");
  if (!context) return std::unexpected(std::move(context.error()));
  ModelConfig config;
  config.architecture_name = *architecture;
  config.model_name = model_name->value_or("");
  config.context_train = context->value_or(0);
  return config;
}

}  // namespace assay
