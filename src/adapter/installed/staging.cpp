#include "adapter/installed/staging.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/progress.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view lock_prefix = ".lock-";
constexpr std::string_view installing_prefix = ".installing-";
constexpr std::string_view removing_prefix = ".removing-";

std::unexpected<Error> system_error(const std::string& what, int number) {
  return fail(number == ENOSPC || number == EDQUOT ? Errc::full : Errc::io, what + ": " + std::strerror(number));
}

// Was the path removed or made anew between open and flock?
bool is_still(int descriptor, const fs::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(descriptor, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

// The version in ".installing-VERSION-PID", or "".
std::string version_in(const std::string& file_name) {
  for (const std::string_view prefix : {installing_prefix, removing_prefix}) {
    if (!file_name.starts_with(prefix)) continue;
    const std::string rest = file_name.substr(prefix.size());
    const std::size_t dash = rest.rfind('-');
    if (dash != std::string::npos) return rest.substr(0, dash);
  }
  return "";
}

// What no living process can be working on: whoever does holds the lock of its version.
void clear_leftovers(const fs::path& engines, const std::string& name, const std::string& held_version) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(engines / name, error), end; !error && entry != end; entry.increment(error))
    found.push_back(entry->path());
  for (const fs::path& path : found) {
    const std::string version = version_in(path.filename().string());
    if (version.empty()) continue;
    std::optional<EngineLock> lock;  // held while the folder goes
    if (version != held_version) {
      auto taken = EngineLock::take(engines, name, version);
      if (!taken) continue;
      lock.emplace(std::move(*taken));
    }
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
}

}  // namespace

Result<EngineLock> EngineLock::take(const fs::path& engines, const std::string& name, const std::string& version) {
  const fs::path path = engines / name / (std::string(lock_prefix) + version);
  while (true) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return system_error(path.parent_path().string(), error.value());
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0 && errno == ENOENT) continue;  // its folder went in this moment
    if (descriptor < 0) return system_error(path.string(), errno);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const int number = errno;
      ::close(descriptor);
      if (number == EWOULDBLOCK) {
        return fail(Errc::full, name + " " + version + ": another process is installing or removing it (" +
                                    path.string() + " is locked); try again when it is done");
      }
      return system_error(path.string(), number);
    }
    if (is_still(descriptor, path)) return EngineLock(path, descriptor);
    ::close(descriptor);
  }
}

EngineLock::EngineLock(EngineLock&& other) noexcept : path_(std::move(other.path_)), descriptor_(other.descriptor_) {
  other.descriptor_ = -1;
}

EngineLock::~EngineLock() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::rmdir(path_.parent_path().c_str());  // fails where something is in it
  ::close(descriptor_);
}

Result<Staging> Staging::begin(const fs::path& engines, const std::string& name, const std::string& version,
                               std::uint64_t disk_bytes) {
  auto lock = EngineLock::take(engines, name, version);
  if (!lock) return std::unexpected(std::move(lock.error()));
  clear_leftovers(engines, name, version);
  std::error_code error;
  const fs::space_info space = fs::space(engines, error);
  if (!error && space.available < disk_bytes) {
    return fail(Errc::full, engines.string() + ": " + name + " " + version + " needs " +
                                human_bytes(static_cast<double>(disk_bytes)) + " while it is installed, " +
                                human_bytes(static_cast<double>(space.available)) + " are free");
  }
  const fs::path work = engines / name / (std::string(installing_prefix) + version + "-" + std::to_string(::getpid()));
  Staging out(std::move(*lock), work, engines / name / version);
  fs::create_directories(out.tree(), error);
  if (error) return system_error(out.tree().string(), error.value());
  return out;
}

Staging::Staging(Staging&& other) noexcept
    : lock_(std::move(other.lock_)), work_(std::move(other.work_)), target_(std::move(other.target_)) {
  other.work_.clear();
}

Staging::~Staging() {
  std::error_code ignored;
  if (!work_.empty()) fs::remove_all(work_, ignored);
}

Result<void> Staging::commit() {
  std::error_code error;
  if (fs::exists(target_, error)) {
    fs::rename(target_, work_ / "replaced", error);
    if (error) return system_error(target_.string(), error.value());
  }
  fs::rename(tree(), target_, error);
  if (error) return system_error(target_.string(), error.value());
  return {};
}

Result<void> remove_engine(const fs::path& engines, const std::string& name, const std::string& version) {
  const fs::path folder = engines / name / version;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return fail(Errc::not_found, folder.string() + ": no such engine");
  const auto lock = EngineLock::take(engines, name, version);
  if (!lock) return std::unexpected(lock.error());
  const fs::path away = engines / name / (std::string(removing_prefix) + version + "-" + std::to_string(::getpid()));
  fs::rename(folder, away, error);
  if (error) return system_error(folder.string(), error.value());
  fs::remove_all(away, error);
  if (error) return system_error(away.string(), error.value());
  fs::remove(engines / name / (version + ".failed.log"), error);
  return {};
}

}  // namespace assay::adapter
