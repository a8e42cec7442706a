#include "measure/artifact.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/mapped_file.h"
#include "base/sha256.h"

namespace assay::measure {

Result<std::string> hash_files(std::span<const std::string> files, const HashProgress& progress) {
  constexpr std::size_t piece = std::size_t{8} << 20;
  Sha256 hash;
  std::uint64_t done = 0;
  for (const std::string& path : files) {
    auto file = MappedFile::open(path);
    if (!file) return std::unexpected(std::move(file.error()));
    std::span<const std::byte> rest = file->bytes();
    while (!rest.empty()) {
      const auto next = rest.first(std::min(piece, rest.size()));
      hash.add(next);
      rest = rest.subspan(next.size());
      done += next.size();
      if (progress && !progress(done)) return fail(Errc::cancelled, path + ": hashing stopped");
    }
  }
  return hash.hex();
}

std::string main_quant(const Checkpoint& checkpoint) {
  std::map<DType, std::uint64_t> bytes;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) bytes[tensor.view.dtype] += tensor.view.bytes();
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? std::string() : std::string(name(most->first));
}

Result<Artifact> describe_artifact(const std::string& path, const Checkpoint& checkpoint, const model::Weights& weights,
                                   const HashProgress& progress) {
  auto hash = hash_files(checkpoint.files(), progress);
  if (!hash) return std::unexpected(std::move(hash.error()));
  return Artifact{.path = path,
                  .sha256 = std::move(*hash),
                  .quant = main_quant(checkpoint),
                  .bytes = checkpoint.file_bytes(),
                  .bytes_per_token = weights.bytes_per_token()};
}

}  // namespace assay::measure
