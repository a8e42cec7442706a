// Files that other programs wrote (tools/golden_checkpoint.py): what they hold must be what we read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/mapped_file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/safetensors.h"

namespace assay {
namespace {

std::string golden(const std::string& name) { return std::string(ASSAY_SOURCE_DIR) + "/tests/golden/" + name; }

Json expected(const std::string& folder) {
  const auto text = read_text_file(golden(folder + "/expected.json"), 1U << 20U);
  EXPECT_TRUE(text) << to_string(text.error());
  return parse_json(*text, "expected.json").value();
}

// CRC-32 as zlib computes it (reflected, polynomial 0xEDB88320).
std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const auto byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void expect_tensor(const TensorView& view, const Json& entry) {
  EXPECT_EQ(name(view.dtype), entry["dtype"].get<std::string>()) << entry["name"];
  EXPECT_EQ(view.shape, entry["shape"].get<Shape>()) << entry["name"];
  EXPECT_EQ(crc32(view.data), entry["crc32"].get<std::uint32_t>()) << entry["name"];
}

TEST(GoldenGguf, every_value_and_tensor_of_the_gguf_package_is_read) {
  const auto gguf = Gguf::open(golden("gguf/values.gguf"));
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  const Json json = expected("gguf");
  EXPECT_EQ(gguf->alignment(), 64U);
  EXPECT_EQ(gguf->get<std::string_view>("general.architecture").value(), "llama");
  std::size_t values = 0;
  for (const auto& [key, value] : json["values"].items()) {
    ++values;
    if (value.is_string()) {
      EXPECT_EQ(gguf->get<std::string_view>("v." + key).value(), value.get<std::string>());
    } else if (value.is_boolean()) {
      EXPECT_EQ(gguf->get<bool>("v." + key).value(), value.get<bool>());
    } else if (value.is_number_float()) {
      EXPECT_EQ(gguf->get<double>("v." + key).value(), value.get<double>());
    } else if (value.is_number_unsigned()) {
      EXPECT_EQ(gguf->get<std::uint64_t>("v." + key).value(), value.get<std::uint64_t>());
    } else {
      EXPECT_EQ(gguf->get<std::int64_t>("v." + key).value(), value.get<std::int64_t>());
    }
  }
  EXPECT_EQ(values, 12U);
  const Json& lists = json["lists"];
  EXPECT_THAT(gguf->get<std::vector<std::string_view>>("v.strings").value(),
              testing::ElementsAreArray(lists["strings"].get<std::vector<std::string>>()));
  EXPECT_EQ(gguf->get<std::vector<std::int64_t>>("v.ints").value(), lists["ints"].get<std::vector<std::int64_t>>());
  EXPECT_EQ(gguf->get<std::vector<double>>("v.floats").value(), lists["floats"].get<std::vector<double>>());
  ASSERT_EQ(gguf->tensors().size(), json["tensors"].size());
  for (const Json& entry : json["tensors"]) {
    const GgufTensor* tensor = gguf->tensor(entry["name"].get<std::string>());
    ASSERT_NE(tensor, nullptr) << entry["name"];
    expect_tensor(tensor->view, entry);
  }
}

TEST(GoldenGguf, a_split_file_of_the_gguf_package_is_one) {
  const auto gguf = Gguf::open(golden("gguf/split-00002-of-00002.gguf"));
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  EXPECT_EQ(gguf->files().size(), 2U);
  EXPECT_EQ(gguf->get<std::string_view>("v.string").value(),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  for (const Json& entry : expected("gguf")["split"]) {
    const GgufTensor* tensor = gguf->tensor(entry["name"].get<std::string>());
    ASSERT_NE(tensor, nullptr) << entry["name"];
    expect_tensor(tensor->view, entry);
  }
}

TEST(GoldenSafetensors, every_tensor_of_the_safetensors_package_is_read) {
  const auto file = MappedFile::open(golden("safetensors/types.safetensors"));
  ASSERT_TRUE(file) << to_string(file.error());
  const auto met = read_safetensors(file->bytes());
  ASSERT_TRUE(met) << to_string(met.error());
  const Json json = expected("safetensors");
  ASSERT_EQ(met->tensors.size(), json["tensors"].size());
  for (const Json& entry : json["tensors"]) {
    const auto found = std::ranges::find(met->tensors, entry["name"].get<std::string>(), &SafetensorsTensor::name);
    ASSERT_NE(found, met->tensors.end()) << entry["name"];
    expect_tensor(found->view, entry);
  }
}

TEST(GoldenMlx, a_folder_that_mlx_wrote_opens_with_its_modules_formats) {
  const auto opened = Checkpoint::open(golden("mlx"));
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_EQ(opened->format(), "MLX affine");
  EXPECT_TRUE(opened->config().tied_head);
  const Json json = expected("mlx");
  const std::pair<std::string, std::string> names[] = {{"model.embed_tokens", "token_embd.weight"},
                                                       {"model.layers.0.self_attn.q_proj", "blk.0.attn_q.weight"},
                                                       {"model.layers.0.self_attn.v_proj", "blk.0.attn_v.weight"},
                                                       {"model.layers.0.mlp.down_proj", "blk.0.ffn_down.weight"}};
  for (const auto& [hf, canonical] : names) {
    const Json* entry = nullptr;
    for (const Json& candidate : json["tensors"]) {
      if (candidate["name"] == hf) entry = &candidate;
    }
    ASSERT_NE(entry, nullptr) << hf;
    const TensorView* view = opened->tensor(canonical);
    ASSERT_NE(view, nullptr) << canonical;
    expect_tensor(*view, *entry);
    if (!entry->contains("group")) continue;
    EXPECT_EQ(view->group, (*entry)["group"].get<std::uint32_t>());
    EXPECT_EQ(crc32(view->scales), (*entry)["scales_crc32"].get<std::uint32_t>());
    EXPECT_EQ(crc32(view->biases), (*entry)["biases_crc32"].get<std::uint32_t>());
  }
}

ModelConfig config_of(const std::string& name) {
  const auto text = read_text_file(golden("hf_config/" + name), 1U << 20U);
  EXPECT_TRUE(text) << to_string(text.error());
  auto config = read_hf_config(*text);
  EXPECT_TRUE(config) << name << ": " << to_string(config.error());
  return config ? config->model : ModelConfig{};
}

// One model saved by transformers 4.57 and by 5.23.
TEST(GoldenHfConfig, both_forms_of_transformers_give_the_same_numbers) {
  for (const std::string name :
       {"llama", "llama-llama3", "llama-linear", "mistral", "mistral-window", "qwen2", "qwen2-window", "qwen3-yarn"}) {
    const ModelConfig four = config_of(name + ".transformers4.json");
    const ModelConfig five = config_of(name + ".transformers5.json");
    EXPECT_EQ(four.architecture, five.architecture) << name;
    EXPECT_EQ(four.layers.size(), 3U) << name;
    EXPECT_EQ(four.tied_head, five.tied_head) << name;
    EXPECT_EQ(four.ropes[0].theta, five.ropes[0].theta) << name;
    EXPECT_EQ(widest_window(four), widest_window(five)) << name;
    EXPECT_EQ(slides_of(four), slides_of(five)) << name;
    const RopeScaling& a = four.ropes[0].scaling;
    const RopeScaling& b = five.ropes[0].scaling;
    EXPECT_EQ(a.kind, b.kind) << name;
    EXPECT_EQ(a.factor, b.factor) << name;
    EXPECT_EQ(a.original_context, b.original_context) << name;
    EXPECT_EQ(a.attention_factor, b.attention_factor) << name;
    EXPECT_EQ(a.low_freq_factor, b.low_freq_factor) << name;
  }
  EXPECT_EQ(config_of("llama-llama3.transformers5.json").ropes[0].scaling.kind, RopeScaling::Kind::llama3);
  EXPECT_EQ(config_of("llama-linear.transformers5.json").ropes[0].scaling.factor, 2);
  EXPECT_EQ(config_of("qwen3-yarn.transformers5.json").ropes[0].scaling.original_context, 1024U);
  EXPECT_EQ(slides_of(config_of("qwen2-window.transformers4.json")), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(slides_of(config_of("mistral-window.transformers4.json")), (std::vector<bool>(3, true)));
}

}  // namespace
}  // namespace assay
