#include "checkpoint/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace assay {
namespace {

using testing::HasSubstr;

std::string vocabulary(const std::string& name) {
  return (std::filesystem::path(ASSAY_SHARED_DIR) / "tokenizers" / ("ggml-vocab-" + name + ".gguf")).string();
}

TEST(Gguf, opens_vocabulary_files_without_tensors) {
  if (!std::filesystem::exists(vocabulary("qwen2"))) GTEST_SKIP() << "no ../shared/tokenizers here";
  for (const std::string name : {"falcon", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2", "starcoder"}) {
    const auto gguf = Gguf::open(vocabulary(name));
    ASSERT_TRUE(gguf) << to_string(gguf.error());
    EXPECT_TRUE(gguf->tensors().empty());
    const auto tokens = gguf->get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
    ASSERT_TRUE(tokens) << to_string(tokens.error());
    EXPECT_GT(tokens->size(), 30'000U);
    const auto types = gguf->get<std::vector<std::int32_t>>("tokenizer.ggml.token_type");
    ASSERT_TRUE(types) << to_string(types.error());
    EXPECT_EQ(types->size(), tokens->size());
  }
}

}  // namespace
}  // namespace assay
