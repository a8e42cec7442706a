// The variants behind rope.h: `pairs` pairs of x turn in place.
#pragma once

#include <cstddef>

namespace assay::kernel {

namespace portable {
void rope_adjacent(float* x, const float* cos, const float* sin, std::size_t pairs);
void rope_halves(float* x, const float* cos, const float* sin, std::size_t pairs);
}  // namespace portable
#if defined(__x86_64__)
namespace avx2 {
void rope_adjacent(float* x, const float* cos, const float* sin, std::size_t pairs);
void rope_halves(float* x, const float* cos, const float* sin, std::size_t pairs);
}  // namespace avx2
#endif

}  // namespace assay::kernel
