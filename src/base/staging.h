// Where a folder is made before it is there: beside its place under a name that begins with a dot, put there by one step.
//
//   PARENT/NAME                  whole, or not there
//   PARENT/.lock-NAME            held by flock while NAME is made, replaced or removed
//   PARENT/.installing-NAME-PID  under way
//   PARENT/.replaced-NAME-PID    the old one, while the new one takes its place on a file system that cannot swap two
//   PARENT/.removing-NAME-PID    on its way out
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"

namespace assay {

// The right to change PARENT/NAME; of two processes one gets it, and of two threads of one process too. The system holds
// it, so it ends with the process, however that ends.
class FolderLock final {
 public:
  enum class Wait : bool { no, yes };
  // Makes PARENT where it is not there. An empty NAME is a lock of its own: over PARENT as a whole, for whoever asks for
  // it. Errc::full: another process has it (Wait::no); `what` names the thing in that error. Errc::io.
  static Result<FolderLock> take(const std::filesystem::path& parent, const std::string& name, const std::string& what,
                                 Wait wait = Wait::no);
  FolderLock(FolderLock&& other) noexcept = default;
  FolderLock& operator=(FolderLock&&) = delete;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  // Removes the lock file, and PARENT where nothing is in it.
  ~FolderLock();

 private:
  FolderLock(std::filesystem::path path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;
  Descriptor file_;
};

class Staging final {
 public:
  // Takes the lock, then clears what killed processes left of this name and of others that nobody works on: what was
  // replaced by halves is put back. Then makes the folder. `what` names the thing in errors. Errors as FolderLock::take;
  // Errc::full where the disk has less than `disk_bytes`, with both numbers; Errc::io.
  static Result<Staging> begin(const std::filesystem::path& parent, const std::string& name, const std::string& what,
                               std::uint64_t disk_bytes);
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&&) = delete;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();  // removes work(), which holds what was replaced, or tree() where it was not committed

  const std::filesystem::path& work() const { return work_; }      // scratch, gone at the end
  std::filesystem::path tree() const { return work_ / "tree"; }    // becomes target()
  const std::filesystem::path& target() const { return target_; }  // PARENT/NAME

  // What commit() may do; for tests. `between` runs between the two renames of a file system that cannot swap.
  struct Means {
    bool swap = true;
    std::function<void()> between = {};
  };
  // tree() becomes target(), and what was there goes. Where it fails target() is what it was: nothing, or the old one.
  Result<void> commit() { return commit(Means{}); }
  Result<void> commit(const Means& means);

 private:
  Staging(FolderLock lock, std::filesystem::path work, std::filesystem::path target, std::filesystem::path aside)
      : lock_(std::move(lock)), work_(std::move(work)), target_(std::move(target)), aside_(std::move(aside)) {}
  FolderLock lock_;
  std::filesystem::path work_;  // empty: moved from
  std::filesystem::path target_;
  std::filesystem::path aside_;  // where the old one is while it is replaced by two renames
};

// Takes PARENT/NAME away: one rename, then its files. Errc::not_found; errors as FolderLock::take.
Result<void> remove_folder(const std::filesystem::path& parent, const std::string& name, const std::string& what);

}  // namespace assay
