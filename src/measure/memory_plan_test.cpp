#include "measure/memory_plan.h"

#include <gtest/gtest.h>

namespace assay::measure {
namespace {

// Qwen3 0.6B: 28 layers, 8 kv heads of 128.
ModelConfig small() {
  ModelConfig config;
  config.hidden = 1024;
  config.ropes = {{.dims = 128}};
  config.layers.assign(28,
                       {.mixer = Attention{.heads = 16, .kv_heads = 8, .head_dim = 128}, .feed = Dense{.width = 3072}});
  config.vocab = 151936;
  return config;
}

TEST(MemoryPlan, a_position_holds_keys_and_values_of_all_layers) {
  EXPECT_EQ(kv_position_bytes(small(), "f16"), 114'688U);
  EXPECT_EQ(kv_position_bytes(small(), "f32"), 229'376U);
  EXPECT_EQ(kv_position_bytes(small(), "q8_0"), 60'928U);
  EXPECT_EQ(kv_position_bytes(small(), "a type of tomorrow"), 0U);
}

TEST(MemoryPlan, a_token_reads_the_positions_before_it_and_no_more_than_a_window) {
  ModelConfig config = small();
  EXPECT_EQ(kv_read_bytes(config, "f16", 544), 544U * 114'688);
  std::vector<bool> slides(28);
  std::fill_n(slides.begin(), 14, true);
  set_windows(config, 256, slides);
  EXPECT_EQ(kv_read_bytes(config, "f16", 544), (544U + 256) * 57'344);
  EXPECT_EQ(kv_read_bytes(config, "f16", 100), 100U * 114'688) << "the window is not full yet";
}

TEST(MemoryPlan, keys_and_values_grow_with_the_request_or_are_taken_whole) {
  const KvPlan pages{.type = "f16", .step = 32};
  EXPECT_EQ(plan_memory(small(), 7, pages, 512, 576, 1).kv, 576U * 114'688);
  EXPECT_EQ(plan_memory(small(), 7, pages, 512, 577, 2).kv, 2 * 608U * 114'688) << "whole pages, each sequence";
  EXPECT_EQ(plan_memory(small(), 7, pages, 512, 576, 1).weights, 7U);
  const KvPlan pool{.type = "f16", .step = 1, .whole_context = true, .context = 2048, .sequences = 2};
  EXPECT_EQ(plan_memory(small(), 7, pool, 512, 576, 1).kv, 2 * 2048U * 114'688);
}

TEST(MemoryPlan, scratch_grows_with_the_batch) {
  const KvPlan pages{.type = "f16", .step = 32};
  const std::uint64_t one = plan_memory(small(), 0, pages, 1, 64, 1).scratch;
  const std::uint64_t many = plan_memory(small(), 0, pages, 512, 64, 1).scratch;
  EXPECT_GT(one, 4U * 151936);
  EXPECT_EQ((many - one) % 511, 0U);
  EXPECT_GT(many, one + 511 * 4 * std::uint64_t{2 * 3072});
}

}  // namespace
}  // namespace assay::measure
