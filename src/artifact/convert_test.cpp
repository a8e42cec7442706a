#include "artifact/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "artifact/texts.h"
#include "base/json.h"
#include "checkpoint/test_models.h"
#include "kernel/quant/dequantize.h"
#include "model/reference.h"
#include "model/tiny_model.h"
#include "tokenizer/from_gguf.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}
Json golden_json(const fs::path& path) { return parse_json(slurp(path), path.string()).value(); }

class Convert : public ::testing::Test {
 protected:
  Convert() : folder_(fs::path(::testing::TempDir()) / ("convert_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Convert() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static Checkpoint opened(const std::string& file) {
    auto checkpoint = Checkpoint::open(file);
    EXPECT_TRUE(checkpoint) << to_string(checkpoint.error());
    return std::move(*checkpoint);
  }
  std::string source(DType type, HeadType head = HeadType::usual) const {
    ModelConfig config = model::tiny_config(Architecture::llama);
    config.vocab = 320;
    device::ThreadPool pool(1);
    const auto made = synthesize({.config = config, .type = type, .head = head}, path("source.gguf"), pool);
    EXPECT_TRUE(made) << to_string(made.error());
    return path("source.gguf");
  }
  Result<WrittenModel> converted(const std::string& from, const ConvertOptions& options) const {
    device::ThreadPool pool(2);
    return convert(opened(from), options, path("out.gguf"), pool);
  }

  // A folder of 2 layers whose embedding has as many tokens as the tokenizer.
  std::string folder_with(const Json& tokenizer, std::uint64_t tokens) const {
    const fs::path at = folder_ / "hf";
    fs::create_directories(at);
    Json config = testing_models::hf_config(Architecture::qwen2);
    config["vocab_size"] = tokens;
    auto tensors = testing_models::hf_tensors(Architecture::qwen2);
    for (auto& tensor : tensors) {
      if (tensor.name == "model.embed_tokens.weight" || tensor.name == "lm_head.weight") tensor.shape[0] = tokens;
    }
    spill(at / "config.json", config.dump());
    spill(at / "model.safetensors", testing_models::safetensors_bytes(tensors));
    spill(at / "tokenizer.json", tokenizer.dump());
    spill(at / "tokenizer_config.json", R"({"chat_template": "{{ messages[0].content }}"})");
    return at.string();
  }

  fs::path folder_;
};

double relative_error(const TensorView& exact, const TensorView& rounded) {
  std::vector<float> a(exact.columns());
  std::vector<float> b(exact.columns());
  double errors = 0;
  double squares = 0;
  for (std::uint64_t r = 0; r < exact.rows(); ++r) {
    kernel::dequantize_row(exact, r, a);
    kernel::dequantize_row(rounded, r, b);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double d = static_cast<double>(a[i]) - b[i];
      errors += d * d;
      squares += static_cast<double>(a[i]) * a[i];
    }
  }
  return std::sqrt(errors / squares);
}

// q, k, biases, windows and RoPE factors of a folder mean the same in the file: the logits that transformers computed.
TEST_F(Convert, a_folder_gives_the_logits_of_its_golden_run) {
  for (const auto& entry : fs::directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "tests/golden/models")) {
    if (!entry.is_directory()) continue;
    const auto done = converted(entry.path().string(), {.type = DType::f32, .vocabulary = Vocabulary::none});
    ASSERT_TRUE(done) << to_string(done.error());
    const Checkpoint checkpoint = opened(path("out.gguf"));
    const auto weights = model::bind(checkpoint.config(), [&](auto name) { return checkpoint.tensor(name); });
    ASSERT_TRUE(weights) << to_string(weights.error());
    const Json golden = golden_json(entry.path() / "logits.json");
    const auto tokens = golden["tokens"].get<std::vector<std::int32_t>>();
    const auto positions = golden["positions"].get<std::vector<std::uint32_t>>();
    const auto logits = model::reference_logits(*weights, tokens, positions);
    ASSERT_TRUE(logits) << to_string(logits.error());
    double largest = 0;
    std::size_t i = 0;
    for (const Json& row : golden["logits"]) {
      for (const Json& value : row) largest = std::max(largest, std::abs((*logits)[i++] - value.get<double>()));
    }
    EXPECT_LT(largest, 1e-4) << entry.path();  // transformers computed in f32; GGUF holds theta and eps as f32
  }
}

