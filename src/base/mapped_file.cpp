#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/descriptor.h"

namespace assay {
namespace {

struct OpenFile {
  Descriptor descriptor;
  std::uint64_t size;  // bytes
};

std::unexpected<Error> system_error(const std::string& path, const char* verb, int number) {
  const Errc code = number == ENOENT || number == ENOTDIR ? Errc::not_found : Errc::io;
  return fail(code, path + ": cannot " + verb + ": " + std::strerror(number));
}

Result<OpenFile> open_regular(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused below.
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor.open()) return system_error(path, "open", errno);
  struct stat facts{};
  if (::fstat(descriptor.number(), &facts) != 0) return system_error(path, "stat", errno);
  if (S_ISDIR(facts.st_mode)) return fail(Errc::bad_value, path + ": is a directory, expected a file");
  if (!S_ISREG(facts.st_mode)) return fail(Errc::bad_value, path + ": is not a regular file");
  return OpenFile{std::move(descriptor), static_cast<std::uint64_t>(facts.st_size)};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  auto file = open_regular(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (file->size == 0) return fail(Errc::bad_value, path + ": is empty");
  if (file->size > SIZE_MAX) return fail(Errc::full, path + ": is larger than the address space");
  void* start = ::mmap(nullptr, file->size, PROT_READ, MAP_PRIVATE, file->descriptor.number(), 0);
  if (start == MAP_FAILED) return system_error(path, "map", errno);
  MappedFile mapped;
  mapped.bytes_ = {static_cast<const std::byte*>(start), static_cast<std::size_t>(file->size)};
  mapped.path_ = path;
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::prefetch(std::span<const std::byte> part) const {
  if (part.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t ahead = reinterpret_cast<std::uintptr_t>(part.data()) % page;
  ::madvise(const_cast<std::byte*>(part.data()) - ahead, part.size() + ahead, MADV_WILLNEED);
}

void MappedFile::drop_pages() const {
  if (!bytes_.empty()) ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
  auto file = open_regular(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (file->size > bytes_max) {
    return fail(Errc::full,
                path + ": " + std::to_string(file->size) + " bytes, expected at most " + std::to_string(bytes_max));
  }
  std::string text(static_cast<std::size_t>(file->size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::read(file->descriptor.number(), text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "read", errno);
    if (got == 0) break;  // cut while it was read
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

}  // namespace assay
