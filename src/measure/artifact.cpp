#include "measure/artifact.h"

#include <utility>

namespace assay::measure {

Result<Artifact> describe_artifact(const std::string& path, const Checkpoint& checkpoint, const model::Weights& weights,
                                   const artifact::ByteProgress& progress) {
  auto hash = artifact::hash_files(checkpoint.files(), progress);
  if (!hash) return std::unexpected(std::move(hash.error()));
  return Artifact{.path = path,
                  .synthesized = {},
                  .sha256 = std::move(*hash),
                  .quant = artifact::main_quant(checkpoint),
                  .bytes = checkpoint.file_bytes(),
                  .bytes_per_token = weights.bytes_per_token()};
}

}  // namespace assay::measure
