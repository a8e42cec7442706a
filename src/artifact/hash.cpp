#include "artifact/hash.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/mapped_file.h"
#include "base/sha256.h"

namespace assay::artifact {

Result<std::string> hash_files(std::span<const std::string> files, const ByteProgress& progress) {
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

}  // namespace assay::artifact
