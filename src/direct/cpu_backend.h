// The direct engine on the CPU: a Backend over our own kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/stop.h"
#include "direct/cpu_stages.h"
#include "engine/backend.h"
#include "kernel/attention/kv_layout.h"
#include "kernel/isa.h"
#include "model/weights.h"

namespace assay::direct {

struct CpuOptions {
  std::uint32_t context = 4096;  // positions that one sequence may reach; memory for KV is taken as it is used
  std::uint32_t sequences = 1;   // sequences that may live at once
  std::uint32_t batch = 512;     // most slots in one forward pass; longer prompts are computed in chunks
  std::uint32_t threads = 0;     // 0: one for each core that this process may use
  kernel::KvType kv = kernel::KvType::f16;
  std::uint64_t kv_positions = 0;  // positions that all sequences share; 0: context * sequences
  kernel::Isa isa = kernel::best_isa();
  // Looked at while the model is loaded and within a forward pass, which then gives Errc::cancelled and has changed nothing; null: never. Outlives the
  // backend.
  const Stop* stop = nullptr;
  std::map<model::Op, CpuOp> added{};  // operations of weights.steps beyond those that are known, see cpu_stages.h
};

// Called with bytes of the file read so far; returning false stops with Errc::cancelled.
using LoadProgress = std::function<bool(std::uint64_t bytes)>;

// Repacks the weights into memory of its own: what `weights` views may go when this returns. Errc::bad_value names an option: met, expected. Errc::full: memory is short, naming the tensor.
Result<std::unique_ptr<Backend>> make_cpu_backend(const model::Weights& weights, const CpuOptions& options,
                                                  const LoadProgress& progress = {});

}  // namespace assay::direct
