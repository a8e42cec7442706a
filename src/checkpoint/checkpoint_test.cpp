#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "checkpoint/gguf_bytes.h"
#include "checkpoint/test_models.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_bytes::fresh_folder;
using testing_bytes::write_file;
using testing_models::TestGguf;
using testing_models::TestTensor;

class CheckpointGguf : public testing::Test {
 protected:
  Result<Checkpoint> open(const TestGguf& model) {
    return Checkpoint::open(testing_models::write_gguf(folder_ + "/m.gguf", model));
  }
  void expect_refused(const TestGguf& model, Errc code, const std::string& says) {
    const auto opened = open(model);
    ASSERT_FALSE(opened) << "expected: " << says;
    EXPECT_EQ(opened.error().code, code) << to_string(opened.error());
    EXPECT_THAT(opened.error().detail, HasSubstr(says));
    EXPECT_THAT(opened.error().detail, HasSubstr("m.gguf"));
  }
  // A llama with one more key.
  template <class T>
  static TestGguf with_key(const std::string& key, const T& value) {
    return {.architecture = "llama", .keys = [=](GgufWriter& writer) { writer.set("llama." + key, value); }};
  }

  std::string folder_ = fresh_folder(testing::TempDir(), "model");
};

TEST_F(CheckpointGguf, of_an_unknown_architecture_is_refused_or_described_as_asked) {
  const TestGguf model{.architecture = "gpt2"};
  expect_refused(model, Errc::unsupported, "architecture \"gpt2\"");
  const auto described = Checkpoint::open(folder_ + "/m.gguf", Checkpoint::Unknown::describe);
  ASSERT_TRUE(described) << to_string(described.error());
  ASSERT_TRUE(described->not_understood());
  EXPECT_THAT(described->not_understood()->detail, HasSubstr("architecture \"gpt2\""));
  EXPECT_EQ(described->config().architecture_name, "gpt2");
  EXPECT_EQ(described->config().context_train, 128U);
  EXPECT_TRUE(described->config().layers.empty());
  EXPECT_GT(described->weight_bytes(), 0U);
  EXPECT_NE(described->gguf(), nullptr);
}

TEST_F(CheckpointGguf, that_is_understood_is_the_same_either_way_and_a_wrong_one_is_refused_either_way) {
  const std::string path = testing_models::write_gguf(folder_ + "/m.gguf", {.architecture = "qwen3"});
  const auto opened = Checkpoint::open(path, Checkpoint::Unknown::describe);
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_FALSE(opened->not_understood());
  EXPECT_EQ(opened->config().layers.size(), 2U);
  testing_models::write_gguf(path, {.architecture = "qwen3", .tensors = [](auto& tensors) { tensors.pop_back(); }});
  EXPECT_FALSE(Checkpoint::open(path, Checkpoint::Unknown::describe));
  testing_models::write_gguf(
      path, {.architecture = "gpt2", .keys = [](GgufWriter& writer) { writer.set("general.type", "adapter"); }});
  const auto adapter = Checkpoint::open(path, Checkpoint::Unknown::describe);
  ASSERT_FALSE(adapter);
  EXPECT_THAT(adapter.error().detail, HasSubstr("general.type \"adapter\""));
}

TEST_F(CheckpointGguf, opens_every_architecture) {
  for (const std::string name : {"llama", "mistral", "mistral3", "qwen2", "qwen3"}) {
    auto opened = open({.architecture = name});
    ASSERT_TRUE(opened) << to_string(opened.error());
    const Checkpoint moved = std::move(*opened);
    const ModelConfig& config = moved.config();
    EXPECT_EQ(config.architecture_name, name);
    EXPECT_EQ(config.layers.size(), 2U);
    EXPECT_EQ(attention_of(config.layers[0]).head_dim, 16U);
    EXPECT_EQ(config.vocab, 32U);
    EXPECT_EQ(attention_of(config.layers[0]).scale, 0.25);
    EXPECT_EQ(config.rope_pairs, name.starts_with("qwen") ? RopePairs::halves : RopePairs::adjacent);
    EXPECT_EQ(attention_of(config.layers[0]).bias, name == "qwen2");
    EXPECT_EQ(attention_of(config.layers[0]).qk_norm, name == "qwen3");
    EXPECT_FALSE(config.tied_head);
    EXPECT_EQ(moved.format(), "GGUF v3");
    EXPECT_NE(moved.gguf(), nullptr);
    ASSERT_NE(moved.tensor("blk.1.ffn_down.weight"), nullptr);
    EXPECT_EQ(moved.tensor("blk.1.ffn_down.weight")->shape, (Shape{64, 96}));
    EXPECT_EQ(moved.tensor("blk.2.ffn_down.weight"), nullptr);
    EXPECT_GT(moved.file_bytes(), moved.weight_bytes());
  }
}

