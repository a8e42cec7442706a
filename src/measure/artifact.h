// One set of weights as records name it: path, SHA-256, quantization and the bytes that a token reads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "measure/matrix.h"
#include "model/weights.h"

namespace assay::measure {

// bytes hashed so far; false stops with Errc::cancelled.
using HashProgress = std::function<bool(std::uint64_t bytes)>;

// SHA-256 of a file: what sha256sum prints for it. Of several files (split GGUF, folder): of their bytes one behind the
// other, in the order given. Errc::io, not_found with the path.
Result<std::string> hash_files(std::span<const std::string> files, const HashProgress& progress = {});

// The type that holds most bytes of the matrices: "q4_0"; the embedding counts once.
std::string main_quant(const Checkpoint& checkpoint);

Result<Artifact> describe_artifact(const std::string& path, const Checkpoint& checkpoint, const model::Weights& weights,
                                   const HashProgress& progress = {});

}  // namespace assay::measure
