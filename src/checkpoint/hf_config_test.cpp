#include "checkpoint/hf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "checkpoint/test_models.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_models::hf_config;
using Flags = std::vector<bool>;
using Kind = RopeScaling::Kind;

Result<HfConfig> read(const Json& config) { return read_hf_config(config.dump()); }

ModelConfig read_model(const Json& config) {
  auto met = read(config);
  EXPECT_TRUE(met) << to_string(met.error());
  return met ? met->model : ModelConfig{};
}

Json with(Architecture architecture, const Json& fields) {
  Json config = hf_config(architecture);
  config.update(fields);
  return config;
}
Json llama_with(const Json& fields) { return with(Architecture::llama, fields); }

void expect_refused(const Json& config, Errc code, const std::string& says) {
  const auto met = read(config);
  ASSERT_FALSE(met) << "expected: " << says;
  EXPECT_EQ(met.error().code, code) << to_string(met.error());
  EXPECT_THAT(met.error().detail, HasSubstr(says));
}

TEST(HfConfig, reads_every_architecture) {
  for (const auto architecture :
       {Architecture::llama, Architecture::mistral, Architecture::qwen2, Architecture::qwen3, Architecture::gemma3}) {
    const ModelConfig config = read_model(hf_config(architecture));
    EXPECT_EQ(config.architecture, architecture);
    EXPECT_EQ(config.rope_pairs, RopePairs::halves);
    EXPECT_EQ(config.layers.size(), 2U);
    EXPECT_EQ(attention_of(config.layers[0]).kv_heads, 2U);
    EXPECT_EQ(config.rms_eps, 1e-5);
    EXPECT_EQ(attention_of(config.layers[0]).scale, 0.25);
    EXPECT_EQ(attention_of(config.layers[0]).bias, architecture == Architecture::qwen2);
    const bool gemma3 = architecture == Architecture::gemma3;
    EXPECT_EQ(attention_of(config.layers[0]).qk_norm, gemma3 || architecture == Architecture::qwen3);
    EXPECT_EQ(widest_window(config), gemma3 ? 16U : 0U);
  }
}

TEST(HfConfig, gemma3_has_two_ropes_norms_behind_the_blocks_and_a_scaled_embedding) {
  Json four = hf_config(Architecture::gemma3);
  four["num_hidden_layers"] = 7;
  four["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  four.erase("sliding_window_pattern");
  const ModelConfig config = read_model(four);
  EXPECT_EQ(slides_of(config), (std::vector<bool>{true, true, true, true, true, false, true}));
  EXPECT_EQ(config.embedding_scale, 8);
  ASSERT_EQ(config.ropes.size(), 2U);
  EXPECT_EQ(config.ropes[0].theta, 1e6);
  EXPECT_EQ(config.ropes[0].scaling.factor, 8);
  EXPECT_EQ(config.ropes[1].theta, 1e4);
  EXPECT_EQ(config.ropes[1].scaling.kind, RopeScaling::Kind::none);
  for (const LayerShape& layer : config.layers) {
    EXPECT_TRUE(layer.post_norms);
    EXPECT_EQ(dense_of(layer).activation, Activation::gelu_tanh);
    EXPECT_EQ(attention_of(layer).rope, attention_of(layer).window != 0 ? 1U : 0U);
    EXPECT_EQ(attention_of(layer).scale, 0.25) << "1 / sqrt(query_pre_attn_scalar)";
  }

  Json five = four;
  for (const char* key : {"rope_theta", "rope_scaling", "rope_local_base_freq"}) five.erase(key);
  five["rope_parameters"] = {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
                             {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}};
  const ModelConfig same = read_model(five);
  EXPECT_EQ(same.ropes[0].scaling.factor, 8);
  EXPECT_EQ(same.ropes[1].theta, 1e4);
}

TEST(HfConfig, refuses_what_gemma3_does_not_compute_and_its_keys_elsewhere) {
  const auto changed = [](const Json& fields) { return with(Architecture::gemma3, fields); };
  expect_refused(changed({{"hidden_activation", "gelu"}}), Errc::unsupported, "expected \"gelu_pytorch_tanh\"");
  expect_refused(changed({{"final_logit_softcapping", 30.0}}), Errc::unsupported, "final_logit_softcapping");
  expect_refused(changed({{"use_bidirectional_attention", true}}), Errc::unsupported, "use_bidirectional_attention");
  expect_refused(changed({{"sliding_window_pattern", 0}}), Errc::bad_value, "sliding_window_pattern");
  expect_refused(changed({{"query_pre_attn_scalar", 0}}), Errc::bad_value, "query_pre_attn_scalar");
  expect_refused(changed({{"rope_parameters", {{"rope_type", "default"}}}}), Errc::unsupported, "by layer type");
  expect_refused(changed({{"rope_parameters", {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2.0}}}}}}),
                 Errc::unsupported, "layers that slide");
  expect_refused(llama_with({{"query_pre_attn_scalar", 16}}), Errc::unsupported, "query_pre_attn_scalar");
}