TEST_F(Convert, errors_of_every_type_are_those_of_its_steps) {
  using enum DType;
  const Checkpoint exact = opened(source(f32));
  // Of normal values, step / sqrt(12) over the deviation: 32 values span about 4.1 deviations.
  for (const auto& [type, most] : {std::pair(f16, 4e-4), std::pair(bf16, 3e-3), std::pair(q8_0, 0.0065),
                                   std::pair(q6_k, 0.022), std::pair(q4_k, 0.08), std::pair(q4_0, 0.1),
                                   std::pair(q4_1, 0.085), std::pair(iq4_xs, 0.085), std::pair(q2_k, 0.35)}) {
    const auto done = converted(path("source.gguf"), {.type = type});
    ASSERT_TRUE(done) << to_string(done.error());
    EXPECT_THAT(done->notes, ::testing::IsEmpty());
    const Checkpoint rounded = opened(path("out.gguf"));
    for (const char* name : {"blk.0.attn_k.weight", "blk.1.ffn_down.weight"}) {
      ASSERT_EQ(rounded.tensor(name)->dtype, type);
      const double error = relative_error(*exact.tensor(name), *rounded.tensor(name));
      EXPECT_LT(error, most) << assay::name(type);
      EXPECT_GT(error, most / 5) << assay::name(type);
    }
    EXPECT_EQ(rounded.tensor("blk.0.attn_norm.weight")->dtype, f32);
    EXPECT_EQ(relative_error(*exact.tensor("output_norm.weight"), *rounded.tensor("output_norm.weight")), 0);
  }
}

TEST_F(Convert, tensors_of_the_wanted_type_keep_their_bytes_and_metadata_is_carried) {
  const std::string from = source(DType::q4_k);
  ASSERT_TRUE(converted(from, {.type = DType::q4_k}));
  const Checkpoint before = opened(from);
  const Checkpoint after = opened(path("out.gguf"));
  for (const CheckpointTensor& tensor : before.tensors()) {
    const TensorView* kept = after.tensor(tensor.name);
    ASSERT_NE(kept, nullptr);
    ASSERT_EQ(kept->dtype, tensor.view.dtype);
    EXPECT_TRUE(std::ranges::equal(kept->data, tensor.view.data)) << tensor.name;
  }
  EXPECT_EQ(*find_chat_template(after), *find_chat_template(before));
  EXPECT_EQ(load_tokenizer(after)->encode(" the people").value(),
            load_tokenizer(before)->encode(" the people").value());
}

TEST_F(Convert, quantizing_what_was_quantized_is_said) {
  const auto done = converted(source(DType::q4_0, HeadType::same), {.type = DType::q8_0});
  ASSERT_TRUE(done);
  EXPECT_THAT(done->notes, ::testing::ElementsAre(HasSubstr("tensors were q4_0 before")));
}

TEST_F(Convert, the_model_itself_is_no_place_for_the_result) {
  const std::string from = source(DType::q8_0);
  device::ThreadPool pool(1);
  const auto done = convert(opened(from), {.type = DType::q4_0}, from, pool);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().detail, HasSubstr("is a file of the model to convert"));
  opened(from);
}

TEST_F(Convert, a_folders_tokenizer_and_template_come_along) {
  const Json tokenizer = golden_json(fs::path(ASSAY_SOURCE_DIR) / "tools/train_model/tokenizer.json");
  const auto before = Tokenizer::from_json(tokenizer.dump());
  ASSERT_TRUE(before) << to_string(before.error());
  const std::string from = folder_with(tokenizer, before->size() + 7);
  const auto done = converted(from, {.type = DType::f16});
  ASSERT_TRUE(done) << to_string(done.error());
  const Checkpoint checkpoint = opened(path("out.gguf"));
  EXPECT_EQ(**find_chat_template(checkpoint), "{{ messages[0].content }}");
  const auto after = load_tokenizer(checkpoint);
  ASSERT_TRUE(after) << to_string(after.error());
  EXPECT_EQ(after->size(), before->size());
  EXPECT_EQ(checkpoint.gguf()->get<std::vector<std::string_view>>("tokenizer.ggml.tokens")->size(), before->size() + 7);
  for (const char* text : {"A fox and a river.\n\n", "<|im_start|>user\nHi<|im_end|>", "Žluťoučký 12345 kůň"}) {
    const EncodeOptions options{.parse = ParseSpecial::as_tokens};
    EXPECT_EQ(after->encode(text, options).value(), before->encode(text, options).value()) << text;
  }
}

