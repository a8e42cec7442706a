#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
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

// The mapped files, for the handler of SIGBUS: an entry is free where `begin` is 0.
struct Entry {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> cut{false};
  std::string path{};  // under the lock
};
std::array<Entry, mapped_files_max> entries;
std::mutex entries_lock;
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "a signal handler reads it");

std::optional<std::size_t> enter(std::uintptr_t begin, std::size_t bytes, const std::string& path) {
  const std::scoped_lock lock(entries_lock);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].begin != 0) continue;
    entries[i].path = path;
    entries[i].cut = false;
    entries[i].end = begin + bytes;
    entries[i].begin = begin;
    return i;
  }
  return std::nullopt;
}

std::size_t guards = 0;  // under the lock
struct sigaction bus_before{};
std::uintptr_t page_bytes = 4096;

// Puts pages of zeros where the file's are lost, and lets the read go on.
extern "C" void on_bus(int number, siginfo_t* info, void*) {
  const int saved = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Entry& entry : entries) {
    const std::uintptr_t begin = entry.begin;
    const std::uintptr_t end = entry.end;
    if (info->si_code <= 0 || begin == 0 || address < begin || address >= end) continue;
    const std::uintptr_t page = address / page_bytes * page_bytes;
    void* zeros =
        ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros == MAP_FAILED) break;
    entry.cut = true;
    errno = saved;
    return;
  }
  ::sigaction(number, &bus_before, nullptr);  // nothing of ours: it comes again, to who was there before
  if (info->si_code <= 0) ::raise(number);
  errno = saved;
}

}  // namespace

CutFileGuard::CutFileGuard() {
  const std::scoped_lock lock(entries_lock);
  if (guards++ > 0) return;
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action{};
  action.sa_sigaction = on_bus;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &bus_before);
}

CutFileGuard::~CutFileGuard() {
  const std::scoped_lock lock(entries_lock);
  if (--guards == 0) ::sigaction(SIGBUS, &bus_before, nullptr);
}

Result<void> CutFileGuard::check() const {
  const std::scoped_lock lock(entries_lock);
  for (const Entry& entry : entries) {
    if (entry.begin == 0 || !entry.cut) continue;
    return fail(Errc::truncated, entry.path + ": had " + std::to_string(entry.end - entry.begin) +
                                     " bytes when it was opened, and could not be read to its end: it was cut short "
                                     "meanwhile, or its disk fails");
  }
  return {};
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  auto file = open_regular(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (file->size == 0) return fail(Errc::bad_value, path + ": is empty");
  if (file->size > SIZE_MAX) return fail(Errc::full, path + ": is larger than the address space");
  void* start = ::mmap(nullptr, file->size, PROT_READ, MAP_PRIVATE, file->descriptor.number(), 0);
  if (start == MAP_FAILED) return system_error(path, "map", errno);
  const auto place = enter(reinterpret_cast<std::uintptr_t>(start), static_cast<std::size_t>(file->size), path);
  if (!place) {
    ::munmap(start, file->size);
    return fail(Errc::full, path + ": " + std::to_string(mapped_files_max) + " files are mapped already");
  }
  MappedFile mapped;
  mapped.place_ = *place;
  mapped.bytes_ = {static_cast<const std::byte*>(start), static_cast<std::size_t>(file->size)};
  mapped.path_ = path;
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), path_(std::move(other.path_)), place_(other.place_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(path_, other.path_);
  std::swap(place_, other.place_);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  {
    const std::scoped_lock lock(entries_lock);
    entries[place_].begin = 0;
  }
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
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
