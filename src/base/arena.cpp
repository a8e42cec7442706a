#include "base/arena.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace assay {
namespace {

constexpr std::size_t large_page = std::size_t{2} << 20;
constexpr std::size_t bytes_max = std::size_t{1} << 46;     // beyond every address space; also keeps sums from wrapping
constexpr std::size_t chunk_bytes = std::size_t{64} << 20;  // at most one large page per chunk is wasted

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

}  // namespace

void PagesFree::operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{alignment}); }

Pages allocate_pages(std::size_t bytes) {
  const std::size_t alignment = bytes < large_page ? 64 : large_page;
  if (bytes > bytes_max) return {};
  const std::size_t rounded = round_up(bytes, alignment);
  Pages pages(static_cast<std::byte*>(::operator new(rounded, std::align_val_t{alignment}, std::nothrow)),
              PagesFree{alignment});
#if defined(__linux__)
  // Advice: where it is refused, small pages do the same work slower.
  if (pages && alignment == large_page) (void)madvise(pages.get(), rounded, MADV_HUGEPAGE);
#endif
  return pages;
}

std::byte* Arena::allocate(std::size_t bytes) {
  if (bytes > bytes_max) return nullptr;
  const std::size_t rounded = round_up(bytes, 64);
  if (rounded > left_) {
    const std::size_t size = rounded > chunk_bytes / 4 ? rounded : chunk_bytes;
    Pages chunk = allocate_pages(size);
    if (!chunk) return nullptr;
    std::byte* memory = chunk.get();
    chunks_.push_back(std::move(chunk));
    if (size != chunk_bytes) return memory;  // large pieces get a chunk of their own
    next_ = memory;
    left_ = size;
  }
  std::byte* piece = next_;
  next_ += rounded;
  left_ -= rounded;
  return piece;
}

}  // namespace assay