TEST(HfConfig, derives_what_a_class_derives) {
  Json config = hf_config(Architecture::llama);
  config.erase("head_dim");
  config.erase("num_key_value_heads");
  config.erase("rope_theta");
  config.erase("rms_norm_eps");
  const ModelConfig llama = read_model(config);
  EXPECT_EQ(attention_of(llama.layers[0]).head_dim, 16U);
  EXPECT_EQ(attention_of(llama.layers[0]).kv_heads, 4U);
  EXPECT_EQ(llama.ropes[0].theta, 10000);
  EXPECT_EQ(llama.rms_eps, 1e-6);
  config = hf_config(Architecture::qwen3);
  config.erase("head_dim");
  EXPECT_EQ(attention_of(read_model(config).layers[0]).head_dim, 128U);
  config.erase("num_key_value_heads");
  expect_refused(config, Errc::not_found, "key \"num_key_value_heads\": is missing");
}

TEST(HfConfig, reads_the_form_of_transformers_5_as_that_of_4) {
  const Json scaling = {{"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 64},
                        {"rope_type", "llama3"}};
  Json five = hf_config(Architecture::llama);
  five.erase("rope_theta");
  five.erase("rope_scaling");
  five.erase("torch_dtype");
  five["dtype"] = "bfloat16";
  five["layer_types"] = {"full_attention", "full_attention"};
  five["rope_parameters"] = scaling;
  five["rope_parameters"]["rope_theta"] = 500000.0;
  const ModelConfig b = read_model(five);
  const ModelConfig a = read_model(llama_with({{"rope_theta", 500000.0}, {"rope_scaling", scaling}}));
  for (const auto& config : {a, b}) {
    EXPECT_EQ(config.ropes[0].theta, 500000);
    EXPECT_EQ(config.ropes[0].scaling.kind, Kind::llama3);
    EXPECT_EQ(config.ropes[0].scaling.factor, 8);
    EXPECT_EQ(config.ropes[0].scaling.original_context, 64U);
    EXPECT_EQ(config.ropes[0].scaling.high_freq_factor, 4);
  }
  EXPECT_TRUE(slides_of(b).empty());
}

TEST(HfConfig, takes_rope_parameters_by_layer_type_where_they_are_the_same) {
  Json config = with(Architecture::qwen3, {{"rope_theta", nullptr},
                                           {"use_sliding_window", true},
                                           {"sliding_window", 16},
                                           {"layer_types", {"full_attention", "sliding_attention"}}});
  const Json one = {{"rope_type", "default"}, {"rope_theta", 1000.0}};
  config["rope_parameters"] = {{"full_attention", one}, {"sliding_attention", one}};
  EXPECT_EQ(read_model(config).ropes[0].theta, 1000);
  config["rope_parameters"]["sliding_attention"]["rope_theta"] = 5.0;
  expect_refused(config, Errc::unsupported, "differ between layer types");
  config["layer_types"] = {"full_attention", "full_attention"};
  EXPECT_EQ(read_model(config).ropes[0].theta, 1000);
  config["rope_parameters"].erase("full_attention");
  expect_refused(config, Errc::not_found, "\"rope_parameters.full_attention\": is missing");
}

TEST(HfConfig, reads_rope_scaling_under_its_old_and_new_name) {
  const auto scaling = [](const Json& fields) {
    return read_model(llama_with({{"rope_scaling", fields}})).ropes[0].scaling;
  };
  EXPECT_EQ(scaling({{"type", "linear"}, {"factor", 2.0}}).factor, 2);
  EXPECT_EQ(scaling({{"rope_type", "linear"}, {"type", "linear"}, {"factor", 2}}).kind, Kind::linear);
  EXPECT_EQ(scaling({{"rope_type", "linear"}, {"factor", 1.0}}).kind, Kind::none);
  EXPECT_EQ(scaling({{"rope_type", "default"}}).kind, Kind::none);
  expect_refused(llama_with({{"rope_scaling", {{"rope_type", "linear"}, {"type", "yarn"}, {"factor", 2.0}}}}),
                 Errc::bad_value, "rope_type \"linear\"");
}

TEST(HfConfig, resolves_yarn_as_transformers_does) {
  const auto yarn = [](const Json& fields) {
    Json scaling = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
    scaling.update(fields);
    return read_model(llama_with({{"rope_scaling", scaling}})).ropes[0].scaling;
  };
  const double usual = 0.1 * std::log(4.0) + 1;
  EXPECT_EQ(yarn(Json::object()).original_context, 32U);
  EXPECT_DOUBLE_EQ(yarn(Json::object()).attention_factor, usual);
  EXPECT_EQ(yarn({{"attention_factor", 1.0}}).attention_factor, 1);
  EXPECT_DOUBLE_EQ(yarn({{"mscale", 1.0}, {"mscale_all_dim", 1.0}}).attention_factor, 1);
  EXPECT_DOUBLE_EQ(yarn({{"mscale", 0.707}, {"mscale_all_dim", 1.0}}).attention_factor,
                   (0.0707 * std::log(4.0) + 1) / usual);
  EXPECT_DOUBLE_EQ(yarn({{"mscale", 0.707}}).attention_factor, usual);  // both or neither
  EXPECT_EQ(yarn({{"beta_fast", 64.0}, {"beta_slow", 2.0}}).beta_fast, 64);
  EXPECT_TRUE(yarn(Json::object()).truncate);
  EXPECT_FALSE(yarn({{"truncate", false}}).truncate);
  EXPECT_EQ(yarn({{"original_max_position_embeddings", nullptr}}).original_context, 128U);
  EXPECT_EQ(yarn({{"factor", nullptr}}).factor, 4);  // 128 / 32
  // The key outside the scaling goes before the one inside.
  Json outside = llama_with(
      {{"original_max_position_embeddings", 16}, {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}}});
  EXPECT_EQ(read_model(outside).ropes[0].scaling.original_context, 16U);
}

