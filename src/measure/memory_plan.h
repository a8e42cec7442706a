// What a model will take, before anything is loaded: pure functions of its numbers. Bytes as an engine would account for
// them; what allocators and libraries add is not in it.
#pragma once

#include <cstdint>
#include <string_view>

#include "checkpoint/model_config.h"
#include "engine/backend.h"

namespace assay::measure {

// How an engine holds keys and values.
struct KvPlan {
  std::string_view type;       // "f32", "f16", "bf16", "q8_0", "q4_0"
  std::uint32_t step = 1;      // positions by which a sequence grows
  bool whole_context = false;  // all positions of all sequences from the beginning on
  std::uint32_t context = 0;   // of one sequence
  std::uint32_t sequences = 1;
};

// Bytes of one element of keys and values; 0: a type that is not known. q8_0: 34 bytes for 32 elements.
double kv_element_bytes(std::string_view type);

// Bytes of keys and values of one position, all layers; 0 where the type is not known.
std::uint64_t kv_position_bytes(const ModelConfig& config, std::string_view type);

// Bytes of keys and values that decoding one token behind `depth` positions reads: all of them, but of layers with a
// sliding window at most the window's. 0 where the type is not known.
std::uint64_t kv_read_bytes(const ModelConfig& config, std::string_view type, double depth);

// weights: bytes as the engine keeps them. `requests` at once, of `positions` each (prompt and output); batch: the most
// tokens of one forward pass. Scratch is the activations of one pass in f32 and the rows of logits.
MemoryUse plan_memory(const ModelConfig& config, std::uint64_t weights, const KvPlan& kv, std::uint32_t batch,
                      std::uint32_t positions, std::uint32_t requests);

}  // namespace assay::measure