TEST_F(CheckpointGguf, sees_a_tied_head_an_optional_bias_and_rope_factors) {
  const auto opened = open({.architecture = "llama", .tensors = [](auto& tensors) {
                              std::erase_if(tensors, [](const auto& t) { return t.name == "output.weight"; });
                              tensors.push_back({"rope_freqs.weight", DType::f32, {8}});
                              for (const std::string layer : {"0", "1"}) {
                                tensors.push_back({"blk." + layer + ".attn_q.bias", DType::f32, {64}});
                                tensors.push_back({"blk." + layer + ".attn_k.bias", DType::f16, {32}});
                                tensors.push_back({"blk." + layer + ".attn_v.bias", DType::bf16, {32}});
                              }
                            }});
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_TRUE(opened->config().tied_head);
  EXPECT_TRUE(attention_of(opened->config().layers[0]).bias);
  EXPECT_NE(opened->tensor("rope_freqs.weight"), nullptr);
}

TEST_F(CheckpointGguf, names_tensors_that_are_missing_or_wrong) {
  const auto edited = [](std::function<void(TestTensor&)> edit) {
    return TestGguf{.architecture = "qwen3", .tensors = [edit](auto& tensors) {
                      for (auto& tensor : tensors) {
                        if (tensor.name == "blk.1.attn_k.weight") edit(tensor);
                      }
                    }};
  };
  expect_refused(edited([](auto& t) { t.name = "blk.1.attn_z.weight"; }), Errc::not_found,
                 "tensor \"blk.1.attn_k.weight\" of shape (32, 64): the architecture qwen3 needs it");
  expect_refused(edited([](auto& t) { t.shape = {64, 64}; }), Errc::bad_value,
                 "tensor \"blk.1.attn_k.weight\": shape (64, 64), expected (32, 64)");
  expect_refused(edited([](auto& t) { t.dtype = DType::i32; }), Errc::unsupported,
                 "type i32 is known but not computed");
  expect_refused({.architecture = "llama",
                  .tensors =
                      [](auto& tensors) {
                        for (auto& t : tensors)
                          if (t.name == "output_norm.weight") t.dtype = DType::q8_0;
                      }},
                 Errc::unsupported, "tensor \"output_norm.weight\": type q8_0, expected f32, f16 or bf16");
}

TEST_F(CheckpointGguf, names_a_type_that_is_known_but_not_computed) {
  expect_refused({.architecture = "llama",
                  .tensors =
                      [](auto& tensors) {
                        for (auto& t : tensors)
                          if (t.name == "token_embd.weight") t = {t.name, DType::iq2_xxs, {32, 256}};
                      }},
                 Errc::bad_value, "shape (32, 256), expected (32, 64)");
  const auto wide = [](GgufWriter& writer) { writer.set("llama.feed_forward_length", std::uint32_t{256}); };
  expect_refused({.architecture = "llama",
                  .keys = wide,
                  .tensors =
                      [](auto& tensors) {
                        for (auto& t : tensors) {
                          if (t.name.ends_with("ffn_gate.weight") || t.name.ends_with("ffn_up.weight"))
                            t.shape = {256, 64};
                          if (t.name.ends_with("ffn_down.weight")) t = {t.name, DType::iq2_xxs, {64, 256}};
                        }
                      }},
                 Errc::unsupported, "tensor \"blk.0.ffn_down.weight\": type iq2_xxs is known but not computed");
}

TEST_F(CheckpointGguf, refuses_tensors_that_it_does_not_understand) {
  for (const std::string name :
       {"blk.0.attn_output.bias", "blk.0.ffn_up.bias", "output.bias", "blk.0.ffn_gate_inp.weight"}) {
    expect_refused(
        {.architecture = "llama", .tensors = [&](auto& tensors) { tensors.push_back({name, DType::f32, {64}}); }},
        Errc::unsupported, "tensor \"" + name + "\" of shape (64): would change the maths");
  }
}