TEST(HfConfig, takes_rope_scaling_beside_equal_rope_parameters_in_any_order) {
  Json config = llama_with({{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}});
  const Json theta = config["rope_theta"];
  config["rope_parameters"] = {{"factor", 2.0}, {"rope_theta", theta}, {"rope_type", "linear"}};
  EXPECT_EQ(read_model(config).ropes[0].scaling.factor, 2);
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}};
  EXPECT_EQ(read_model(config).ropes[0].scaling.factor, 2);
  config["rope_scaling"]["factor"] = 3.0;
  expect_refused(config, Errc::bad_value, "differs from rope_parameters");
}

TEST(HfConfig, ignores_an_original_context_that_the_kind_has_no_use_for) {
  const Json linear = {{"type", "linear"}, {"factor", 2.0}, {"original_max_position_embeddings", 32}};
  EXPECT_EQ(read_model(llama_with({{"rope_scaling", linear}})).ropes[0].scaling.original_context, 0U);
  const Json none = {{"rope_type", "default"}, {"original_max_position_embeddings", 32}};
  EXPECT_EQ(read_model(llama_with({{"rope_scaling", none}})).ropes[0].scaling.kind, Kind::none);
}

TEST(HfConfig, refuses_yarn_where_implementations_differ) {
  const auto yarn = [](const Json& fields) {
    Json scaling = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
    scaling.update(fields);
    return llama_with({{"rope_scaling", scaling}});
  };
  expect_refused(yarn({{"beta_fast", 1}, {"beta_slow", 20}}), Errc::unsupported, "beta_fast 1.0");
  expect_refused(yarn({{"original_max_position_embeddings", 4}}), Errc::unsupported,
                 "original context 4, expected 6.28");
  EXPECT_TRUE(read(yarn({{"beta_fast", 2}, {"beta_slow", 2}})));
  EXPECT_TRUE(read(yarn({{"original_max_position_embeddings", 7}})));
}

