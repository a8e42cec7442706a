// What a worker is told to load: every setting that moves speed, explicit, so that a record of them repeats the run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "engine/backend.h"

namespace assay::adapter {

struct LoadSettings {
  std::string model;              // path of a GGUF file (the first of a split one) or an MLX folder
  std::string device = "cpu";     // "cpu", "cuda", "metal"
  std::uint32_t context = 4096;   // positions that one sequence may reach
  std::uint32_t sequences = 1;    // ids 0..sequences-1
  std::uint32_t batch = 512;      // most slots in one forward
  std::uint32_t ubatch = 512;     // most tokens that the engine computes at once; at most batch
  std::uint32_t threads = 0;      // on the CPU; never 0 when it reaches a worker
  std::string kv = "f16";         // type of keys and values: "f32", "f16", "bf16", "q8_0"
  bool flash_attention = true;    // q8_0 values want it in llama.cpp
  bool map_file = true;           // mmap the weights, where the engine can
  bool lock_memory = false;       // mlock them
  std::uint64_t cache_bytes = 0;  // most bytes that an allocator may keep for reuse (MLX); 0: the worker's default

  bool operator==(const LoadSettings&) const = default;
};

Json to_json(const LoadSettings& settings);

// Errc::bad_value names the key: unknown, missing, of another type, out of range (met, expected).
Result<LoadSettings> load_settings_from_json(const Json& json);

// share of the work, 0..1; false stops with Errc::cancelled.
using LoadProgress = std::function<bool(double share)>;

// A worker program's engine: loads the model of `settings` and becomes a Backend. Errors are said to the other side.
using MakeBackend =
    std::function<Result<std::unique_ptr<Backend>>(const LoadSettings& settings, const LoadProgress& progress)>;

}  // namespace assay::adapter