// Flags, Unicode normalization and ends: the file says all of them, for this program and, as far as it can, for others.
TEST_F(Convert, what_gguf_has_no_keys_for_is_kept_and_told) {
  Json tokenizer = golden_json(fs::path(ASSAY_SOURCE_DIR) / "tools/train_model/tokenizer.json");
  tokenizer["normalizer"] = {{"type", "NFC"}};
  for (Json& token : tokenizer["added_tokens"]) {
    if (token["content"] == "<|im_start|>") token["lstrip"] = true;
  }
  const auto size = Tokenizer::from_json(tokenizer.dump())->size();
  const fs::path from = folder_with(tokenizer, size + 7);
  const Json more = {{"eos_token", "<|im_end|>"},
                     {"added_tokens_decoder",
                      {{std::to_string(size), {{"content", "<tool>"}, {"single_word", true}, {"rstrip", true}}}}}};
  spill(from / "tokenizer_config.json", more.dump());
  spill(from / "generation_config.json", R"({"eos_token_id": [5, 6, 7, 8]})");
  const auto done = converted(from.string(), {.type = DType::f16});
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_THAT(done->notes, ::testing::Contains(HasSubstr("normalization (NFC) is kept in tokenizer.assay.rest")));
  EXPECT_THAT(done->notes, ::testing::Contains(HasSubstr("\"<|im_start|>\": lstrip is kept")));
  EXPECT_THAT(done->notes, ::testing::Contains(HasSubstr("\"<tool>\": rstrip, single_word is kept")));
  const auto before = load_tokenizer(opened(from.string()));
  const Checkpoint checkpoint = opened(path("out.gguf"));
  const auto after = load_tokenizer(checkpoint);
  ASSERT_TRUE(before && after) << to_string(after.error());
  const EncodeOptions options{.parse = ParseSpecial::as_tokens};
  for (const char* text : {"e\xCC\x81 <tool>  x", "a  <|im_start|> b", "x<tool>y <tool> y"})
    EXPECT_EQ(after->encode(text, options).value(), before->encode(text, options).value()) << text;
  EXPECT_TRUE(std::ranges::equal(before->end_tokens(), after->end_tokens()));
  for (const Token end : {5, 6, 7, 8}) EXPECT_TRUE(after->ends_generation(end)) << end;
  EXPECT_TRUE(checkpoint.gguf()->find("tokenizer.ggml.eot_token_id"));
  // And from file to file.
  device::ThreadPool pool(1);
  ASSERT_TRUE(convert(checkpoint, {.type = DType::q8_0}, path("again.gguf"), pool));
  const auto again = load_tokenizer(opened(path("again.gguf")));
  ASSERT_TRUE(again);
  EXPECT_TRUE(std::ranges::equal(before->end_tokens(), again->end_tokens()));
}

TEST_F(Convert, a_source_with_a_value_that_is_no_number_is_refused_with_its_place) {
  const Json tokenizer = golden_json(fs::path(ASSAY_SOURCE_DIR) / "tools/train_model/tokenizer.json");
  const fs::path from = folder_with(tokenizer, Tokenizer::from_json(tokenizer.dump())->size());
  std::string bytes = slurp(from / "model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  bytes.replace(8 + header + 4, 4, std::string("\x00\x00\xC0\x7F", 4));  // the second element of the first tensor
  spill(from / "model.safetensors", bytes);
  for (const DType type : {DType::f32, DType::f16, DType::q8_0}) {
    const auto done = converted(from.string(), {.type = type});
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().detail, HasSubstr("row 0, column 1 is not a number in the source"));
    EXPECT_FALSE(fs::exists(path("out.gguf")));
  }
}

TEST_F(Convert, named_chat_templates_come_along) {
  const Json tokenizer = golden_json(fs::path(ASSAY_SOURCE_DIR) / "tools/train_model/tokenizer.json");
  const fs::path from = folder_with(tokenizer, Tokenizer::from_json(tokenizer.dump())->size());
  spill(from / "tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "A"}, {"name": "tool_use", "template": "B"}]})");
  ASSERT_TRUE(converted(from.string(), {.type = DType::f16}));
  using Templates = std::map<std::string, std::string>;
  EXPECT_EQ(find_chat_templates(opened(path("out.gguf"))).value(), (Templates{{"default", "A"}, {"tool_use", "B"}}));
  spill(from / "tokenizer_config.json", R"({"chat_template": null})");
  EXPECT_EQ(find_chat_template(opened(from.string())).value(), std::nullopt);
  spill(from / "chat_template.json", R"({"chat_template": "C"})");
  EXPECT_EQ(find_chat_template(opened(from.string())).value(), "C");
  spill(from / "chat_template.jinja", "D");
  EXPECT_EQ(find_chat_template(opened(from.string())).value(), "D");
  fs::remove(from / "chat_template.jinja");
  spill(from / "tokenizer_config.json", R"({"chat_template": {"tool_use": "B", "rag": "E"}})");
  EXPECT_THAT(find_chat_template(opened(from.string())).error().detail,
              HasSubstr("chat templates rag, tool_use, expected one named default"));
  spill(from / "tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_THAT(find_chat_template(opened(from.string())).error().detail,
              HasSubstr("tokenizer_config.json: chat_template"));
}

