// A file that appears whole or not at all: written under a temporary name beside its path, renamed when complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay {

// Owns the temporary file and removes it unless commit() succeeded. Not safe from several threads.
class OutputFile final {
 public:
  // An existing file at `path` stays as it is until commit(). bytes_expected: what will be written, 0 if unknown.
  // A symbolic link is followed. What lies in /dev (/dev/stdout, /dev/null) and whatever else exists and is no file
  // (a pipe) is written straight through and never replaced.
  // Errc::full names the path, the bytes needed and the bytes free where the disk is too small for bytes_expected;
  // Errc::bad_value: `path` is a directory; Errc::not_found: its folder does not exist; Errc::io otherwise.
  static Result<OutputFile> create(const std::string& path, std::uint64_t bytes_expected);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // Appends; small writes are gathered. Errc::full (disk, quota or size limit) names path and bytes written so far.
  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

  // Writes what is gathered, makes the bytes durable, and gives the file its name. Nothing may follow.
  Result<void> commit();

  std::uint64_t written() const { return written_; }  // bytes handed to write()
  const std::string& path() const { return path_; }

 private:
  OutputFile(std::string path, std::string temporary, int descriptor, std::uint64_t bytes_expected)
      : path_(std::move(path)),
        temporary_(std::move(temporary)),
        descriptor_(descriptor),
        bytes_expected_(bytes_expected) {}
  Result<void> put(std::span<const std::byte> bytes);
  std::unexpected<Error> system_error(std::string_view verb, int number) const;

  std::string path_;
  std::string temporary_;  // empty: written straight to path_
  int descriptor_ = -1;
  std::uint64_t bytes_expected_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t put_ = 0;  // bytes that the system took
  std::vector<std::byte> gathered_;
};

}  // namespace assay
