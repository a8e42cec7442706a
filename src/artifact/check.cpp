#include "artifact/check.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <utility>

#include "base/staging.h"
#include "kernel/quant/dequantize.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t nowhere = ~std::uint64_t{0};

// The first row with something that is no finite number.
std::uint64_t first_bad_row(const TensorView& view, device::ThreadPool& pool) {
  constexpr std::uint64_t chunk_rows = 64;
  std::atomic<std::uint64_t> first = nowhere;
  std::vector<std::vector<float>> rows(pool.threads(), std::vector<float>(view.columns()));
  pool.run((view.rows() + chunk_rows - 1) / chunk_rows, [&](std::size_t chunk, std::size_t worker) {
    const std::uint64_t end = std::min(view.rows(), (chunk + 1) * chunk_rows);
    for (std::uint64_t r = chunk * chunk_rows; r < end; ++r) {
      kernel::dequantize_row(view, r, rows[worker]);
      if (std::ranges::all_of(rows[worker], [](float value) { return std::isfinite(value); })) continue;
      std::uint64_t known = first;
      while (r < known && !first.compare_exchange_weak(known, r)) {
      }
      return;
    }
  });
  return first;
}

}  // namespace

Result<std::vector<std::string>> check_values(const Checkpoint& checkpoint, device::ThreadPool& pool,
                                              const ByteProgress& progress) {
  std::vector<std::string> complaints;
  std::uint64_t done = 0;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) {
    const std::uint64_t row = first_bad_row(tensor.view, pool);
    if (row != nowhere) {
      complaints.push_back(checkpoint.files()[tensor.file] + ": tensor " + tensor.name + ": row " +
                           std::to_string(row) + " has an element that is no finite number");
    }
    done += tensor.view.bytes();
    if (progress && !progress(done)) return fail(Errc::cancelled, "checking stopped at tensor " + tensor.name);
  }
  return complaints;
}

Result<std::vector<std::string>> check_files(const StoredModel& model, const ByteProgress& progress) {
  std::vector<std::string> complaints;
  std::error_code error;
  const fs::path path(model.path);
  const fs::path folder = fs::is_directory(path, error) ? path : path.parent_path();
  std::uint64_t done = 0;
  for (const StoredFile& file : model.files) {
    const std::string place = (folder / file.file_name).string();
    const std::uint64_t bytes = fs::file_size(place, error);
    if (error) {
      complaints.push_back(place + ": " + error.message());
      continue;
    }
    if (bytes != file.bytes) {
      complaints.push_back(place + ": has " + std::to_string(bytes) + " bytes, had " + std::to_string(file.bytes));
      continue;
    }
    const auto hash = hash_files({&place, 1}, [&](std::uint64_t n) { return !progress || progress(done + n); });
    if (!hash) return std::unexpected(hash.error());
    done += bytes;
    if (*hash != file.sha256) complaints.push_back(place + ": SHA-256 is " + *hash + ", was " + file.sha256);
  }
  return complaints;
}

std::optional<std::int64_t> modified_ns(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return std::nullopt;
  const auto since_1970 = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count();
}

Result<void> check_unchanged(const StoredModel& model) {
  std::error_code error;
  const fs::path path(model.path);
  const fs::path folder = fs::is_directory(path, error) ? path : path.parent_path();
  for (const StoredFile& file : model.files) {
    const fs::path place = folder / file.file_name;
    const auto changed = [&](const std::string& how) {
      return fail(Errc::bad_value, "model \"" + model.name + "\": " + place.string() + " " + how +
                                       ": 'assay models verify " + model.name +
                                       "' looks at every byte, with --accept it takes the file as it is");
    };
    const std::uint64_t bytes = fs::file_size(place, error);
    if (error == std::errc::no_such_file_or_directory) {
      return fail(Errc::not_found, "model \"" + model.name + "\": " + place.string() +
                                       " is gone: 'assay models remove " + model.name + "' forgets the model");
    }
    if (error) return changed("cannot be read (" + error.message() + ")");
    if (bytes != file.bytes)
      return changed("has " + std::to_string(bytes) + " bytes, had " + std::to_string(file.bytes) +
                     " when it was imported");
    const auto modified = modified_ns(place);
    if (file.modified_ns != 0 && modified && *modified != file.modified_ns)
      return changed("was written to since it was imported");
  }
  return {};
}

