#include "base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace assay {
namespace {

constexpr std::size_t gather_bytes = 1U << 18U;  // past this, one more system call costs nothing beside the copy

bool is_full(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }

// Renaming over a device or a pipe would put a file in its place, for every program of this machine.
bool is_written_through(const std::string& path, const struct stat& facts) {
  return !S_ISREG(facts.st_mode) || path.starts_with("/dev/");
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

std::unexpected<Error> OutputFile::system_error(std::string_view verb, int number) const {
  std::string detail = path_ + ": cannot " + std::string(verb) + ": " + std::strerror(number);
  if (!is_full(number)) return fail(number == ENOENT || number == ENOTDIR ? Errc::not_found : Errc::io, detail);
  detail += "; " + std::to_string(put_) + " bytes were written";
  if (bytes_expected_ != 0) detail += " of " + std::to_string(bytes_expected_);
  return fail(Errc::full, detail);
}

Result<OutputFile> OutputFile::create(const std::string& named, std::uint64_t bytes_expected) {
  std::string path = named;
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0) {
    if (S_ISDIR(facts.st_mode)) return fail(Errc::bad_value, path + ": is a directory, expected a file to write");
    if (is_written_through(path, facts)) {
      const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor >= 0) return OutputFile(path, "", descriptor, bytes_expected);
      return OutputFile(path, "", -1, bytes_expected).system_error("open", errno);
    }
    std::error_code error;  // the file behind a link is replaced, not the link
    const std::filesystem::path behind = std::filesystem::canonical(path, error);
    if (!error) path = behind.string();
  }
  const std::string folder = folder_of(path);
  struct statvfs room{};
  if (bytes_expected != 0 && ::statvfs(folder.c_str(), &room) == 0) {
    const std::uint64_t free_bytes = static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
    if (free_bytes < bytes_expected) {
      return fail(Errc::full, path + ": needs " + std::to_string(bytes_expected) + " bytes, " +
                                  std::to_string(free_bytes) + " are free in " + folder);
    }
  }
  for (int attempt = 0;; ++attempt) {
    std::string temporary = path + "." + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".partial";
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return OutputFile(path, std::move(temporary), descriptor, bytes_expected);
    const int number = errno;
    if (number == EEXIST && attempt < 1000) continue;  // left by a process that was killed
    return OutputFile(path, "", -1, bytes_expected).system_error("create", number);
  }
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, "")),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_expected_(other.bytes_expected_),
      written_(other.written_),
      put_(other.put_),
      gathered_(std::move(other.gathered_)) {}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> OutputFile::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t took = ::write(descriptor_, bytes.data(), bytes.size());
    if (took < 0 && errno == EINTR) continue;
    if (took < 0) return system_error("write", errno);
    put_ += static_cast<std::uint64_t>(took);
    bytes = bytes.subspan(static_cast<std::size_t>(took));
  }
  return {};
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
  ASSAY_ASSERT(descriptor_ >= 0);
  written_ += bytes.size();
  if (gathered_.size() + bytes.size() < gather_bytes) {
    gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
    return {};
  }
  ASSAY_TRY(put(gathered_));
  gathered_.clear();
  return put(bytes);
}

Result<void> OutputFile::commit() {
  ASSAY_ASSERT(descriptor_ >= 0);
  ASSAY_TRY(put(gathered_));
  gathered_.clear();
  const bool through = temporary_.empty();
  if (::fsync(descriptor_) != 0 && !through) return system_error("flush", errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) return system_error("close", errno);
  if (through) return {};
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("rename to", errno);
  temporary_.clear();
  // The new name survives a power cut only when the folder is on disk too; where that is refused the file still is.
  if (const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_CLOEXEC); folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

}  // namespace assay
