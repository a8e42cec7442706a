// Source: huggingface/transformers, configuration_utils.py and models/{llama,mistral,qwen2,qwen3}/configuration_*.py and
// modeling_*.py (4.57 and 5.23); ml-explore/mlx-lm, utils.py (0.32) for "quantization".
#include "checkpoint/hf_config.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "checkpoint/architectures.h"
#include "checkpoint/config_check.h"
#include "checkpoint/gemma3.h"
#include "checkpoint/hf_rope.h"
#include "checkpoint/json_fields.h"

namespace assay {
namespace {

constexpr std::string_view understood[] = {
    "model_type",
    "architectures",
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
    "attention_bias",
    "tie_word_embeddings",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "original_max_position_embeddings",
    "partial_rotary_factor",
    "layer_types",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
    "quantization",
    "quantization_config",
    "_name_or_path",
};

// Keys that one architecture alone understands.
struct OwnKey {
  std::string_view key;
  Architecture architecture;
};
constexpr OwnKey own_keys[] = {
    {"hidden_activation", Architecture::gemma3},       {"query_pre_attn_scalar", Architecture::gemma3},
    {"rope_local_base_freq", Architecture::gemma3},    {"sliding_window_pattern", Architecture::gemma3},
    {"_sliding_window_pattern", Architecture::gemma3}, {"cache_implementation", Architecture::gemma3},
};

// Training, generation defaults, token ids, bookkeeping: nothing that reaches a logit.
constexpr std::string_view harmless[] = {
    "torch_dtype",
    "dtype",
    "transformers_version",
    "use_cache",
    "initializer_range",
    "attention_dropout",
    "hidden_dropout",
    "resid_pdrop",
    "embd_pdrop",
    "pretraining_tp",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "unk_token_id",
    "sep_token_id",
    "cls_token_id",
    "mask_token_id",
    "decoder_start_token_id",
    "max_length",
    "min_length",
    "do_sample",
    "early_stopping",
    "num_beams",
    "num_beam_groups",
    "diversity_penalty",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "repetition_penalty",
    "length_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "num_return_sequences",
    "output_scores",
    "return_dict_in_generate",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "remove_invalid_values",
    "exponential_decay_length_penalty",
    "suppress_tokens",
    "begin_suppress_tokens",
    "finetuning_task",
    "id2label",
    "label2id",
    "num_labels",
    "tokenizer_class",
    "prefix",
    "task_specific_params",
    "problem_type",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "torchscript",
    "use_bfloat16",
    "tf_legacy_loss",
    "chunk_size_feed_forward",
    "_attn_implementation",
    "attn_implementation",
    "_attn_implementation_autoset",
    "_flash_attn_2_enabled",
    "use_flash_attn",
    "gradient_checkpointing",
    "_commit_hash",
    "unsloth_fixed",
    "unsloth_version",
    "is_llama_config",
    "transformers.js_config",
    "model_max_length",
    "max_sequence_length",
    "seq_length",
    "model_name",
    "language",
    "license",
    "tokenizer_path",
};

// Keys that change the maths unless they have this value. JSON text.
struct NeutralRow {
  std::string_view key;
  std::string_view value;
};
constexpr NeutralRow neutral[] = {
    {"mlp_bias", "false"},
    {"qk_layernorm", "false"},
    {"use_qk_norm", "false"},
    {"use_mrope", "false"},
    {"rope_interleaved", "false"},
    {"rope_traditional", "false"},
    {"is_decoder", "false"},
    {"is_encoder_decoder", "false"},
    {"add_cross_attention", "false"},
    {"tie_encoder_decoder", "false"},
    {"pruned_heads", "{}"},
    {"num_experts", "0"},
    {"num_local_experts", "0"},
    {"final_logit_softcapping", "0"},
    {"attn_logit_softcapping", "0"},
    {"num_nextn_predict_layers", "0"},
    {"use_bidirectional_attention", "false"},
};

Result<void> classify_keys(const JsonFields& fields, Architecture architecture) {
  for (const auto& [key, value] : fields.object().items()) {
    if (value.is_null()) continue;
    if (std::ranges::find(understood, key) != std::end(understood)) continue;
    if (std::ranges::find(harmless, key) != std::end(harmless)) continue;
    const auto* const own = std::ranges::find(own_keys, key, &OwnKey::key);
    if (own != std::end(own_keys) && own->architecture == architecture) continue;
    const auto* const row = std::ranges::find(neutral, key, &NeutralRow::key);
    if (row == std::end(neutral))
      return fields.refuse(Errc::unsupported, key, "may change the maths and is not understood");
    if (value != Json::parse(row->value)) {
      return fields.refuse(
          Errc::unsupported, key,
          "changes the maths and is not supported: met " + shown(value) + ", expected " + std::string(row->value));
    }
  }
  return {};
}

Result<const ArchitectureFacts*> read_type(const JsonFields& fields) {
  auto model_type = fields.text("model_type");
  if (!model_type) return std::unexpected(std::move(model_type.error()));
  if (!*model_type) return fields.refuse(Errc::not_found, "model_type", "is missing");
  const auto row = std::ranges::find(architectures, **model_type, &ArchitectureFacts::model_type);
  if (row == architectures.end()) {
    return fail(Errc::unsupported, "architecture " + in_quotes(**model_type) + " (key \"model_type\"), expected " +
                                       listed(architectures, &ArchitectureFacts::model_type));
  }
  const Json* classes = fields.find("architectures");
  if (classes == nullptr) return &*row;
  if (classes->is_array() && classes->size() == 1 && (*classes)[0] == row->class_name) return &*row;
  const Json& met = classes->is_array() && classes->size() == 1 ? (*classes)[0] : *classes;
  return fields.refuse(Errc::unsupported, "architectures",
                       "met " + shown(met) + ", expected " + in_quotes(row->class_name) + " for model_type " +
                           in_quotes(row->model_type));
}

Result<std::uint32_t> read_head_dim(const JsonFields& fields, const ModelConfig& config, std::uint32_t heads) {
  auto head_dim = fields.whole("head_dim");
  if (!head_dim) return std::unexpected(std::move(head_dim.error()));
  if (*head_dim) return **head_dim;
  if (config.architecture == Architecture::qwen3) return 128;  // these classes do not derive it
  if (config.architecture == Architecture::gemma3) return 256;
  if (config.hidden % heads == 0) return config.hidden / heads;
  return fields.refuse(Errc::bad_value, "hidden_size",
                       "met " + std::to_string(config.hidden) + ", expected a multiple of num_attention_heads " +
                           std::to_string(heads) + " where head_dim is absent");
}

// All layers alike.
Result<void> read_sizes(const JsonFields& fields, ModelConfig& config) {
  const auto need = [&](std::string_view key, std::uint32_t& target) -> Result<void> {
    auto value = fields.needed(key);
    if (!value) return std::unexpected(std::move(value.error()));
    target = *value;
    return {};
  };
  std::uint32_t layers = 0;
  Attention a;
  Dense dense;
  ASSAY_TRY(need("num_hidden_layers", layers));
  ASSAY_TRY(need("hidden_size", config.hidden));
  ASSAY_TRY(need("intermediate_size", dense.width));
  ASSAY_TRY(need("num_attention_heads", a.heads));
  ASSAY_TRY(need("vocab_size", config.vocab));
  ASSAY_TRY(need("max_position_embeddings", config.context_train));
  if (layers == 0 || layers > layers_max) {
    return fields.refuse(Errc::bad_value, "num_hidden_layers",
                         "met " + std::to_string(layers) + ", expected 1 to " + std::to_string(layers_max));
  }
  if (a.heads == 0) return fields.refuse(Errc::bad_value, "num_attention_heads", "met 0, expected 1 or more");
  a.kv_heads = a.heads;
  // Left out, llama has as many as heads; the other classes have a default of their own that no file relies on.
  if (config.architecture != Architecture::llama && !fields.object().contains("num_key_value_heads"))
    return fields.refuse(Errc::not_found, "num_key_value_heads", "is missing");
  ASSAY_TRY(fields.read("num_key_value_heads", a.kv_heads));
  auto head_dim = read_head_dim(fields, config, a.heads);
  if (!head_dim) return std::unexpected(std::move(head_dim.error()));
  a.head_dim = *head_dim;
  a.scale = 1 / std::sqrt(static_cast<double>(a.head_dim));
  config.layers.assign(layers, {.mixer = a, .feed = dense});
  config.rms_eps = 1e-6;
  return fields.read("rms_norm_eps", config.rms_eps);
}

Result<void> read_forms(const JsonFields& fields, ModelConfig& config) {
  const bool gelu = config.architecture == Architecture::gemma3;
  const std::string usual = gelu ? "gelu_pytorch_tanh" : "silu";
  for (const char* key : {"hidden_act", "hidden_activation"}) {
    std::string act = usual;
    ASSAY_TRY(fields.read(key, act));
    if (act != usual && (gelu || act != "swish"))
      return fields.refuse(Errc::unsupported, key, "met " + in_quotes(act) + ", expected " + in_quotes(usual));
  }
  const bool biased = config.architecture == Architecture::qwen2;  // always, whatever attention_bias says
  auto bias = fields.flag("attention_bias");
  if (!bias) return std::unexpected(std::move(bias.error()));
  if (*bias && **bias != biased) {
    return fields.refuse(Errc::unsupported, "attention_bias",
                         std::string("met ") + (**bias ? "true" : "false") + ", expected " +
                             (biased ? "true" : "false (a bias of o_proj is not supported)"));
  }
  each_attention(config, [&](Attention& a) {
    a.bias = biased;
    a.qk_norm = config.architecture == Architecture::qwen3;
  });
  return {};
}

// One flag per layer where "layer_types" is there.
Result<std::optional<std::vector<bool>>> read_layer_types(const JsonFields& fields, std::uint32_t layers) {
  using Flags = std::vector<bool>;
  const Json* list = fields.find("layer_types");
  if (list == nullptr) return std::optional<Flags>();
  if (!list->is_array() || list->size() != layers) {
    return fields.refuse(Errc::bad_value, "layer_types",
                         "met " + (list->is_array() ? std::to_string(list->size()) + " entries" : shown(*list)) +
                             ", expected one per layer: " + std::to_string(layers));
  }
  Flags slides;
  for (const Json& entry : *list) {
    if (entry != "full_attention" && entry != "sliding_attention") {
      return fields.refuse(Errc::unsupported, "layer_types",
                           "met " + shown(entry) + ", expected \"full_attention\" or \"sliding_attention\"");
    }
    slides.push_back(entry == "sliding_attention");
  }
  return std::optional(std::move(slides));
}

// Where the window applies: llama nowhere; mistral everywhere, and at 4096 where the key is left out; qwen2 and qwen3
// from layer max_window_layers on, if use_sliding_window, unless layer_types says otherwise.
Result<void> read_window(const JsonFields& fields, ModelConfig& config) {
  auto slides = read_layer_types(fields, config.layer_count());
  if (!slides) return std::unexpected(std::move(slides.error()));
  const bool any_listed = *slides && std::ranges::find(**slides, true) != (*slides)->end();
  const bool qwen = config.architecture == Architecture::qwen2 || config.architecture == Architecture::qwen3;
  auto window = fields.whole("sliding_window");
  if (!window) return std::unexpected(std::move(window.error()));
  bool use = true;
  std::uint32_t first = 28;
  if (qwen) {
    use = false;
    ASSAY_TRY(fields.read("use_sliding_window", use));
    ASSAY_TRY(fields.read("max_window_layers", first));
    if (!use) window->reset();
  } else {
    for (const std::string_view key : {"use_sliding_window", "max_window_layers"}) {
      if (const Json* met = fields.find(key); met != nullptr && *met != false)
        return fields.refuse(Errc::unsupported, key, "is not understood for this model_type");
    }
    if (config.architecture == Architecture::mistral && !fields.object().contains("sliding_window")) *window = 4096;
    if (config.architecture == Architecture::llama && *window) {
      return fields.refuse(Errc::unsupported, "sliding_window",
                           "met " + std::to_string(**window) + ", expected null for model_type \"llama\"");
    }
    first = 0;
  }
  if (window->value_or(0) == 0) {
    if (*window) return fields.refuse(Errc::bad_value, "sliding_window", "met 0, expected null or 1 and more");
    if (any_listed)
      return fields.refuse(Errc::bad_value, "layer_types", "has sliding layers, but no sliding_window applies");
    return {};
  }
  std::vector<bool> usual(config.layers.size());
  for (std::uint32_t layer = 0; layer < config.layer_count(); ++layer) usual[layer] = layer >= first;
  if (*slides && !qwen && **slides != usual) {
    return fields.refuse(Errc::unsupported, "layer_types",
                         "mixes layers, expected only \"sliding_attention\" for model_type \"mistral\" with a window");
  }
  set_windows(config, **window, slides->value_or(usual));
  return {};
}

// Five of six layers slide, or as layer_types or the older pattern say.
Result<void> read_gemma3_window(const JsonFields& fields, ModelConfig& config) {
  std::uint32_t window = 4096;
  ASSAY_TRY(fields.read("sliding_window", window));
  if (window == 0) return fields.refuse(Errc::bad_value, "sliding_window", "met 0, expected 1 and more");
  std::uint32_t pattern = gemma3_pattern;
  ASSAY_TRY(fields.read("_sliding_window_pattern", pattern));
  ASSAY_TRY(fields.read("sliding_window_pattern", pattern));
  if (pattern == 0) return fields.refuse(Errc::bad_value, "sliding_window_pattern", "met 0, expected 1 and more");
  auto slides = read_layer_types(fields, config.layer_count());
  if (!slides) return std::unexpected(std::move(slides.error()));
  set_windows(config, window, slides->value_or(slides_with_pattern(config.layer_count(), pattern)));
  return {};
}

// What Gemma 3 is beside sizes.
Result<void> read_gemma3(const JsonFields& fields, ModelConfig& config) {
  ASSAY_TRY(read_gemma3_window(fields, config));
  double scalar = 256;
  ASSAY_TRY(fields.read("query_pre_attn_scalar", scalar));
  if (!(scalar > 0)) {
    return fields.refuse(Errc::bad_value, "query_pre_attn_scalar",
                         "met " + std::to_string(scalar) + ", expected a positive number");
  }
  auto local_theta = read_gemma3_rope(fields, config);
  if (!local_theta) return std::unexpected(std::move(local_theta.error()));
  make_gemma3(config, *local_theta, 1 / std::sqrt(scalar));
  return {};
}

Result<AffineFormat> read_affine(const JsonFields& fields, AffineFormat usual) {
  for (const auto& [key, value] : fields.object().items()) {
    if (key != "bits" && key != "group_size" && key != "mode" && !value.is_object() && !value.is_boolean())
      return fields.refuse(Errc::unsupported, key, "is not understood");
  }
  std::string mode = "affine";
  ASSAY_TRY(fields.read("mode", mode));
  if (mode != "affine")
    return fields.refuse(Errc::unsupported, "mode", "met " + in_quotes(mode) + ", expected \"affine\"");
  ASSAY_TRY(fields.read("bits", usual.bits));
  ASSAY_TRY(fields.read("group_size", usual.group));
  if (usual.bits != 4 && usual.bits != 8)
    return fields.refuse(Errc::unsupported, "bits", "met " + std::to_string(usual.bits) + ", expected 4 or 8");
  if (usual.group != 32 && usual.group != 64 && usual.group != 128) {
    return fields.refuse(Errc::unsupported, "group_size",
                         "met " + std::to_string(usual.group) + ", expected 32, 64 or 128");
  }
  return usual;
}

// MLX's "quantization", written a second time as "quantization_config". Other programs write only the latter, with a
// "quant_method".
Result<std::optional<AffineQuantization>> read_quantization(const JsonFields& fields) {
  const Json* second = fields.find("quantization_config");
  const Json* first = fields.find("quantization");
  const std::string key = first != nullptr ? "quantization" : "quantization_config";
  const Json* used = first != nullptr ? first : second;
  if (used == nullptr) return std::optional<AffineQuantization>();
  if (!used->is_object()) return fields.refuse(Errc::bad_value, key, "met " + shown(*used) + ", expected an object");
  if (first != nullptr && second != nullptr && !same_json(*first, *second))
    return fields.refuse(Errc::bad_value, "quantization_config", "differs from quantization");
  const JsonFields inner(*used, key + ".");
  if (const Json* method = inner.find("quant_method"); method != nullptr)
    return inner.refuse(Errc::unsupported, "quant_method", "met " + shown(*method) + ", expected MLX affine");
  for (const std::string_view needed : {"bits", "group_size"}) {
    if (inner.find(needed) == nullptr) return inner.refuse(Errc::not_found, needed, "is missing");
  }
  auto usual = read_affine(inner, {});
  if (!usual) return std::unexpected(std::move(usual.error()));
  AffineQuantization out{.usual = *usual, .modules = {}};
  for (const auto& [module, value] : used->items()) {
    if (value.is_object()) {
      auto format = read_affine(JsonFields(value, key + "." + module + "."), out.usual);
      if (!format) return std::unexpected(std::move(format.error()));
      out.modules.emplace(module, *format);
    } else if (value.is_boolean()) {
      out.modules.emplace(module, value.get<bool>() ? std::optional(out.usual) : std::nullopt);
    }
  }
  return std::optional(std::move(out));
}

}  // namespace

std::optional<AffineFormat> AffineQuantization::of(std::string_view module) const {
  const auto found = modules.find(module);
  return found == modules.end() ? std::optional(usual) : found->second;
}

Result<HfConfig> read_hf_config(std::string_view text) {
  auto parsed = parse_json_unique(text, "JSON");
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  if (!parsed->is_object()) return fail(Errc::bad_value, "met " + shown(*parsed) + ", expected an object");
  const JsonFields fields(*parsed, "");
  auto type = read_type(fields);
  if (!type) return std::unexpected(std::move(type.error()));
  ASSAY_TRY(classify_keys(fields, (*type)->architecture));
  HfConfig out;
  ModelConfig& config = out.model;
  config.architecture = (*type)->architecture;
  config.architecture_name = (*type)->model_type;
  config.rope_pairs = RopePairs::halves;
  ASSAY_TRY(fields.read("_name_or_path", config.model_name));
  ASSAY_TRY(read_sizes(fields, config));
  ASSAY_TRY(read_forms(fields, config));
  if (config.architecture == Architecture::gemma3) {
    ASSAY_TRY(read_gemma3(fields, config));
  } else {
    ASSAY_TRY(read_window(fields, config));
    ASSAY_TRY(read_hf_rope(fields, config));
  }
  auto tied = fields.flag("tie_word_embeddings");
  if (!tied) return std::unexpected(std::move(tied.error()));
  out.tied = *tied;
  config.tied_head = tied->value_or(false);
  auto quantization = read_quantization(fields);
  if (!quantization) return std::unexpected(std::move(quantization.error()));
  out.quantization = std::move(*quantization);
  ASSAY_TRY(check_config(config));
  return out;
}

}  // namespace assay