Result<std::vector<Duplicate>> find_duplicates(std::span<const std::string> files, const ByteProgress& progress) {
  std::map<std::uint64_t, std::vector<std::string>> by_size;
  std::error_code error;
  for (const std::string& file : files) {
    const auto bytes = fs::is_symlink(file, error) ? 0 : fs::file_size(file, error);
    if (error) return fail(Errc::io, file + ": " + error.message());
    auto& same = by_size[bytes];
    const bool linked = std::ranges::any_of(same, [&](const std::string& other) {
      return fs::equivalent(file, other, error);  // the same path twice, or a link to a file that is there
    });
    if (bytes != 0 && !linked) same.push_back(file);
  }
  std::map<std::string, Duplicate> by_hash;
  std::uint64_t done = 0;
  for (const auto& [bytes, same] : by_size) {
    if (same.size() < 2) continue;
    for (const std::string& file : same) {
      const auto modified = modified_ns(file);
      auto hash = hash_files({&file, 1}, [&](std::uint64_t n) { return !progress || progress(done + n); });
      if (!hash) return std::unexpected(std::move(hash.error()));
      done += bytes;
      Duplicate& duplicate = by_hash[*hash];
      duplicate.sha256 = *hash;
      duplicate.bytes = bytes;
      duplicate.paths.push_back(file);
      duplicate.modified_ns.push_back(modified.value_or(0));
    }
  }
  std::vector<Duplicate> out;
  for (auto& [hash, duplicate] : by_hash) {
    if (duplicate.paths.size() > 1) out.push_back(std::move(duplicate));
  }
  return out;
}

Result<std::vector<std::string>> make_links(const Duplicate& duplicate) {
  const auto unchanged = [&](std::size_t i) {  // hashing the others took its time
    std::error_code error;
    const fs::path path = duplicate.paths[i];
    return !fs::is_symlink(path, error) && fs::file_size(path, error) == duplicate.bytes && !error &&
           modified_ns(path) == duplicate.modified_ns[i];
  };
  std::vector<std::string> left;
  for (std::size_t i = 1; i < duplicate.paths.size(); ++i) {
    const fs::path path = duplicate.paths[i];
    const auto lock = FolderLock::take(path.parent_path(), path.filename().string(), path.string());
    if (!lock || !unchanged(i)) {  // another process is, or was, at it
      left.push_back(path.string());
      continue;
    }
    if (!unchanged(0)) {
      return fail(Errc::bad_value,
                  duplicate.paths[0] + ": was written to since it was read: nothing more is linked to it");
    }
    const fs::path beside = path.parent_path() / ("." + path.filename().string() + ".link");
    std::error_code error;
    fs::remove(beside, error);  // left by a crash
    fs::create_hard_link(duplicate.paths[0], beside, error);
    if (error) {
      left.push_back(path.string());
      continue;
    }
    fs::rename(beside, path, error);
    if (error) {
      std::error_code ignored;
      fs::remove(beside, ignored);
      return fail(Errc::io, path.string() + ": " + error.message());
    }
  }
  return left;
}

Result<std::vector<std::string>> weight_files(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) return fail(Errc::not_found, path + ": no such file or folder");
  if (!fs::is_directory(status)) return std::vector<std::string>{path};
  std::vector<std::string> out;
  fs::recursive_directory_iterator entries(path, fs::directory_options::skip_permission_denied, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    const std::string extension = entries->path().extension().string();
    const bool weights = extension == ".gguf" || extension == ".safetensors";
    std::error_code ignored;
    if (!weights || !entries->is_regular_file(ignored)) continue;
    const fs::path file = fs::canonical(entries->path(), ignored);  // download caches hold links to nameless files
    if (!ignored) out.push_back(file.string());
  }
  if (error) return fail(Errc::io, path + ": " + error.message());
  std::ranges::sort(out);
  const auto [same, end] = std::ranges::unique(out);
  out.erase(same, end);
  return out;
}

}  // namespace assay::artifact
