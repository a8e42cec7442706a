// Memory that two processes see, without a name that could be left behind.
#pragma once

#include <cstddef>
#include <span>

#include "base/descriptor.h"
#include "base/error.h"

namespace assay::process {

// The other process may change the bytes at any moment: copy first, then look. It cannot shrink them (which would end
// this process by SIGBUS): sealed on Linux; on macOS the size of such an object is set once.
class SharedMemory final {
 public:
  // Zeroed; physical pages are taken when they are touched. Errc::io.
  static Result<SharedMemory> create(std::size_t bytes);
  // What another process created and handed down; mapped whole, its size being the system's word. Errc::bad_value: not
  // such an object, or empty; Errc::io.
  static Result<SharedMemory> adopt(int number);

  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  int descriptor() const { return descriptor_.number(); }
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  static Result<SharedMemory> map(Descriptor descriptor, std::size_t bytes);
  void unmap();

  Descriptor descriptor_;
  std::span<std::byte> bytes_;
};

}  // namespace assay::process
