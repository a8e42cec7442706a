#include "process/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "process/system.h"

namespace assay::process {
namespace {

std::unexpected<Error> refused(std::size_t bytes) {
  return fail(Errc::io, "shared memory of " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
}

}  // namespace

Result<SharedMemory> SharedMemory::map(Descriptor descriptor, std::size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number(), 0);
  if (address == MAP_FAILED) return refused(bytes);
  SharedMemory out;
  out.descriptor_ = std::move(descriptor);
  out.bytes_ = {static_cast<std::byte*>(address), bytes};
  return out;
}

Result<SharedMemory> SharedMemory::create(std::size_t bytes) {
  ASSAY_ASSERT(bytes > 0);
  Descriptor descriptor(system::shared_object(bytes));
  if (!descriptor.open()) return refused(bytes);
  return map(std::move(descriptor), bytes);
}

Result<SharedMemory> SharedMemory::adopt(int number) {
  struct stat facts{};
  if (::fstat(number, &facts) != 0 || S_ISSOCK(facts.st_mode) || S_ISDIR(facts.st_mode) || facts.st_size <= 0) {
    return fail(Errc::bad_value, "descriptor " + std::to_string(number) + ": expected shared memory");
  }
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  return map(Descriptor(number), static_cast<std::size_t>(facts.st_size));
}

SharedMemory::~SharedMemory() { unmap(); }

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : descriptor_(std::move(other.descriptor_)), bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  descriptor_ = std::move(other.descriptor_);
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

void SharedMemory::unmap() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
  bytes_ = {};
}

}  // namespace assay::process
