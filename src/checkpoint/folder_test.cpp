#include "checkpoint/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/gguf_bytes.h"
#include "checkpoint/test_models.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_bytes::fresh_folder;
using testing_bytes::write_file;
using testing_models::hf_config;
using testing_models::hf_tensors;
using testing_models::safetensors_bytes;
using testing_models::TestTensor;

class CheckpointFolder : public testing::Test {
 protected:
  void write(const Json& config, const std::vector<TestTensor>& tensors) {
    write_file(folder_ + "/config.json", config.dump());
    write_file(folder_ + "/model.safetensors", safetensors_bytes(tensors));
  }
  void expect_refused(Errc code, const std::string& says) {
    const auto opened = Checkpoint::open(folder_);
    ASSERT_FALSE(opened) << "expected: " << says;
    EXPECT_EQ(opened.error().code, code) << to_string(opened.error());
    EXPECT_THAT(opened.error().detail, HasSubstr(says));
    EXPECT_THAT(opened.error().detail, HasSubstr(folder_));
  }

  std::string folder_ = fresh_folder(testing::TempDir(), "folder");
};

// Replaces a module's weight by the three tensors of MLX.
void quantize(std::vector<TestTensor>& tensors, const std::string& module, std::uint64_t bits, std::uint64_t group) {
  const auto at = std::ranges::find(tensors, module + ".weight", &TestTensor::name);
  ASSERT_NE(at, tensors.end());
  const std::uint64_t rows = at->shape[0];
  const std::uint64_t columns = at->shape[1];
  *at = {module + ".weight", DType::u32, {rows, columns * bits / 32}};
  tensors.push_back({module + ".scales", DType::bf16, {rows, columns / group}});
  tensors.push_back({module + ".biases", DType::bf16, {rows, columns / group}});
}

TEST_F(CheckpointFolder, opens_every_architecture) {
  for (const auto architecture :
       {Architecture::llama, Architecture::mistral, Architecture::qwen2, Architecture::qwen3, Architecture::gemma3}) {
    write(hf_config(architecture), hf_tensors(architecture));
    auto opened = Checkpoint::open(folder_);
    ASSERT_TRUE(opened) << to_string(opened.error());
    const Checkpoint moved = std::move(*opened);
    EXPECT_EQ(moved.config().architecture, architecture);
    EXPECT_EQ(moved.format(), "safetensors");
    EXPECT_EQ(moved.gguf(), nullptr);
    EXPECT_EQ(moved.folder(), folder_);
    ASSERT_NE(moved.tensor("blk.1.attn_output.weight"), nullptr);
    EXPECT_EQ(moved.tensor("blk.1.attn_output.weight")->shape, (Shape{64, 64}));
    EXPECT_EQ(static_cast<int>(moved.tensor("blk.1.attn_output.weight")->data[60]), 60);
    EXPECT_EQ(moved.weight_bytes(), moved.file_bytes() - moved.tensors().front().at);
  }
}

float first_element(const TensorView& view) {
  float value = 0;
  std::memcpy(&value, view.data.data(), sizeof(value));
  return value;
}

// Gemma's folders hold gains less 1; a checkpoint gives them as they multiply, whatever the format.
TEST_F(CheckpointFolder, gemma3_gains_are_given_whole) {
  auto tensors = hf_tensors(Architecture::gemma3);
  for (TestTensor& tensor : tensors) {
    if (tensor.name.ends_with("norm.weight")) tensor.dtype = DType::bf16;
  }
  write(hf_config(Architecture::gemma3), tensors);
  auto opened = Checkpoint::open(folder_);
  ASSERT_TRUE(opened) << to_string(opened.error());
  const Checkpoint moved = std::move(*opened);
  for (const char* name : {"output_norm.weight", "blk.0.attn_norm.weight", "blk.1.post_attention_norm.weight",
                           "blk.0.ffn_norm.weight", "blk.1.post_ffw_norm.weight", "blk.0.attn_q_norm.weight"}) {
    const TensorView* gain = moved.tensor(name);
    ASSERT_NE(gain, nullptr) << name;
    EXPECT_EQ(gain->dtype, DType::f32) << name;
    EXPECT_EQ(first_element(*gain), 1 + bf16_to_float(0x0100)) << name << ": the file's bytes count up";
  }
}

TEST_F(CheckpointFolder, gives_the_texts_beside_the_weights) {
  write(hf_config(Architecture::llama), hf_tensors(Architecture::llama));
  write_file(folder_ + "/tokenizer.json", "{}");
  const auto opened = Checkpoint::open(folder_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->folder_text("tokenizer.json").value(), "{}");
  EXPECT_EQ(opened->folder_text("chat_template.jinja").value(), std::nullopt);
}

