#include "artifact/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "artifact/shapes.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_export.h"
#include "kernel/quant/dequantize.h"
#include "model/reference.h"
#include "model/tiny_model.h"
#include "tokenizer/from_gguf.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

ModelConfig tiny(Architecture architecture) {
  ModelConfig config = model::tiny_config(architecture);
  config.vocab = 320;
  return config;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Synth : public ::testing::Test {
 protected:
  Synth() : folder_(fs::path(::testing::TempDir()) / ("synth_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Synth() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string made(const std::string& name, const SynthOptions& options, std::size_t threads = 2) {
    device::ThreadPool pool(threads);
    const auto done = synthesize(options, path(name), pool);
    EXPECT_TRUE(done) << to_string(done.error());
    return path(name);
  }

  fs::path folder_;
};

TEST_F(Synth, every_type_of_every_architecture_opens_binds_and_decodes) {
  using enum DType;
  for (const Architecture architecture :
       {Architecture::llama, Architecture::mistral, Architecture::qwen2, Architecture::qwen3, Architecture::gemma3}) {
    for (const DType type : {f32, bf16, q8_0, q4_0, q4_k, iq4_xs}) {
      const std::string file = made("m.gguf", {.config = tiny(architecture), .type = type});
      const auto checkpoint = Checkpoint::open(file);
      ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
      EXPECT_EQ(checkpoint->tensor("blk.0.attn_q.weight")->dtype, type);
      const auto weights = model::bind(checkpoint->config(), [&](auto name) { return checkpoint->tensor(name); });
      ASSERT_TRUE(weights) << to_string(weights.error());
      const std::vector<Token> tokens{5, 290};
      const std::vector<std::uint32_t> last{1};
      const auto logits = model::reference_logits(*weights, tokens, last);
      ASSERT_TRUE(logits) << to_string(logits.error());
      double sum = 0;
      for (const double value : *logits) sum += value * value;
      const double rms = std::sqrt(sum / 320);
      EXPECT_GT(rms, 0.2) << name(type);
      EXPECT_LT(rms, 5) << name(type);
    }
  }
}

TEST_F(Synth, the_bytes_depend_on_the_seed_and_not_on_the_threads) {
  SynthOptions options{.config = tiny(Architecture::qwen3), .type = DType::q4_k};
  each_dense(options.config, [](Dense& d) { d.width = 4096; });  // several chunks in a tensor
  const std::string one = slurp(made("one.gguf", options, 1));
  const std::string three = slurp(made("three.gguf", options, 3));
  EXPECT_TRUE(one == three);
  options.seed = 2;
  EXPECT_FALSE(one == slurp(made("other.gguf", options)));
}

TEST_F(Synth, values_are_normal_with_the_deviation_of_their_columns) {
  const std::string file = made("m.gguf", {.config = tiny(Architecture::llama), .type = DType::q6_k});
  const auto checkpoint = Checkpoint::open(file);
  ASSERT_TRUE(checkpoint);
  for (const char* name : {"blk.1.ffn_down.weight", "blk.0.attn_q.weight", "token_embd.weight"}) {
    const TensorView& view = *checkpoint->tensor(name);
    double sum = 0;
    double squares = 0;
    std::vector<float> row(view.columns());
    for (std::uint64_t r = 0; r < view.rows(); ++r) {
      kernel::dequantize_row(view, r, row);
      for (const float value : row) {
        sum += value;
        squares += static_cast<double>(value) * value;
      }
    }
    const double n = static_cast<double>(view.rows() * view.columns());
    const double deviation = 1 / std::sqrt(static_cast<double>(view.columns()));
    EXPECT_NEAR(std::sqrt(squares / n), deviation, 0.02 * deviation) << name;
    EXPECT_NEAR(sum / n, 0, 0.02 * deviation) << name;
  }
}

TEST_F(Synth, the_head_is_better_than_the_rest_unless_it_should_be_the_same) {
  const auto head = [&](DType type, HeadType kind, Architecture architecture, const char* name) {
    const auto opened = Checkpoint::open(made("m.gguf", {.config = tiny(architecture), .type = type, .head = kind}));
    return opened->tensor(name)->dtype;
  };
  EXPECT_EQ(head(DType::q4_0, HeadType::usual, Architecture::llama, "output.weight"), DType::q6_k);
  EXPECT_EQ(head(DType::q4_0, HeadType::usual, Architecture::llama, "token_embd.weight"), DType::q4_0);
  EXPECT_EQ(head(DType::q4_0, HeadType::usual, Architecture::qwen3, "token_embd.weight"), DType::q6_k);
  EXPECT_EQ(head(DType::q4_0, HeadType::same, Architecture::qwen3, "token_embd.weight"), DType::q4_0);
  EXPECT_EQ(head(DType::q8_0, HeadType::usual, Architecture::llama, "output.weight"), DType::q8_0);
  EXPECT_EQ(head(DType::f16, HeadType::usual, Architecture::llama, "output.weight"), DType::f16);
}

TEST_F(Synth, rows_that_are_no_whole_blocks_get_another_type_and_a_note) {
  SynthOptions options{.config = tiny(Architecture::llama), .type = DType::q4_k};
  each_dense(options.config, [](Dense& d) { d.width = 96; });
  device::ThreadPool pool(1);
  const auto done = synthesize(options, path("m.gguf"), pool);
  ASSERT_TRUE(done) << to_string(done.error());
  ASSERT_EQ(done->notes.size(), 2U);
  EXPECT_EQ(done->notes[0], "blk.0.ffn_down.weight: 96 columns are no multiple of 256: q5_0 instead of q4_k");
  each_dense(options.config, [](Dense& d) { d.width = 100; });
  EXPECT_EQ(synthesize(options, path("m.gguf"), pool)->notes[0],
            "blk.0.ffn_down.weight: 100 columns are no multiple of 256: f16 instead of q4_k");
  EXPECT_TRUE(Checkpoint::open(path("m.gguf")));
}

TEST_F(Synth, the_vocabulary_has_tokens_for_every_text_and_gives_it_back) {
  const auto checkpoint = Checkpoint::open(made("m.gguf", {.config = tiny(Architecture::qwen2), .type = DType::q8_0}));
  ASSERT_TRUE(checkpoint);
  const auto tokenizer = tokenizer_from_gguf(*checkpoint->gguf());
  ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
  EXPECT_EQ(tokenizer->size(), 320U);
  for (const char* text : {"and the of to", "Grüße, 世界! \x01\x7f", ""}) {
    const auto tokens = tokenizer->encode(text);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(*tokenizer->decode(*tokens), text);
  }
  EXPECT_EQ(tokenizer->encode(" the of")->size(), 2U);
  EXPECT_TRUE(tokenizer->ends_generation(*tokenizer->find("<|im_end|>")));
  EXPECT_EQ(tokenizer->encode("<|im_end|>", {.parse = ParseSpecial::as_tokens})->size(), 1U);
}

TEST_F(Synth, a_vocabulary_without_room_for_the_bytes_is_refused) {
  SynthOptions options{.config = tiny(Architecture::llama), .type = DType::q8_0};
  options.config.vocab = 97;
  device::ThreadPool pool(1);
  const auto done = synthesize(options, path("m.gguf"), pool);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().detail, HasSubstr("a vocabulary of 97 tokens, expected at least 260"));
  EXPECT_FALSE(fs::exists(path("m.gguf")));
}

TEST_F(Synth, llama3_scaling_becomes_factors_of_the_frequencies) {
  auto config = shape_by_name("llama-3.2-3b");
  ASSERT_TRUE(config);
  config->layers.resize(1);
  config->hidden = 256;
  each_dense(*config, [](Dense& d) { d.width = 256; });
  each_attention(*config, [](Attention& a) {
    a.heads = 2;
    a.kv_heads = 1;
  });
  config->vocab = 300;
  const auto checkpoint = Checkpoint::open(made("m.gguf", {.config = *config, .type = DType::q8_0}));
  ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
  const TensorView* factors = checkpoint->tensor("rope_freqs.weight");
  ASSERT_NE(factors, nullptr);
  std::vector<float> row(64);
  kernel::dequantize_row(*factors, 0, row);
  EXPECT_EQ(row, gguf_rope_factors(*config));
  EXPECT_EQ(row.front(), 1);
  EXPECT_EQ(row.back(), 32);
}

TEST_F(Synth, a_stopped_synthesis_leaves_no_file) {
  device::ThreadPool pool(1);
  const auto done = synthesize({.config = tiny(Architecture::llama), .type = DType::q8_0}, path("m.gguf"), pool,
                               [](std::uint64_t bytes) { return bytes < 100'000; });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::cancelled);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Synth, a_model_larger_than_the_disk_is_refused_with_both_numbers) {
  SynthOptions options{.config = *shape_by_name("llama-3.1-8b"), .type = DType::f32};
  options.config.layers.resize(1000, options.config.layers[0]);
  options.config.hidden = 1 << 16;
  each_dense(options.config, [](Dense& d) { d.width = 1 << 18; });
  options.config.vocab = 1000;
  device::ThreadPool pool(1);
  const auto done = synthesize(options, path("m.gguf"), pool);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::full);
  EXPECT_THAT(done.error().detail, HasSubstr("are free in"));
  EXPECT_THAT(done.error().detail, HasSubstr(path("m.gguf")));
}

TEST(Shapes, known_names_have_the_published_numbers_of_parameters) {
  const auto parameters = [](const char* name) {
    return synth_bytes({.config = *shape_by_name(name), .type = DType::f32}) / 4;
  };
  // Parameters as the models' cards count them; rope_freqs adds 64.
  EXPECT_EQ(parameters("qwen3-0.6b"), 596'049'920U);
  EXPECT_EQ(parameters("qwen3-4b"), 4'022'468'096U);
  EXPECT_EQ(parameters("llama-3.2-3b"), 3'212'749'888U);
  EXPECT_EQ(parameters("llama-3.1-8b"), 8'030'261'312U);
}

TEST(Shapes, an_unknown_name_lists_the_known_ones) {
  const auto shape = shape_by_name("gpt-5");
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().code, Errc::not_found);
  EXPECT_THAT(shape.error().detail, HasSubstr("\"gpt-5\", known are qwen3-0.6b, qwen3-4b, llama-3.2-3b, llama-3.1-8b"));
}

TEST(StoredTypes, a_type_that_cannot_be_written_is_named) {
  EXPECT_TRUE(stored_type_from_name("q4_k"));
  EXPECT_EQ(stored_type_from_name("Q4_K").value(), DType::q4_k);
  EXPECT_EQ(stored_type_from_name("BF16").value(), DType::bf16);
  EXPECT_THAT(stored_type_from_name("Q4_K_M").error().detail, HasSubstr("did you mean q4_k?"));
  EXPECT_THAT(stored_type_from_name("fp16").error().detail, HasSubstr("did you mean f16?"));
  for (const char* text : {"q8_k", "affine4", "nonsense", ""}) {
    const auto type = stored_type_from_name(text);
    ASSERT_FALSE(type) << text;
    EXPECT_THAT(type.error().detail,
                HasSubstr("type \"" + std::string(text) + "\" cannot be written, expected one of f32"));
  }
}

}  // namespace
}  // namespace assay::artifact
