// One set of weights as records name it: path, SHA-256, quantization and the bytes that a token reads.
#pragma once

#include <string>

#include "artifact/hash.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "model/weights.h"
#include "record/record.h"

namespace assay::measure {

// Hashes the files; errors as artifact::hash_files.
Result<Artifact> describe_artifact(const std::string& path, const Checkpoint& checkpoint, const model::Weights& weights,
                                   const artifact::ByteProgress& progress = {});

}  // namespace assay::measure