TEST_F(CheckpointGguf, refuses_other_architectures_and_kinds_of_file_by_name) {
  expect_refused({.architecture = "gemma"}, Errc::unsupported, "architecture \"gemma\", expected llama");
  expect_refused({.architecture = "qwen3moe"}, Errc::unsupported, "architecture \"qwen3moe\"");
  expect_refused({.architecture = "llama", .keys = [](auto& w) { w.set("general.type", "adapter"); }},
                 Errc::unsupported, "general.type \"adapter\", expected \"model\"");
  expect_refused({.architecture = "llama", .tensors = [](auto& t) { t.clear(); }}, Errc::bad_value,
                 "has no tensors (a vocabulary file)");
  expect_refused(
      {.architecture = "llama", .keys = [](auto& w) { w.set("tokenizer.ggml.tokens", std::vector<std::string>(33)); }},
      Errc::bad_value, "33 tokens, expected at most the 32 rows");
}

TEST_F(CheckpointGguf, refuses_keys_that_change_the_maths) {
  expect_refused(with_key("expert_count", std::uint32_t{8}), Errc::unsupported, "(mixture of experts): met 8");
  expect_refused(with_key("logit_scale", 0.5F), Errc::unsupported, "\"llama.logit_scale\"");
  expect_refused(with_key("attn_logit_softcapping", 50.0F), Errc::unsupported, "softcapping");
  expect_refused(with_key("residual_scale", 0.2F), Errc::unsupported, "residual_scale");
  expect_refused(with_key("attention.causal", false), Errc::unsupported, "attention.causal");
  expect_refused(with_key("attention.temperature_scale", 0.1F), Errc::unsupported, "temperature_scale");
  expect_refused(with_key("attention.brand_new", std::uint32_t{1}), Errc::unsupported,
                 "\"llama.attention.brand_new\": may change the maths and is not understood");
  EXPECT_TRUE(open(with_key("expert_count", std::uint32_t{0})));
  EXPECT_TRUE(open(with_key("attention.causal", true)));
  EXPECT_TRUE(open(with_key("logit_scale", 1.0F)));
}

