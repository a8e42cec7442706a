#include "base/staging.h"

#include <fcntl.h>
#include <stdio.h>  // NOLINT(modernize-deprecated-headers): renameat2 and renamex_np are the systems'
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/progress.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view lock_prefix = ".lock-";
constexpr std::string_view installing_prefix = ".installing-";
constexpr std::string_view replaced_prefix = ".replaced-";
constexpr std::string_view removing_prefix = ".removing-";

std::unexpected<Error> system_error(const std::string& what, int number) {
  return fail(number == ENOSPC || number == EDQUOT ? Errc::full : Errc::io, what + ": " + std::strerror(number));
}

std::string of_this_process(std::string_view prefix, const std::string& name) {
  return std::string(prefix) + name + "-" + std::to_string(::getpid());
}

// Was the path removed or made anew between open and flock?
bool is_still(int descriptor, const fs::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(descriptor, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

// Two names change what they stand for, in one step. False with errno; ENOSYS, EINVAL or ENOTSUP where the system or the
// file system cannot.
bool swap_names(const fs::path& a, const fs::path& b) {
#if defined(__APPLE__)
  return ::renamex_np(a.c_str(), b.c_str(), RENAME_SWAP) == 0;
#elif defined(RENAME_EXCHANGE)
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
#else
  errno = ENOSYS;
  return false;
#endif
}

bool cannot_swap(int number) {
#if ENOTSUP != EOPNOTSUPP  // one number on Linux, two on macOS
  if (number == EOPNOTSUPP) return true;
#endif
  return number == ENOSYS || number == EINVAL || number == ENOTSUP;
}

// What a name of ours says: ".installing-NAME-PID".
struct Leftover {
  std::string_view prefix;
  std::string name;
};
std::optional<Leftover> parse(const std::string& file_name) {
  for (const std::string_view prefix : {installing_prefix, replaced_prefix, removing_prefix}) {
    if (!file_name.starts_with(prefix)) continue;
    const std::string rest = file_name.substr(prefix.size());
    const std::size_t dash = rest.rfind('-');
    if (dash != std::string::npos && dash != 0) return Leftover{prefix, rest.substr(0, dash)};
  }
  return std::nullopt;
}

// What no living process can be working on: whoever does holds the lock of its name.
void clear_leftovers(const fs::path& parent, const std::string& held_name) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    found.push_back(entry->path());
  }
  for (const fs::path& path : found) {
    const auto leftover = parse(path.filename().string());
    if (!leftover) continue;
    std::optional<FolderLock> lock;  // held while the folder goes
    if (leftover->name != held_name) {
      auto taken = FolderLock::take(parent, leftover->name, leftover->name);
      if (!taken) continue;
      lock.emplace(std::move(*taken));
    }
    std::error_code ignored;
    // Its process ended between the two renames: the one that worked is here, and nowhere else.
    if (leftover->prefix == replaced_prefix && !fs::exists(parent / leftover->name, ignored)) {
      fs::rename(path, parent / leftover->name, ignored);
    } else {
      fs::remove_all(path, ignored);
    }
  }
}

}  // namespace

Result<FolderLock> FolderLock::take(const fs::path& parent, const std::string& name, const std::string& what,
                                    Wait wait) {
  const fs::path path = parent / (std::string(lock_prefix) + name);
  while (true) {
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) return system_error(parent.string(), error.value());
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!file.open() && errno == ENOENT) continue;  // its folder went in this moment
    if (!file.open()) return system_error(path.string(), errno);
    int result = 0;
    do {
      result = ::flock(file.number(), wait == Wait::yes ? LOCK_EX : LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) {
      return fail(Errc::full, what + ": another process is changing it (" + path.string() +
                                  " is locked); try again when it is done");
    }
    if (result != 0) return system_error(path.string(), errno);
    if (is_still(file.number(), path)) return FolderLock(path, std::move(file));
  }
}

FolderLock::~FolderLock() {
  if (!file_.open()) return;
  ::unlink(path_.c_str());
  ::rmdir(path_.parent_path().c_str());  // fails where something is in it
}

Result<Staging> Staging::begin(const fs::path& parent, const std::string& name, const std::string& what,
                               std::uint64_t disk_bytes) {
  auto lock = FolderLock::take(parent, name, what);
  if (!lock) return std::unexpected(std::move(lock.error()));
  clear_leftovers(parent, name);
  std::error_code error;
  const fs::space_info space = fs::space(parent, error);
  if (!error && space.available < disk_bytes) {
    return fail(Errc::full, parent.string() + ": " + what + " needs " + human_bytes(static_cast<double>(disk_bytes)) +
                                " while it is installed, " + human_bytes(static_cast<double>(space.available)) +
                                " are free");
  }
  Staging out(std::move(*lock), parent / of_this_process(installing_prefix, name), parent / name,
              parent / of_this_process(replaced_prefix, name));
  fs::create_directories(out.tree(), error);
  if (error) return system_error(out.tree().string(), error.value());
  return out;
}

Staging::Staging(Staging&& other) noexcept
    : lock_(std::move(other.lock_)),
      work_(std::exchange(other.work_, {})),
      target_(std::move(other.target_)),
      aside_(std::move(other.aside_)) {}

Staging::~Staging() {
  std::error_code ignored;
  if (!work_.empty()) fs::remove_all(work_, ignored);
}

Result<void> Staging::commit(const Means& means) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(target_, error))) {
    fs::rename(tree(), target_, error);
    if (error) return system_error(target_.string(), error.value());
    return {};
  }
  if (means.swap) {
    if (swap_names(tree(), target_)) return {};  // the old one is tree() now, and goes with work()
    if (!cannot_swap(errno)) return system_error(target_.string(), errno);
  }
  // Two renames, and beside work(), which goes whatever happens. Ended in between, clear_leftovers() finds it.
  fs::rename(target_, aside_, error);
  if (error) return system_error(target_.string(), error.value());
  if (means.between) means.between();
  fs::rename(tree(), target_, error);
  if (error) {
    std::error_code back;
    fs::rename(aside_, target_, back);
    auto failed = system_error(target_.string(), error.value());
    if (back) failed.error().detail += "; what was there is kept as " + aside_.string();
    return failed;
  }
  fs::rename(aside_, work_ / "replaced", error);
  if (error) fs::remove_all(aside_, error);
  return {};
}

Result<void> remove_folder(const fs::path& parent, const std::string& name, const std::string& what) {
  const fs::path folder = parent / name;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return fail(Errc::not_found, folder.string() + ": no such folder");
  const auto lock = FolderLock::take(parent, name, what);
  if (!lock) return std::unexpected(lock.error());
  const fs::path away = parent / of_this_process(removing_prefix, name);
  fs::remove_all(away, error);  // left by a killed process that had our number
  fs::rename(folder, away, error);
  if (error) return system_error(folder.string(), error.value());
  fs::remove_all(away, error);
  if (error) return system_error(away.string(), error.value());
  return {};
}

}  // namespace assay