TEST_F(CheckpointFolder, settles_whether_the_head_is_tied) {
  auto tensors = hf_tensors(Architecture::llama);
  Json config = hf_config(Architecture::llama);
  config["tie_word_embeddings"] = true;
  write(config, tensors);  // a head lies there and is not read
  auto opened = Checkpoint::open(folder_);
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_TRUE(opened->config().tied_head);
  EXPECT_EQ(opened->tensor("output.weight"), nullptr);
  tensors.push_back({"lm_head.bias", DType::f32, {32}});
  write(config, tensors);
  expect_refused(Errc::bad_value, "\"lm_head.bias\": is not \"model.embed_tokens.bias\"");
  tensors.pop_back();
  std::ranges::find(tensors, "lm_head.weight", &TestTensor::name)->dtype = DType::f16;
  write(config, tensors);
  expect_refused(Errc::bad_value, "\"lm_head.weight\": is not \"model.embed_tokens.weight\", but config.json");
  tensors = hf_tensors(Architecture::llama);
  write(config, tensors);
  std::ranges::rotate(tensors, std::ranges::find(tensors, "lm_head.weight", &TestTensor::name) + 1);
  ASSERT_EQ(tensors.back().name, "lm_head.weight");
  std::string bytes = safetensors_bytes(tensors);
  bytes.back() = static_cast<char>(bytes.back() + 1);  // the last byte of the last tensor
  write_file(folder_ + "/model.safetensors", bytes);
  expect_refused(Errc::bad_value, "\"lm_head.weight\": is not");
  config.erase("tie_word_embeddings");
  write(config, tensors);
  EXPECT_FALSE(Checkpoint::open(folder_)->config().tied_head);
  std::erase_if(tensors, [](const auto& t) { return t.name == "lm_head.weight"; });
  write(config, tensors);
  EXPECT_TRUE(Checkpoint::open(folder_)->config().tied_head);
  config["tie_word_embeddings"] = false;
  write(config, tensors);
  expect_refused(Errc::not_found, "tensor \"output.weight\"");
}

TEST_F(CheckpointFolder, leaves_out_buffers_and_refuses_unknown_tensors) {
  auto tensors = hf_tensors(Architecture::llama);
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", DType::f32, {8}});
  write(hf_config(Architecture::llama), tensors);
  EXPECT_TRUE(Checkpoint::open(folder_));
  tensors.push_back({"model.layers.0.self_attn.o_proj.bias", DType::f32, {64}});
  write(hf_config(Architecture::llama), tensors);
  expect_refused(Errc::unsupported, "\"model.layers.0.self_attn.o_proj.bias\" of shape (64): would change the maths");
}

TEST_F(CheckpointFolder, names_missing_and_wrong_tensors) {
  auto tensors = hf_tensors(Architecture::llama);
  tensors[0].shape = {31, 64};
  write(hf_config(Architecture::llama), tensors);
  expect_refused(Errc::bad_value, "tensor \"model.embed_tokens.weight\": shape (31, 64), expected (32, 64)");
  tensors[0] = {"model.embed_tokens.weight", DType::i64, {32, 64}};
  write(hf_config(Architecture::llama), tensors);
  expect_refused(Errc::unsupported, "type i64 is known but not computed");
  tensors.erase(tensors.begin());
  write(hf_config(Architecture::llama), tensors);
  expect_refused(Errc::not_found, "tensor \"token_embd.weight\"");
}

TEST_F(CheckpointFolder, names_missing_files) {
  expect_refused(Errc::not_found, "without config.json");
  write_file(folder_ + "/config.json", hf_config(Architecture::llama).dump());
  expect_refused(Errc::not_found, "no model.safetensors and no model.safetensors.index.json");
  write_file(folder_ + "/pytorch_model.bin", "x");
  expect_refused(Errc::not_found, "only pytorch_model.bin");
  write_file(folder_ + "/config.json", "{\"model_type\":\"gemma\"}");
  expect_refused(Errc::unsupported, "config.json: architecture \"gemma\"");
}

TEST_F(CheckpointFolder, opens_shards_by_their_index) {
  const auto all = hf_tensors(Architecture::qwen3);
  const std::vector<TestTensor> first(all.begin(), all.begin() + 7);
  const std::vector<TestTensor> second(all.begin() + 7, all.end());
  const auto write_shards = [&](const std::function<void(Json&)>& edit) {
    Json map = Json::object();
    for (const auto& tensor : first) map[tensor.name] = "model-00001-of-00002.safetensors";
    for (const auto& tensor : second) map[tensor.name] = "model-00002-of-00002.safetensors";
    edit(map);
    write_file(folder_ + "/config.json", hf_config(Architecture::qwen3).dump());
    write_file(folder_ + "/model-00001-of-00002.safetensors", safetensors_bytes(first));
    write_file(folder_ + "/model-00002-of-00002.safetensors", safetensors_bytes(second));
    write_file(folder_ + "/model.safetensors.index.json", Json({{"weight_map", map}}).dump());
  };
  write_shards([](Json&) {});
  const auto opened = Checkpoint::open(folder_);
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_EQ(opened->files().size(), 2U);
  EXPECT_EQ(opened->tensors().back().file, 1U);

  write_shards([&](Json& map) { map[first[0].name] = "model-00002-of-00002.safetensors"; });
  expect_refused(Errc::not_found, "the index says that it is here, but it is not");
  write_shards([&](Json& map) { map[first[0].name] = "../other/model.safetensors"; });
  expect_refused(Errc::bad_value, "met \"../other/model.safetensors\", expected a .safetensors file in the folder");
  write_shards([&](Json& map) { map[first[0].name] = 3; });
  expect_refused(Errc::bad_value, "met 3, expected a file's name");
  write_shards([&](Json& map) { map = Json::object(); });
  expect_refused(Errc::bad_value, "expected an object \"weight_map\" with tensors");
  write_shards([](Json&) {});
  write_file(folder_ + "/model-00002-of-00002.safetensors", safetensors_bytes(all));
  expect_refused(Errc::bad_value, "stands in");
  std::filesystem::remove(folder_ + "/model-00002-of-00002.safetensors");
  expect_refused(Errc::not_found, "model-00002-of-00002.safetensors: cannot open");
}

