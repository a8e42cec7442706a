// MetalRT's C ABI, number 2, as its loader in RCLI uses it (docs/metalrt.md). Results are passed by value.
#pragma once

#include <cstdint>

namespace assay::adapter::metalrt {

inline constexpr std::uint32_t abi_number = 2;

extern "C" {

struct MetalrtResult {
  const char* text;
  const char* thinking;
  const char* response;
  int prompt_tokens;
  int generated_tokens;
  double prefill_ms;
  double decode_ms;
  double tps;
};

struct MetalrtOptions {
  int max_tokens;
  int top_k;
  float temperature;
  bool think;
  bool reset_cache;
  bool ignore_eos;
};

// A piece of the answer; false cancels.
using MetalrtCallback = bool (*)(const char* piece, void* user);

using MetalrtAbiVersion = std::uint32_t (*)();
using MetalrtCreate = void* (*)();
using MetalrtDestroy = void (*)(void*);
using MetalrtLoad = bool (*)(void*, const char* model_folder);
using MetalrtGenerate = MetalrtResult (*)(void*, const char* prompt, const MetalrtOptions*);
using MetalrtGenerateStream = MetalrtResult (*)(void*, const char* prompt, MetalrtCallback, void* user,
                                                const MetalrtOptions*);
using MetalrtFreeResult = void (*)(MetalrtResult);
using MetalrtCountTokens = int (*)(void*, const char* text);
using MetalrtContextSize = int (*)(void*);
using MetalrtName = const char* (*)(void*);
using MetalrtCachePrompt = void (*)(void*, const char* prompt);
using MetalrtClear = void (*)(void*);

}  // extern "C"

}  // namespace assay::adapter::metalrt
