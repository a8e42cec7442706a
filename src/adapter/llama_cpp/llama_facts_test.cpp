#include "adapter/llama_cpp/llama_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "adapter/llama_cpp/llama_log.h"

namespace assay::adapter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Keys = std::map<std::string, std::string>;

std::vector<std::string> notes(const Keys& keys, std::uint32_t context = 4096, std::uint32_t window_applied = 0) {
  const GgufScalar scalar = [&](const std::string& key) -> std::optional<std::string> {
    const auto found = keys.find(key);
    if (found == keys.end()) return std::nullopt;
    return found->second;
  };
  return ignored_keys(scalar, context, window_applied);
}

TEST(LlamaFacts, a_window_that_llama_cpp_does_not_apply_is_noted) {
  const Keys keys{{"general.architecture", "llama"}, {"llama.attention.sliding_window", "16"}};
  EXPECT_THAT(notes(keys), ElementsAre("llama.cpp ignores llama.attention.sliding_window = 16"));
  EXPECT_THAT(notes(keys, 4096, 16), IsEmpty()) << "a version that applies it";
  EXPECT_THAT(notes(keys, 16), IsEmpty()) << "no sequence is longer than the window";
}

TEST(LlamaFacts, yarn_keys_are_noted_where_they_differ_from_what_llama_cpp_takes) {
  Keys keys{{"general.architecture", "qwen2"},
            {"qwen2.rope.scaling.type", "yarn"},
            {"qwen2.rope.scaling.yarn_beta_fast", "32.000000"},
            {"qwen2.rope.scaling.yarn_beta_slow", "2.000000"},
            {"qwen2.rope.scaling.yarn_attn_factor", "1.100000"}};
  EXPECT_THAT(notes(keys), ElementsAre("llama.cpp ignores qwen2.rope.scaling.yarn_attn_factor = 1.100000",
                                       "llama.cpp ignores qwen2.rope.scaling.yarn_beta_slow = 2.000000"));
  keys["qwen2.rope.scaling.yarn_ext_factor"] = "-1.000000";
  EXPECT_THAT(notes(keys), ElementsAre(HasSubstr("yarn_beta_slow"))) << "saved by llama.cpp: attn_factor is not set";
  keys["qwen2.rope.scaling.type"] = "linear";
  EXPECT_THAT(notes(keys), IsEmpty());
}

TEST(LlamaFacts, mistral3_reads_its_own_yarn_keys) {
  EXPECT_THAT(notes({{"general.architecture", "mistral3"},
                     {"mistral3.rope.scaling.type", "yarn"},
                     {"mistral3.rope.scaling.yarn_beta_slow", "4"}}),
              IsEmpty());
}

TEST(LlamaFacts, an_attention_scale_of_its_own_is_noted) {
  Keys keys{
      {"general.architecture", "qwen3"}, {"qwen3.attention.key_length", "64"}, {"qwen3.attention.scale", "0.125"}};
  EXPECT_THAT(notes(keys), IsEmpty());
  keys["qwen3.attention.scale"] = "0.25";
  EXPECT_THAT(notes(keys), ElementsAre("llama.cpp ignores qwen3.attention.scale = 0.25"));
}

TEST(LlamaFacts, activations_are_the_coarsest_that_a_matrix_meets) {
  const MatrixType q4_0{"q4_0", 32, true};
  const MatrixType q4_k{"q4_K", 256, true};
  const MatrixType f16{"f16", 1, false};
  const MatrixType f32{"f32", 1, false};
  const auto on = [](std::vector<MatrixType> types, std::string_view device) { return activations_of(types, device); };
  EXPECT_EQ(on({q4_0, f32}, "cpu"), "q8_0");
  EXPECT_EQ(on({q4_0, q4_k}, "cpu"), "q8_k");
  EXPECT_EQ(on({q4_k}, "cuda"), "q8_0");
  EXPECT_EQ(on({q4_k}, "metal"), "f16");
  EXPECT_EQ(on({f16}, "cpu"), "f16");
  EXPECT_EQ(on({{"bf16", 1, false}, f16}, "cpu"), "bf16");
  EXPECT_EQ(on({f32}, "cpu"), "f32");
}

TEST(LlamaFacts, a_status_of_llama_decode_becomes_the_contracts_error) {
  EXPECT_EQ(decode_error(1, 3, "").code, Errc::full);
  EXPECT_EQ(decode_error(-1, 3, "").code, Errc::bad_value);
  EXPECT_EQ(decode_error(-3, 3, "").code, Errc::engine_lost);
  EXPECT_THAT(decode_error(-2, 3, "could not reserve").detail, HasSubstr("status -2: could not reserve"));
}

TEST(LlamaFacts, a_failed_load_says_what_llama_cpp_said) {
  EXPECT_EQ(load_error("a.gguf", "error loading model: unknown model architecture: 'x'").code, Errc::unsupported);
  EXPECT_EQ(load_error("a.gguf", "unable to allocate CPU buffer").code, Errc::full);
  EXPECT_EQ(load_error("a.gguf", "failed to initialize the context: std::bad_alloc").code, Errc::full);
  EXPECT_EQ(load_error("a.gguf", "invalid magic").code, Errc::bad_value);
  EXPECT_THAT(load_error("a.gguf", "").detail, HasSubstr("without a word"));
}

TEST(LlamaLog, last_words_are_the_errors_without_function_names) {
  LlamaLog log;
  log.add(LlamaLog::Level::info, "llama_model_load: loading\n");
  log.add(LlamaLog::Level::error, "gguf_init: invalid magic characters: '\x89PNG'\n");
  log.add(LlamaLog::Level::error, "llama_model_load: error loading model: ");
  log.add_same("no such thing\n");
  log.add(LlamaLog::Level::error, "llama_model_load_from_file_impl: failed to load model\n");
  EXPECT_EQ(log.last_words(), "invalid magic characters: '?PNG'; error loading model: no such thing");
  log.clear();
  EXPECT_EQ(log.last_words(), "");
}

TEST(LlamaLog, buffers_are_added_up_by_kind) {
  LlamaLog log;
  log.add(LlamaLog::Level::info, "load_tensors:   CPU_Mapped model buffer size =     2.00 MiB\n");
  log.add(LlamaLog::Level::info, "load_tensors:   CPU_REPACK model buffer size =     1.50 MiB\n");
  log.add(LlamaLog::Level::info, "llama_kv_cache:        CPU KV buffer size =     4.00 MiB\n");
  log.add(LlamaLog::Level::info, "llama_context:        CPU  output buffer size =     0.50 MiB\n");
  log.add(LlamaLog::Level::info, "sched_reserve:        CPU compute buffer size =     8.00 MiB\n");
  log.add(LlamaLog::Level::info, "x: CPU compute buffer size = nan MiB\n");
  EXPECT_EQ(log.buffers().weights, 3'670'016U);
  EXPECT_EQ(log.buffers().kv, 4'194'304U);
  EXPECT_EQ(log.buffers().scratch, 8'912'896U);
}

TEST(LlamaLog, a_flood_is_bounded) {
  LlamaLog log;
  for (int i = 0; i < 1000; ++i) {
    log.add(LlamaLog::Level::error, "f: " + std::string(10'000, 'x') + std::to_string(i) + "\n");
    log.add(LlamaLog::Level::warning, "f: w" + std::to_string(i) + "\n");
  }
  EXPECT_LT(log.last_words().size(), 4000U);
  EXPECT_LE(log.warnings().size(), 16U);
}

}  // namespace
}  // namespace assay::adapter
