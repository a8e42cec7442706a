// MLX's C++ library (libmlx) as a backend: our own forward pass over its arrays.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapter/mlx/compute.h"
#include "adapter/worker/load_settings.h"
#include "base/error.h"
#include "engine/backend.h"

namespace assay::adapter::mlx {

std::string libmlx_version();  // "0.32.4"

// Loads a GGUF file or a folder. Integers of q4_0, q4_1, q8_0 and of MLX folders stay as they are; facts().notes names
// the types that changed. A wired limit is never set; libmlx's cache of freed buffers keeps at most
// settings.cache_bytes (0: 256 MiB). No sequence takes memory for positions that it has not reached, in steps of 256.
// Errors: the checkpoint's; choose_compute's; Errc::cancelled; Errc::full: memory is short; Errc::engine_lost: what
// libmlx threw. The thread that made it uses it. An error of libmlx in forward() is Errc::engine_lost, and so is every call after it.
Result<std::unique_ptr<Backend>> make_mlx_backend(const LoadSettings& settings, const LoadProgress& progress);

// The same, computed as `adjust` leaves what choose_compute chose; for tests of what another device would do.
Result<std::unique_ptr<Backend>> make_adjusted_mlx_backend(const LoadSettings& settings, const LoadProgress& progress,
                                                           const std::function<void(Compute&)>& adjust);

}  // namespace assay::adapter::mlx
