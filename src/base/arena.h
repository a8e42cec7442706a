// Memory for what is read in long streams: weights. Given out piece by piece, freed all together, on large pages where
// the operating system has them: with 4 KiB pages a core reads weights about a third slower (page walks in a virtual
// machine, and prefetchers that stop at page ends).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace assay {

// Zeroed or not is not promised. 2 MiB aligned where that large, else 64 bytes.
struct PagesFree {
  std::size_t alignment = 0;
  void operator()(std::byte* p) const;
};
using Pages = std::unique_ptr<std::byte[], PagesFree>;

// Null where there is no memory. Asks for large pages from 2 MiB on; physical memory is taken when first touched.
Pages allocate_pages(std::size_t bytes);

class Arena {
 public:
  // 64-byte aligned memory that lives as long as the arena, also when that is moved; null where there is none.
  std::byte* allocate(std::size_t bytes);

 private:
  std::vector<Pages> chunks_;
  std::byte* next_ = nullptr;  // free part of the last chunk
  std::size_t left_ = 0;
};

}  // namespace assay
