// Models kept by name under $ASSAY_HOME/models: a folder for each, with a manifest and links to the weights.
//
//   models/NAME/assay.manifest.json     what it is, where it came from, SHA-256 of every file
//   models/NAME/FILE...                 hard links (or copies); none where the model is kept by reference
//
// Invariants:
//  1. A folder appears and disappears whole, by one rename, under a lock (base/staging.h); names that begin with a dot
//     are under way or left by a crash.
//  2. No byte is copied unless a copy is asked for, and nothing outside models/ is ever changed or deleted.
//  3. One SHA-256, one name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/hash.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"

namespace assay::artifact {

enum class Kept : std::uint8_t { link, copy, reference };
std::string_view name(Kept kept);

struct StoredFile {
  std::string file_name;  // without folder
  std::uint64_t bytes = 0;
  std::string sha256;
  std::int64_t modified_ns = 0;  // when it was last written, since 1970; 0: not known
};

struct StoredModel {
  std::string name;
  Kept kept = Kept::link;
  std::string path;         // what Checkpoint::open takes
  std::string source;       // what was imported, absolute
  std::string sha256;       // of the weights: hash_files of Checkpoint::files()
  std::uint64_t bytes = 0;  // of the weights' files
  std::string format;
  std::string architecture;
  std::string quant;
  std::uint32_t context = 0;  // tokens it was trained on
  std::int64_t imported_unix_s = 0;
  std::vector<StoredFile> files;  // the weights' files first, in order; then a folder's other files
};

struct ImportOptions {
  std::string path{};  // a GGUF file, any part of a split one, or a model folder
  std::string name{};  // empty: from the path
  Kept as = Kept::link;
  std::int64_t now_unix_s = 0;  // for the manifest
  std::string sha256{};         // what the weights' SHA-256 must be; empty: anything
};

class Store final {
 public:
  explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }

  // By name. A folder without a readable manifest is an error that names it.
  Result<std::vector<StoredModel>> list() const;
  // Errc::not_found lists the names that are there.
  Result<StoredModel> find(std::string_view name) const;

  // Opens the model as a checkpoint, hashes it and keeps it. Where a hard link cannot be made (another file system) the
  // result says Kept::reference. Errc::bad_value: a name that is no file name, or taken, or the same SHA-256 under
  // another name, or another SHA-256 than the wanted one; the checkpoint's own errors; Errc::full: another process imports or removes this name, or with path,
  // bytes needed and free (copies).
  Result<StoredModel> import(const ImportOptions& options, const ByteProgress& progress = {}) const;

  // Takes the files as they are now: opens and hashes them anew and writes the manifest. Errors as import().
  Result<StoredModel> accept(std::string_view name, std::int64_t now_unix_s, const ByteProgress& progress = {}) const;

  // Forgets the model and deletes its links or copies. Gives the bytes that became free: 0 where the same files have
  // another name elsewhere. Errc::full: another process imports or removes this name.
  Result<std::uint64_t> remove(std::string_view name) const;

 private:
  std::filesystem::path folder_;
};

// "qwen3-4b" for "/x/qwen3-4b.gguf", "/x/qwen3-4b-00001-of-00002.gguf" and "/x/qwen3-4b/"; what a name may not have
// becomes a dash, accents go: "mein-Modell-u" for "mein Modell ü.gguf". Empty where nothing is left.
std::string name_from_path(const std::string& path);

}  // namespace assay::artifact
