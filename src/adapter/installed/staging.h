// Where an engine is made before it is there: a folder that becomes engines/NAME/VERSION by one rename, or goes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"

namespace assay::adapter {

// Holds the right to change engines/NAME/VERSION; of two processes one gets it. Invariants:
//  1. engines/NAME/VERSION is whole or not there; what is under way or left by a crash begins with a dot.
//  2. The lock file is held by flock, so it ends with the process that holds it, however that ends.
class EngineLock final {
 public:
  // Makes engines/NAME where it is not there. Errc::full: another process installs or removes it.
  static Result<EngineLock> take(const std::filesystem::path& engines, const std::string& name,
                                 const std::string& version);
  EngineLock(EngineLock&& other) noexcept;
  EngineLock& operator=(EngineLock&&) = delete;
  EngineLock(const EngineLock&) = delete;
  EngineLock& operator=(const EngineLock&) = delete;
  // Removes the lock file, and engines/NAME where nothing is in it.
  ~EngineLock();

 private:
  EngineLock(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::filesystem::path path_;
  int descriptor_;
};

class Staging final {
 public:
  // Takes the lock, clears what a killed process left of this version and of others that nobody works on, and makes
  // the folder. Errors as EngineLock::take; Errc::full where the disk has less than `disk_bytes`; Errc::io.
  static Result<Staging> begin(const std::filesystem::path& engines, const std::string& name,
                               const std::string& version, std::uint64_t disk_bytes);
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&&) = delete;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();  // removes work() and tree() unless committed

  const std::filesystem::path& work() const { return work_; }      // scratch, gone at the end
  std::filesystem::path tree() const { return work_ / "tree"; }    // becomes VERSION
  const std::filesystem::path& target() const { return target_; }  // engines/NAME/VERSION

  // tree() becomes target(); what was there goes.
  Result<void> commit();

 private:
  Staging(EngineLock lock, std::filesystem::path work, std::filesystem::path target)
      : lock_(std::move(lock)), work_(std::move(work)), target_(std::move(target)) {}
  EngineLock lock_;
  std::filesystem::path work_;  // empty: moved from
  std::filesystem::path target_;
};

// Takes engines/NAME/VERSION away: one rename, then its files. Errc::not_found; errors as EngineLock::take.
Result<void> remove_engine(const std::filesystem::path& engines, const std::string& name, const std::string& version);

}  // namespace assay::adapter