TEST_F(CheckpointFolder, joins_the_three_tensors_of_mlx) {
  auto tensors = hf_tensors(Architecture::llama);
  quantize(tensors, "model.embed_tokens", 8, 32);
  quantize(tensors, "model.layers.1.mlp.up_proj", 4, 64);
  Json config = hf_config(Architecture::llama);
  config["quantization"] = {{"group_size", 64}, {"bits", 4}, {"model.embed_tokens", {{"group_size", 32}, {"bits", 8}}}};
  write(config, tensors);
  const auto opened = Checkpoint::open(folder_);
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_EQ(opened->format(), "MLX affine");
  const TensorView& embedding = *opened->tensor("token_embd.weight");
  EXPECT_EQ(embedding.dtype, DType::affine8);
  EXPECT_EQ(embedding.shape, (Shape{32, 64}));
  EXPECT_EQ(embedding.group, 32U);
  EXPECT_EQ(embedding.scale_dtype, DType::bf16);
  EXPECT_EQ(embedding.data.size(), 32U * 64);
  EXPECT_EQ(embedding.scales.size(), 32U * 2 * 2);
  const TensorView& up = *opened->tensor("blk.1.ffn_up.weight");
  EXPECT_EQ(up.dtype, DType::affine4);
  EXPECT_EQ(up.data.size(), 96U * 32);
  EXPECT_EQ(up.biases.size(), 96U * 2);
  EXPECT_EQ(opened->tensor("blk.0.ffn_up.weight")->dtype, DType::f32);
}

TEST_F(CheckpointFolder, refuses_mlx_triples_that_do_not_agree) {
  const std::string module = "model.layers.1.mlp.up_proj";
  const Json four = {{"group_size", 64}, {"bits", 4}};
  const auto attempt = [&](const Json& quantization, const std::function<void(std::vector<TestTensor>&)>& edit) {
    auto tensors = hf_tensors(Architecture::llama);
    quantize(tensors, module, 4, 64);
    edit(tensors);
    Json config = hf_config(Architecture::llama);
    config["quantization"] = quantization;
    write(config, tensors);
  };
  const auto nothing = [](std::vector<TestTensor>&) {};
  const auto drop = [&](const std::string& part) {
    return
        [=](std::vector<TestTensor>& t) { std::erase_if(t, [&](const auto& x) { return x.name == module + part; }); };
  };
  attempt(nullptr, nothing);
  expect_refused(Errc::bad_value, "has scales, but config.json has no key \"quantization\"");
  attempt({{"group_size", 64}, {"bits", 4}, {module, false}}, nothing);
  expect_refused(Errc::bad_value, "says that it is not quantized");
  attempt({{"group_size", 64}, {"bits", 8}}, nothing);
  expect_refused(Errc::bad_value, "do not agree with 8 bits in groups of 64");
  attempt({{"group_size", 32}, {"bits", 4}}, nothing);
  expect_refused(Errc::bad_value, "do not agree with 4 bits in groups of 32");
  attempt(four, drop(".biases"));
  expect_refused(Errc::not_found, "tensor \"" + module + ".biases\": quantized weights need it");
  attempt(four, drop(".scales"));
  expect_refused(Errc::not_found, "tensor \"" + module + ".scales\": quantized weights need it");
  attempt(four, drop(".weight"));
  expect_refused(Errc::not_found, "tensor \"blk.1.ffn_up.weight\"");
  attempt(four, [](auto& t) { t.back().dtype = DType::f32; });
  expect_refused(Errc::bad_value, "expected shape and type of the scales");
  attempt(four, [&](auto& t) { std::ranges::find(t, module + ".weight", &TestTensor::name)->dtype = DType::f32; });
  expect_refused(Errc::bad_value, "the weight of u32");
  attempt({{"group_size", 64}, {"bits", 4}, {"model.layers.0.mlp.up_proj", {{"bits", 8}}}}, nothing);
  expect_refused(Errc::not_found, "tensor \"model.layers.0.mlp.up_proj.scales\"");
}

}  // namespace
}  // namespace assay