TEST_F(CheckpointGguf, refuses_numbers_that_cannot_be) {
  expect_refused(with_key("attention.head_count_kv", std::uint32_t{3}), Errc::bad_value,
                 "attention heads 4, expected a multiple of the key-value heads 3");
  expect_refused(with_key("attention.head_count", std::uint32_t{0}), Errc::bad_value, "met 0, expected 1");
  expect_refused(with_key("attention.head_count", "four"), Errc::bad_value, "met string, expected integer");
  expect_refused(with_key("attention.head_count", std::vector<std::uint32_t>{4, 8}), Errc::unsupported,
                 "layers differ");
  expect_refused(with_key("attention.head_count", std::vector<std::uint32_t>{4}), Errc::bad_value, "one per layer");
  expect_refused(with_key("block_count", std::uint32_t{4'000'000'000}), Errc::bad_value, "expected 1 to 1024");
  expect_refused(with_key("attention.layer_norm_rms_epsilon", 0.0F), Errc::bad_value, "epsilon");
  expect_refused(with_key("attention.key_length", std::uint32_t{17}), Errc::unsupported, "attention.value_length");
  expect_refused(with_key("rope.freq_base", -1.0F), Errc::bad_value, "RoPE base");
  expect_refused(with_key("rope.dimension_count", std::uint32_t{8}), Errc::unsupported, "rope.dimension_count");
  expect_refused({.architecture = "llama", .keys = [](auto& w) { w.remove("llama.context_length"); }}, Errc::not_found,
                 "no metadata key \"llama.context_length\"");
  EXPECT_TRUE(open(with_key("attention.head_count", std::vector<std::uint32_t>{4, 4})));
}

TEST_F(CheckpointGguf, reads_rope_scaling_as_llama_cpp_does) {
  using Kind = RopeScaling::Kind;
  const auto scaling = [&](const std::function<void(GgufWriter&)>& keys) {
    auto opened = open({.architecture = "llama", .keys = keys});
    EXPECT_TRUE(opened) << to_string(opened.error());
    return opened ? opened->config().ropes[0].scaling : RopeScaling{};
  };
  EXPECT_EQ(scaling([](auto& w) { w.set("llama.rope.scaling.type", "none"); }).kind, Kind::none);
  // The type is linear where only a factor is there, also under its old name.
  EXPECT_EQ(scaling([](auto& w) { w.set("llama.rope.scaling.factor", 4.0F); }).kind, Kind::linear);
  EXPECT_EQ(scaling([](auto& w) { w.set("llama.rope.scale_linear", 4.0F); }).factor, 4);
  const auto yarn = [](GgufWriter& w) {
    w.set("llama.rope.scaling.type", "yarn");
    w.set("llama.rope.scaling.factor", 4.0F);
    w.set("llama.rope.scaling.original_context_length", std::uint32_t{32});
  };
  const auto plain = scaling(yarn);
  EXPECT_EQ(plain.kind, Kind::yarn);
  EXPECT_EQ(plain.original_context, 32U);
  EXPECT_EQ(plain.beta_fast, 32);
  EXPECT_DOUBLE_EQ(plain.attention_factor, 0.1 * std::log(4.0) + 1);
  const auto stated = scaling([&](auto& w) {
    yarn(w);
    w.set("llama.rope.scaling.yarn_attn_factor", 1.5F);
  });
  EXPECT_EQ(stated.attention_factor, 1.5);
  const auto saved = scaling([&](auto& w) {  // as llama.cpp's own saver writes defaults
    yarn(w);
    w.set("llama.rope.scaling.yarn_ext_factor", -1.0F);
    w.set("llama.rope.scaling.yarn_attn_factor", 1.0F);
    w.set("llama.rope.scaling.attn_factor", 1.0F);
    w.set("llama.rope.scaling.yarn_log_multiplier", 0.0F);
  });
  EXPECT_DOUBLE_EQ(saved.attention_factor, plain.attention_factor);
  const auto deepseek = scaling([&](auto& w) {
    yarn(w);
    w.set("llama.rope.scaling.yarn_log_multiplier", 1.0F);
  });
  EXPECT_DOUBLE_EQ(deepseek.attention_factor, 1);
}

TEST_F(CheckpointGguf, refuses_rope_scaling_that_it_does_not_compute) {
  expect_refused(with_key("rope.scaling.type", "longrope"), Errc::unsupported,
                 "\"longrope\", expected none, linear or yarn");
  expect_refused(with_key("rope.scaling.attn_factor", 1.2F), Errc::unsupported, "attn_factor");
  expect_refused({.architecture = "llama",
                  .keys =
                      [](auto& w) {
                        w.set("llama.rope.scaling.type", "yarn");
                        w.set("llama.rope.scaling.factor", 4.0F);
                        w.set("llama.rope.scaling.yarn_ext_factor", 0.5F);
                      }},
                 Errc::unsupported, "yarn_ext_factor");
}

TEST_F(CheckpointGguf, reads_sliding_windows) {
  const auto slides = [&](const std::function<void(GgufWriter&)>& keys) {
    auto opened = open({.architecture = "llama", .keys = keys});
    EXPECT_TRUE(opened) << to_string(opened.error());
    return opened ? std::pair(widest_window(opened->config()), slides_of(opened->config()))
                  : std::pair(0U, std::vector<bool>());
  };
  using Flags = std::vector<bool>;
  const auto window = [](GgufWriter& w) { w.set("llama.attention.sliding_window", std::uint32_t{16}); };
  EXPECT_EQ(slides(window), std::pair(16U, Flags({true, true})));
  EXPECT_EQ(slides([&](auto& w) {
              window(w);
              w.set("llama.attention.sliding_window_pattern", Flags({false, true}));
            }),
            std::pair(16U, Flags({false, true})));
  EXPECT_EQ(slides([&](auto& w) {
              window(w);
              w.set("llama.attention.sliding_window_pattern", std::uint32_t{2});
            }),
            std::pair(16U, Flags({true, false})));
  EXPECT_EQ(slides([&](auto& w) {
              window(w);
              w.set("llama.attention.sliding_window_pattern", std::uint32_t{1});
            }),
            std::pair(0U, Flags()));
}

TEST(Checkpoint, names_what_is_not_a_model) {
  const std::string folder = fresh_folder(testing::TempDir(), "not_a_model");
  EXPECT_EQ(Checkpoint::open(folder + "/none").error().code, Errc::not_found);
  EXPECT_THAT(Checkpoint::open(folder).error().detail, HasSubstr("is a directory without config.json"));
  const auto png = Checkpoint::open(write_file(folder + "/a.png", "\x89PNG\r\n\x1a\n"));
  EXPECT_THAT(png.error().detail, HasSubstr("not a GGUF file"));
}

}  // namespace
}  // namespace assay