TEST(HfConfig, refuses_rope_scaling_that_it_does_not_compute) {
  for (const std::string type : {"dynamic", "longrope", "su", "mrope", "proportional"}) {
    expect_refused(llama_with({{"rope_scaling", {{"type", type}, {"factor", 2.0}}}}), Errc::unsupported,
                   "met \"" + type + "\", expected default, linear, llama3 or yarn");
  }
  const auto scaling = [](const Json& fields) { return llama_with({{"rope_scaling", fields}}); };
  expect_refused(scaling({{"rope_type", "default"}, {"mrope_section", {8, 4, 4}}}), Errc::unsupported,
                 "\"rope_scaling.mrope_section\"");
  expect_refused(scaling({{"rope_type", "linear"}, {"factor", 2.0}, {"beta_fast", 3}}), Errc::unsupported, "beta_fast");
  expect_refused(scaling({{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}}), Errc::not_found,
                 "high_freq_factor");
  expect_refused(scaling({{"rope_type", "linear"}}), Errc::not_found, "\"rope_scaling.factor\": is missing");
  expect_refused(scaling({{"rope_type", "linear"}, {"factor", -2}}), Errc::bad_value, "factor -2");
  expect_refused(scaling("linear"), Errc::bad_value, "expected an object");
  expect_refused(llama_with({{"partial_rotary_factor", 0.5}}), Errc::unsupported, "partial_rotary_factor");
  expect_refused(llama_with({{"rope_parameters", {{"rope_theta", 5.0}, {"rope_type", "default"}}}}), Errc::bad_value,
                 "expected the outer rope_theta");
}

TEST(HfConfig, reads_sliding_windows_of_each_architecture) {
  const auto slides = [](Architecture architecture, const Json& fields) {
    const auto config = read_model(with(architecture, fields));
    return std::pair(widest_window(config), slides_of(config));
  };
  EXPECT_EQ(slides(Architecture::mistral, {{"sliding_window", 16}}), std::pair(16U, Flags({true, true})));
  Json silent = hf_config(Architecture::mistral);
  silent.erase("sliding_window");
  EXPECT_EQ(widest_window(read_model(silent)), 4096U);
  const Json off = {{"sliding_window", 16}, {"use_sliding_window", false}, {"max_window_layers", 1}};
  Json on = off;
  on["use_sliding_window"] = true;
  for (const auto qwen : {Architecture::qwen2, Architecture::qwen3}) {
    EXPECT_EQ(slides(qwen, off), std::pair(0U, Flags()));
    EXPECT_EQ(slides(qwen, on), std::pair(16U, Flags({false, true})));
  }
  on["max_window_layers"] = 28;
  EXPECT_EQ(slides(Architecture::qwen2, on), std::pair(0U, Flags()));
  on["layer_types"] = {"sliding_attention", "full_attention"};
  EXPECT_EQ(slides(Architecture::qwen2, on), std::pair(16U, Flags({true, false})));
}

TEST(HfConfig, refuses_windows_and_layer_types_that_do_not_agree) {
  expect_refused(llama_with({{"sliding_window", 16}}), Errc::unsupported, "expected null for model_type \"llama\"");
  expect_refused(llama_with({{"layer_types", {"full_attention"}}}), Errc::bad_value, "met 1 entries, expected one per");
  expect_refused(llama_with({{"layer_types", {"full_attention", "linear_attention"}}}), Errc::unsupported,
                 "met \"linear_attention\"");
  expect_refused(llama_with({{"layer_types", {"full_attention", "sliding_attention"}}}), Errc::bad_value,
                 "no sliding_window applies");
  expect_refused(
      with(Architecture::mistral, {{"sliding_window", 16}, {"layer_types", {"full_attention", "sliding_attention"}}}),
      Errc::unsupported, "mixes layers");
  expect_refused(with(Architecture::mistral, {{"sliding_window", 0}}), Errc::bad_value, "met 0");
}