// Three letters, a space mark and all bytes; "ab" and its form with a space in front are merged.
Json sentence_piece_json() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    vocab[text] = byte + 3;
  }
  for (const char* text : {"ab",
                           "\xE2\x96\x81"
                           "ab",
                           "\xE2\x96\x81", "a", "b"})
    vocab[text] = vocab.size();
  const auto added = [](int id, const char* text) {
    return Json{{"id", id},        {"content", text}, {"special", true},     {"normalized", false},
                {"lstrip", false}, {"rstrip", false}, {"single_word", false}};
  };
  return {{"added_tokens", {added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")}},
          {"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}},
              {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}}}}}},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", nullptr},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocab},
            {"merges", {"a b", "\xE2\x96\x81 ab"}}}}};
}

TEST_F(Convert, sentence_piece_models_keep_their_splits_by_scores) {
  const auto done = converted(folder_with(sentence_piece_json(), 270), {.type = DType::f16});
  ASSERT_TRUE(done) << to_string(done.error());
  const Checkpoint checkpoint = opened(path("out.gguf"));
  EXPECT_EQ(checkpoint.gguf()->get<std::string_view>("tokenizer.ggml.model").value(), "llama");
  const auto before = Tokenizer::from_json(sentence_piece_json().dump());
  const auto after = load_tokenizer(checkpoint);
  ASSERT_TRUE(after) << to_string(after.error());
  for (const char* text : {"ab abab", "a b", "x ab\n"})
    EXPECT_EQ(after->encode(text).value(), before->encode(text).value()) << text;
}

TEST_F(Convert, tokenizers_without_a_word_in_gguf_are_refused_by_name) {
  Json tokenizer = golden_json(fs::path(ASSAY_SOURCE_DIR) / "tools/train_model/tokenizer.json");
  const auto refusal = [&](const std::function<void(Json&)>& edit) {
    Json edited = tokenizer;
    edit(edited);
    const auto done = converted(folder_with(edited, 20'000), {.type = DType::f16});
    EXPECT_FALSE(fs::exists(path("out.gguf")));
    return done ? "no refusal" : done.error().detail;
  };
  EXPECT_THAT(refusal([](Json& json) { json["normalizer"] = {{"type", "Lowercase"}}; }),
              HasSubstr("normalizer \"Lowercase\" cannot be said in GGUF"));
  EXPECT_THAT(
      refusal([](Json& json) {
        json["pre_tokenizer"] = {
            {"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"}, {"pattern", {{"Regex", "[a-f]+"}}}, {"behavior", "Isolated"}, {"invert", false}},
              {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
      }),
      HasSubstr("a pre-tokenizer of 1 expressions, the first \"[a-f]+\""));
  EXPECT_THAT(refusal([](Json& json) {
                json["model"] = {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}, {"unk_token", "a"}};
                json["added_tokens"] = Json::array();
                json["post_processor"] = nullptr;
              }),
              HasSubstr("model \"WordLevel\""));
}

TEST_F(Convert, a_folder_without_a_tokenizer_is_refused_unless_none_is_wanted) {
  const std::string from = folder_with(Json::object(), 300);
  fs::remove(fs::path(from) / "tokenizer.json");
  const auto refused = converted(from, {.type = DType::f16});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("tokenizer.json: expected beside config.json"));
  EXPECT_TRUE(converted(from, {.type = DType::f16, .vocabulary = Vocabulary::none}));
}

// ASSAY_LLAMA_BIN: the folder of a llama.cpp build.
TEST_F(Convert, q8_0_q4_0_and_q4_1_are_bit_equal_to_llama_quantize) {
  const char* folder = std::getenv("ASSAY_LLAMA_BIN");
  const fs::path binary = fs::path(folder == nullptr ? "" : folder) / "llama-quantize";
  if (folder == nullptr || !fs::exists(binary)) GTEST_SKIP() << "no llama-quantize: set ASSAY_LLAMA_BIN";
  const std::string from = source(DType::f16);
  for (const auto& [type, theirs] :
       {std::pair(DType::q8_0, "Q8_0"), std::pair(DType::q4_0, "Q4_0"), std::pair(DType::q4_1, "Q4_1")}) {
    const std::string command =
        binary.string() + " " + from + " " + path("theirs.gguf") + " " + theirs + " 1 >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    ASSERT_TRUE(converted(from, {.type = type}));
    const Checkpoint ours = opened(path("out.gguf"));
    const Checkpoint other = opened(path("theirs.gguf"));
    ASSERT_EQ(ours.tensors().size(), other.tensors().size());
    for (const CheckpointTensor& tensor : other.tensors()) {
      const TensorView& mine = *ours.tensor(tensor.name);
      ASSERT_EQ(mine.dtype, tensor.view.dtype) << tensor.name;
      if (mine.dtype == DType::q6_k) continue;  // a search, where theirs and ours may choose differently
      EXPECT_TRUE(std::ranges::equal(mine.data, tensor.view.data)) << theirs << " " << tensor.name;
    }
  }
}

}  // namespace
}  // namespace assay::artifact
