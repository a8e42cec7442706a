#include "artifact/hash.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/mapped_file.h"
#include "base/sha256.h"

namespace assay::artifact {

namespace {

// each: null where nobody asks.
Result<std::string> hash_all(std::span<const std::string> files, const ByteProgress& progress,
                             std::vector<std::string>* each) {
  constexpr std::size_t piece = std::size_t{8} << 20;
  Sha256 all;
  std::uint64_t done = 0;
  const CutFileGuard guard;
  for (const std::string& path : files) {
    auto file = MappedFile::open(path);
    if (!file) return std::unexpected(std::move(file.error()));
    Sha256 one;
    std::span<const std::byte> rest = file->bytes();
    while (!rest.empty()) {
      const auto next = rest.first(std::min(piece, rest.size()));
      all.add(next);
      if (each != nullptr) one.add(next);
      rest = rest.subspan(next.size());
      done += next.size();
      if (progress && !progress(done)) return fail(Errc::cancelled, path + ": hashing stopped");
    }
    ASSAY_TRY(guard.check());
    if (each != nullptr) each->push_back(one.hex());
  }
  return all.hex();
}

}  // namespace

Result<std::string> hash_files(std::span<const std::string> files, const ByteProgress& progress) {
  return hash_all(files, progress, nullptr);
}

Result<FileHashes> hash_each(std::span<const std::string> files, const ByteProgress& progress) {
  FileHashes out;
  const bool one = files.size() == 1;
  auto all = hash_all(files, progress, one ? nullptr : &out.each);
  if (!all) return std::unexpected(std::move(all.error()));
  out.all = std::move(*all);
  if (one) out.each.push_back(out.all);
  return out;
}

std::string main_quant(const Checkpoint& checkpoint) {
  std::map<DType, std::uint64_t> bytes;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) bytes[tensor.view.dtype] += tensor.view.bytes();
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? std::string() : std::string(name(most->first));
}

}  // namespace assay::artifact