TEST(HfConfig, refuses_what_it_does_not_understand_by_name) {
  expect_refused(llama_with({{"brand_new", 1}}), Errc::unsupported,
                 "key \"brand_new\": may change the maths and is not understood");
  EXPECT_TRUE(read(llama_with({{"brand_new", nullptr}})));
  EXPECT_TRUE(read(llama_with({{"mlp_bias", false}, {"pretraining_tp", 1}, {"eos_token_id", {1, 2}}})));
  expect_refused(llama_with({{"mlp_bias", true}}), Errc::unsupported, "key \"mlp_bias\"");
  expect_refused(llama_with({{"attention_bias", true}}), Errc::unsupported, "o_proj");
  expect_refused(llama_with({{"hidden_act", "gelu"}}), Errc::unsupported, "met \"gelu\", expected \"silu\"");
  expect_refused(llama_with({{"num_local_experts", 8}}), Errc::unsupported, "num_local_experts");
  expect_refused(llama_with({{"auto_map", {{"AutoModel", "x.py"}}}}), Errc::unsupported, "auto_map");
  expect_refused(llama_with({{"model_type", "gemma3"}}), Errc::unsupported, "architecture \"gemma3\"");
  expect_refused(llama_with({{"model_type", "qwen3_moe"}}), Errc::unsupported, "architecture \"qwen3_moe\"");
  expect_refused(llama_with({{"architectures", {"LlamaForSequenceClassification"}}}), Errc::unsupported,
                 "met \"LlamaForSequenceClassification\", expected \"LlamaForCausalLM\"");
}

TEST(HfConfig, refuses_wrong_types_and_numbers) {
  expect_refused(llama_with({{"hidden_size", "64"}}), Errc::bad_value, "met \"64\", expected a whole number");
  expect_refused(llama_with({{"hidden_size", -1}}), Errc::bad_value, "met -1");
  expect_refused(llama_with({{"hidden_size", 64.5}}), Errc::bad_value, "met 64.5");
  expect_refused(llama_with({{"num_hidden_layers", 100'000}}), Errc::bad_value, "expected 1 to 1024");
  expect_refused(llama_with({{"num_attention_heads", 0}}), Errc::bad_value, "met 0");
  expect_refused(llama_with({{"num_key_value_heads", 3}}), Errc::bad_value, "expected a multiple");
  expect_refused(llama_with({{"head_dim", 15}}), Errc::bad_value, "even");
  expect_refused(llama_with({{"rms_norm_eps", 0}}), Errc::bad_value, "epsilon");
  expect_refused(llama_with({{"tie_word_embeddings", 1}}), Errc::bad_value, "expected true or false");
  expect_refused(Json::array(), Errc::bad_value, "expected an object");
  EXPECT_THAT(read_hf_config("{").error().detail, HasSubstr("expected JSON"));
  EXPECT_THAT(read_hf_config(R"({"a":1,"a":2})").error().detail, HasSubstr("stands twice"));
}

TEST(HfConfig, reads_mlx_quantization_with_modules_of_their_own) {
  const Json quantization = {{"group_size", 64},
                             {"bits", 4},
                             {"mode", "affine"},
                             {"model.embed_tokens", {{"group_size", 32}, {"bits", 8}}},
                             {"lm_head", false}};
  const auto met = read(llama_with({{"quantization", quantization}, {"quantization_config", quantization}}));
  ASSERT_TRUE(met) << to_string(met.error());
  ASSERT_TRUE(met->quantization);
  EXPECT_EQ(met->quantization->of("model.layers.0.mlp.up_proj")->bits, 4U);
  EXPECT_EQ(met->quantization->of("model.embed_tokens")->bits, 8U);
  EXPECT_EQ(met->quantization->of("model.embed_tokens")->group, 32U);
  EXPECT_FALSE(met->quantization->of("lm_head"));
}

TEST(HfConfig, refuses_quantization_that_it_does_not_compute) {
  const auto quantized = [](const Json& fields) {
    Json quantization = {{"group_size", 64}, {"bits", 4}};
    quantization.update(fields);
    return llama_with({{"quantization", quantization}});
  };
  expect_refused(quantized({{"mode", "mxfp4"}}), Errc::unsupported, "met \"mxfp4\", expected \"affine\"");
  expect_refused(quantized({{"bits", 3}}), Errc::unsupported, "met 3, expected 4 or 8");
  expect_refused(quantized({{"group_size", 16}}), Errc::unsupported, "met 16, expected 32, 64 or 128");
  expect_refused(quantized({{"bits", nullptr}}), Errc::not_found, "\"quantization.bits\"");
  expect_refused(quantized({{"lm_head", {{"bits", 2}}}}), Errc::unsupported, "\"quantization.lm_head.bits\"");
  expect_refused(quantized({{"symmetric", 1}}), Errc::unsupported, "\"quantization.symmetric\"");
  expect_refused(llama_with({{"quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}}}), Errc::unsupported,
                 "met \"gptq\", expected MLX affine");
}

}  // namespace
}  // namespace assay
