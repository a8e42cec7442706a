// On what and in which types libmlx computes for one loaded model.
#pragma once

#include <mlx/array.h>
#include <mlx/device.h>
#include <mlx/dtype.h>
#include <mlx/stream.h>

#include <cstdint>
#include <string>
#include <vector>

#include "adapter/worker/load_settings.h"
#include "base/error.h"
#include "model/weights.h"

namespace assay::adapter::mlx {

namespace mx = ::mlx::core;

struct Compute {
  mx::Device device = mx::Device::cpu;
  mx::Dtype activations = mx::float32;  // of the residual stream and of every matrix's input
  mx::Dtype kv = mx::float16;           // of the cache
  // RoPE and attention by libmlx's own kernels, as on a GPU. Else they are composed of products and sums, and matrices and
  // keys are laid out for the BLAS of a CPU build, which reads along rows several times faster than along columns.
  bool fused = false;
  // CPU only: a stream is one thread of libmlx; large matrices are split over them by rows. streams[0] is the default
  // one that everything else runs on.
  std::vector<mx::Stream> streams;
  bool cpu() const { return device == mx::Device::cpu; }
};

// Errc::unsupported: this libmlx has no such device, or a setting that it cannot honour, by name; Errc::bad_value: a
// setting out of range. Not fused on the CPU. On the CPU activations are f32 (libmlx's f16 is several times slower there); on a GPU they have
// the type that most weights were stored with: bf16, f32, else f16.
Result<Compute> choose_compute(const LoadSettings& settings, const model::Weights& weights);

std::string type_name(mx::Dtype dtype);  // "f32", "f16", "bf16"

}  // namespace assay::adapter::mlx
