// Are the bytes still those that were imported, and do they make a model?
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifact/store.h"
#include "device/cpu/thread_pool.h"

namespace assay::artifact {

// What is wrong with the weights' values: a tensor with an element that is no finite number, with its row. Reads every
// tensor. Errc::cancelled.
Result<std::vector<std::string>> check_values(const Checkpoint& checkpoint, device::ThreadPool& pool,
                                              const ByteProgress& progress = {});

// How the files differ from the manifest: missing, another size, other bytes. Empty: they are those that were imported.
Result<std::vector<std::string>> check_files(const StoredModel& model, const ByteProgress& progress = {});

// When a file was last written, in nanoseconds since 1970; nullopt: it is not there.
std::optional<std::int64_t> modified_ns(const std::filesystem::path& path);

// Whether the files look as they did when they were imported: size and time of the last writing, so that it costs nothing
// before every run. Errc::bad_value names the model, the file, and what to do; Errc::not_found: a file is gone.
Result<void> check_unchanged(const StoredModel& model);

// Files of one content that lie on the disk more than once; links to one file count once. Symbolic links and empty files
// are left out, files that cannot be read are an error. Only files that share their size are read.
struct Duplicate {
  std::string sha256;
  std::uint64_t bytes = 0;  // of one
  std::vector<std::string> paths;
  std::vector<std::int64_t> modified_ns;  // of each, when its bytes were read
};
Result<std::vector<Duplicate>> find_duplicates(std::span<const std::string> files, const ByteProgress& progress = {});

// Makes every path but the first a hard link to the first; each is replaced by one rename. Gives the paths that could
// not be (another file system), or that are not as they were when they were read, which stay as they are. Errc::bad_value: the
// first is not: then nothing is linked to it any more.
Result<std::vector<std::string>> make_links(const Duplicate& duplicate);

// All *.gguf and *.safetensors below a folder, or the file itself; sorted; links as what they name. Errc::not_found, io.
Result<std::vector<std::string>> weight_files(const std::string& path);

}  // namespace assay::artifact
