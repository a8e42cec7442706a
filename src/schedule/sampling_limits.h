// Bounds of the sampling settings that are not in the mathematics. docs/sampling.md lists them for users.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::schedule {

constexpr float temperature_max = 100;         // flatter than this is uniform
constexpr float repetition_penalty_max = 100;  // logits reach about 50: more than this bans
constexpr float penalty_max = 100;             // presence and frequency, both signs; the OpenAI API allows 2
constexpr float dry_multiplier_max = 1000;
constexpr float dry_base_max = 100;
constexpr float xtc_threshold_max = 0.5F;  // above it at most one token can reach the threshold
constexpr float mirostat_tau_max = 100;    // bits
constexpr std::uint32_t logprobs_max = 100;
constexpr std::size_t logit_bias_max = 4096;  // entries; a grammar is the tool for more
constexpr std::size_t stop_texts_max = 64;
constexpr std::size_t stop_text_bytes_max = 1024;  // each: the text that may be held back
constexpr std::size_t stop_tokens_max = 256;

}  // namespace assay::schedule
