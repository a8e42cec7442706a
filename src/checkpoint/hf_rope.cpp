#include "checkpoint/hf_rope.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "checkpoint/config_check.h"
#include "checkpoint/gemma3.h"

namespace assay {
namespace {

using Kind = RopeScaling::Kind;

struct KindRow {
  std::string_view name;
  Kind kind;
};
constexpr std::array kinds{
    KindRow{"default", Kind::none},
    KindRow{"linear", Kind::linear},
    KindRow{"llama3", Kind::llama3},
    KindRow{"yarn", Kind::yarn},
};

// Which kinds know a key of rope_scaling or rope_parameters.
struct KeyRow {
  std::string_view key;
  bool any, linear, llama3, yarn;
};
constexpr std::array keys{
    KeyRow{"rope_type", true, true, true, true},
    KeyRow{"type", true, true, true, true},
    KeyRow{"rope_theta", true, true, true, true},
    KeyRow{"partial_rotary_factor", true, true, true, true},
    KeyRow{"finetuned", true, true, true, true},  // how the model was made
    // Stays behind where a scaling was taken out or is linear, which has no use for it.
    KeyRow{"original_max_position_embeddings", true, true, true, true},
    KeyRow{"factor", false, true, true, true},
    KeyRow{"low_freq_factor", false, false, true, false},
    KeyRow{"high_freq_factor", false, false, true, false},
    KeyRow{"attention_factor", false, false, false, true},
    KeyRow{"beta_fast", false, false, false, true},
    KeyRow{"beta_slow", false, false, false, true},
    KeyRow{"mscale", false, false, false, true},
    KeyRow{"mscale_all_dim", false, false, false, true},
    KeyRow{"truncate", false, false, false, true},
};

bool knows(const KeyRow& row, Kind kind) {
  switch (kind) {
    case Kind::none:
      return row.any;
    case Kind::linear:
      return row.linear;
    case Kind::llama3:
      return row.llama3;
    case Kind::yarn:
      return row.yarn;
  }
  return false;
}

Result<Kind> read_kind(const JsonFields& fields) {
  auto rope_type = fields.text("rope_type");
  if (!rope_type) return std::unexpected(std::move(rope_type.error()));
  auto type = fields.text("type");
  if (!type) return std::unexpected(std::move(type.error()));
  if (*rope_type && *type && **rope_type != **type)
    return fields.refuse(Errc::bad_value, "type",
                         "met " + in_quotes(**type) + ", expected rope_type " + in_quotes(**rope_type));
  const std::string name = *rope_type ? **rope_type : type->value_or("default");
  const auto row = std::ranges::find(kinds, name, &KindRow::name);
  if (row != kinds.end()) return row->kind;
  return fields.refuse(Errc::unsupported, *rope_type ? "rope_type" : "type",
                       "met " + in_quotes(name) + ", expected default, linear, llama3 or yarn");
}

Result<void> refuse_unknown_keys(const JsonFields& fields, Kind kind) {
  for (const auto& [key, value] : fields.object().items()) {
    if (value.is_null()) continue;
    const auto row = std::ranges::find(keys, key, &KeyRow::key);
    if (row == keys.end() || !knows(*row, kind))
      return fields.refuse(Errc::unsupported, key, "may change the maths and is not understood");
  }
  return {};
}

Result<double> needed_number(const JsonFields& fields, std::string_view key) {
  auto value = fields.number(key);
  if (!value) return std::unexpected(std::move(value.error()));
  if (*value) return **value;
  return fields.refuse(Errc::not_found, key, "is missing");
}

Result<void> read_yarn(const JsonFields& fields, std::uint32_t context, RopeScaling& scaling) {
  auto factor = fields.number("factor");
  if (!factor) return std::unexpected(std::move(factor.error()));
  if (scaling.original_context == 0)
    return fields.refuse(Errc::bad_value, "original_max_position_embeddings", "met 0, expected 1 or more");
  scaling.factor = factor->value_or(static_cast<double>(context) / scaling.original_context);
  ASSAY_TRY(fields.read("beta_fast", scaling.beta_fast));
  ASSAY_TRY(fields.read("beta_slow", scaling.beta_slow));
  if (scaling.beta_fast == 0) scaling.beta_fast = 32;  // as transformers reads 0
  if (scaling.beta_slow == 0) scaling.beta_slow = 1;
  ASSAY_TRY(fields.read("truncate", scaling.truncate));
  double mscale = 0;
  double mscale_all_dim = 0;
  ASSAY_TRY(fields.read("mscale", mscale));
  ASSAY_TRY(fields.read("mscale_all_dim", mscale_all_dim));
  scaling.attention_factor = yarn_mscale(scaling.factor, 1);
  if (mscale != 0 && mscale_all_dim != 0)
    scaling.attention_factor = yarn_mscale(scaling.factor, mscale) / yarn_mscale(scaling.factor, mscale_all_dim);
  return fields.read("attention_factor", scaling.attention_factor);
}

Result<void> read_scaling(const JsonFields& fields, std::optional<std::uint32_t> original, std::uint32_t context,
                          Rope& rope) {
  auto kind = read_kind(fields);
  if (!kind) return std::unexpected(std::move(kind.error()));
  ASSAY_TRY(refuse_unknown_keys(fields, *kind));
  auto& scaling = rope.scaling;
  scaling.kind = *kind;
  if (*kind == Kind::none) return {};
  scaling.original_context = context;
  ASSAY_TRY(fields.read("original_max_position_embeddings", scaling.original_context));
  if (original) scaling.original_context = *original;
  if (*kind == Kind::yarn) return read_yarn(fields, context, scaling);
  auto factor = needed_number(fields, "factor");
  if (!factor) return std::unexpected(std::move(factor.error()));
  scaling.factor = *factor;
  if (*kind == Kind::linear) {
    scaling.original_context = 0;
    if (scaling.factor == 1) scaling.kind = Kind::none;
    return {};
  }
  auto low = needed_number(fields, "low_freq_factor");
  if (!low) return std::unexpected(std::move(low.error()));
  auto high = needed_number(fields, "high_freq_factor");
  if (!high) return std::unexpected(std::move(high.error()));
  scaling.low_freq_factor = *low;
  scaling.high_freq_factor = *high;
  return {};
}

// transformers 5 may give each kind of layer its own parameters. One set is used here: of the kind that the layers
// have, or one and the same for both.
Result<std::optional<JsonFields>> parameters_of_layers(const JsonFields& fields, const ModelConfig& config) {
  const Json* parameters = fields.find("rope_parameters");
  if (parameters == nullptr) return std::optional<JsonFields>();
  if (!parameters->is_object())
    return fields.refuse(Errc::bad_value, "rope_parameters", "met " + shown(*parameters) + ", expected an object");
  const JsonFields inner(*parameters, "rope_parameters.");
  const bool nested = parameters->contains("full_attention") || parameters->contains("sliding_attention");
  if (!nested) return std::optional(inner);
  for (const auto& [key, value] : parameters->items()) {
    if (key != "full_attention" && key != "sliding_attention")
      return inner.refuse(Errc::unsupported, key, "beside parameters by layer type is not understood");
    if (!value.is_object()) return inner.refuse(Errc::bad_value, key, "met " + shown(value) + ", expected an object");
  }
  bool any_slides = false;
  bool any_full = false;
  each_attention(config, [&](const Attention& a) { (a.window != 0 ? any_slides : any_full) = true; });
  const std::string used = any_full ? "full_attention" : "sliding_attention";
  if (!parameters->contains(used))
    return inner.refuse(Errc::not_found, used, "is missing, and layers are of that type");
  if (any_full && any_slides) {
    if (!parameters->contains("sliding_attention"))
      return inner.refuse(Errc::not_found, "sliding_attention", "is missing, and layers are of that type");
    if (!same_json((*parameters)["full_attention"], (*parameters)["sliding_attention"]))
      return fields.refuse(Errc::unsupported, "rope_parameters",
                           "differ between layer types, expected the same for all");
  }
  return std::optional(JsonFields((*parameters)[used], "rope_parameters." + used + "."));
}

// The base, which may stand at the top or among the parameters.
Result<void> read_theta(const JsonFields& fields, const JsonFields* parameters, Rope& rope) {
  auto outer = fields.number("rope_theta");
  if (!outer) return std::unexpected(std::move(outer.error()));
  rope.theta = outer->value_or(10000);
  if (parameters == nullptr) return {};
  auto inner = parameters->number("rope_theta");
  if (!inner) return std::unexpected(std::move(inner.error()));
  if (*inner && *outer && **inner != **outer) {
    return parameters->refuse(
        Errc::bad_value, "rope_theta",
        "met " + std::to_string(**inner) + ", expected the outer rope_theta " + std::to_string(**outer));
  }
  if (*inner) rope.theta = **inner;
  return {};
}

Result<void> refuse_partial(const JsonFields& fields) {
  auto part = fields.number("partial_rotary_factor");
  if (!part) return std::unexpected(std::move(part.error()));
  if (part->value_or(1) == 1) return {};
  return fields.refuse(Errc::unsupported, "partial_rotary_factor", "met " + std::to_string(**part) + ", expected 1");
}

// What rope_scaling and rope_parameters both say: without the base, the kind under its newer name.
Json scaling_only(Json object) {
  object.erase("rope_theta");
  if (const auto type = object.find("type"); type != object.end() && !object.contains("rope_type")) {
    Json kind = *type;  // a copy: the insertion moves what type points at
    object["rope_type"] = std::move(kind);
  }
  object.erase("type");
  return object;
}

// The parameters of one kind of layer, where rope_parameters is there: Gemma 3 has a set for each.
Result<std::optional<JsonFields>> parameters_of(const JsonFields& fields, const std::string& kind) {
  const Json* parameters = fields.find("rope_parameters");
  if (parameters == nullptr) return std::optional<JsonFields>();
  if (!parameters->is_object())
    return fields.refuse(Errc::bad_value, "rope_parameters", "met " + shown(*parameters) + ", expected an object");
  const JsonFields inner(*parameters, "rope_parameters.");
  for (const auto& [key, value] : parameters->items()) {
    if (key != "full_attention" && key != "sliding_attention")
      return inner.refuse(Errc::unsupported, key, "expected parameters by layer type");
    if (!value.is_object()) return inner.refuse(Errc::bad_value, key, "met " + shown(value) + ", expected an object");
  }
  if (!parameters->contains(kind)) return std::optional<JsonFields>();
  return std::optional(JsonFields((*parameters)[kind], "rope_parameters." + kind + "."));
}

// The base, which may stand at the top under a key of its own or among the parameters.
Result<double> base_of(const JsonFields& fields, const std::optional<JsonFields>& parameters, std::string_view key,
                       double usual) {
  double theta = usual;
  ASSAY_TRY(fields.read(key, theta));
  if (parameters) ASSAY_TRY(parameters->read("rope_theta", theta));
  return theta;
}

}  // namespace

Result<void> read_hf_rope(const JsonFields& fields, ModelConfig& config) {
  Rope& rope = config.ropes[0];
  rope.dims = attention_of(config.layers.front()).head_dim;
  ASSAY_TRY(refuse_partial(fields));
  auto original = fields.whole("original_max_position_embeddings");
  if (!original) return std::unexpected(std::move(original.error()));
  auto parameters = parameters_of_layers(fields, config);
  if (!parameters) return std::unexpected(std::move(parameters.error()));
  const Json* scaling = fields.find("rope_scaling");
  if (scaling != nullptr && !scaling->is_object())
    return fields.refuse(Errc::bad_value, "rope_scaling", "met " + shown(*scaling) + ", expected an object");
  if (scaling != nullptr && *parameters && !same_json(scaling_only(*scaling), scaling_only((*parameters)->object())))
    return fields.refuse(Errc::bad_value, "rope_scaling",
                         "differs from rope_parameters, expected the same or one of them");
  std::optional<JsonFields> used = *parameters;
  if (scaling != nullptr && !used) used.emplace(*scaling, "rope_scaling.");
  ASSAY_TRY(read_theta(fields, used ? &*used : nullptr, rope));
  if (!used) return {};
  ASSAY_TRY(refuse_partial(*used));
  return read_scaling(*used, *original, config.context_train, rope);
}

Result<double> read_gemma3_rope(const JsonFields& fields, ModelConfig& config) {
  Rope& rope = config.ropes[0];
  rope.dims = attention_of(config.layers.front()).head_dim;
  ASSAY_TRY(refuse_partial(fields));
  auto full = parameters_of(fields, "full_attention");
  if (!full) return std::unexpected(std::move(full.error()));
  auto sliding = parameters_of(fields, "sliding_attention");
  if (!sliding) return std::unexpected(std::move(sliding.error()));
  auto theta = base_of(fields, *full, "rope_theta", gemma3_global_theta);
  if (!theta) return theta;
  rope.theta = *theta;
  const Json* scaling = fields.find("rope_scaling");
  if (scaling != nullptr && !scaling->is_object())
    return fields.refuse(Errc::bad_value, "rope_scaling", "met " + shown(*scaling) + ", expected an object");
  std::optional<JsonFields> used = *full;
  if (scaling != nullptr) used.emplace(*scaling, "rope_scaling.");
  if (used) {
    ASSAY_TRY(refuse_partial(*used));
    ASSAY_TRY(read_scaling(*used, std::nullopt, config.context_train, rope));
  }
  if (*sliding) {
    Rope unscaled;
    ASSAY_TRY(read_scaling(**sliding, std::nullopt, config.context_train, unscaled));
    if (unscaled.scaling.kind != Kind::none)
      return (*sliding)->refuse(Errc::unsupported, "rope_type", "expected \"default\" for layers that slide");
  }
  return base_of(fields, *sliding, "rope_local_base_freq", gemma3_local_theta);
}

}  // namespace assay
