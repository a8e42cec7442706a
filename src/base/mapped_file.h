// A whole file as read-only memory. Pages are read by the operating system when they are touched.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"

namespace assay {

// Owns the mapping; views of bytes() must not outlive it, but stay valid when the object is moved. Safe to read from
// several threads. A file that another program cuts short while it is mapped ends this program by SIGBUS where its lost
// part is read, unless a CutFileGuard lives.
class MappedFile final {
 public:
  // Errc::not_found: no such path. Errc::bad_value: a directory, not a regular file, or empty. Errc::io: the system's
  // own reason. Every error names the path.
  // Errc::full: mapped_files_max are open.
  static Result<MappedFile> open(const std::string& path);

  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

  // Asks the system to read these bytes ahead (a part of bytes()); a hint that cannot fail.
  void prefetch(std::span<const std::byte> part) const;

  // Gives the pages back: they no longer count as this process's memory and are read again when touched. A hint.
  void drop_pages() const;

 private:
  std::span<const std::byte> bytes_;
  std::string path_;
  std::size_t place_ = 0;  // among the mapped files; where bytes_ is not empty
};

inline constexpr std::size_t mapped_files_max = 4096;  // at once

// While one lives, the lost part of a mapped file that is cut short, or that its disk no longer gives, reads as zeros, and
// check() says so: what was made of the bytes is worth nothing then. Around work that reads much: loading, hashing,
// converting, the reference. They may nest; made and ended on one thread, which may share the work among others.
class CutFileGuard final {
 public:
  CutFileGuard();
  ~CutFileGuard();
  CutFileGuard(const CutFileGuard&) = delete;
  CutFileGuard& operator=(const CutFileGuard&) = delete;

  // Errc::truncated names a file, among those that are mapped now, that was met cut short.
  Result<void> check() const;
};

// A small file as text, at most `bytes_max`: Errc::full with both numbers where it is larger; errors as open().
// An empty file is an empty text.
Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max);

}  // namespace assay
