// What an artifact is known by: the SHA-256 of its bytes and the type that most of them have.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

namespace assay::artifact {

// Bytes done so far; false stops with Errc::cancelled.
using ByteProgress = std::function<bool(std::uint64_t bytes)>;

// SHA-256 of a file: what sha256sum prints for it. Of several files (split GGUF, folder): of their bytes one behind the
// other, in the order given. Errc::io, not_found with the path.
Result<std::string> hash_files(std::span<const std::string> files, const ByteProgress& progress = {});

struct FileHashes {
  std::string all;                // as hash_files
  std::vector<std::string> each;  // of every file by itself
};
// Both in one pass.
Result<FileHashes> hash_each(std::span<const std::string> files, const ByteProgress& progress = {});

// The type that holds most bytes of the matrices: "q4_0"; the embedding counts once.
std::string main_quant(const Checkpoint& checkpoint);

}  // namespace assay::artifact
