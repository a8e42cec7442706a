// Inside src/kernel/ceiling: what each instruction set's file gives.
#pragma once

#include <cstddef>

#include "kernel/ceiling/ceiling.h"

namespace assay::kernel::ceiling {

// One way of reading in one load width. Several streams because a prefetcher follows each of them, several distances
// because the best one is the machine's own.
struct ReadWay {
  const char* how;  // ", 2 streams, 2 KiB ahead"; "" for plain loads
  ReadMemory read;
};

std::span<const ReadWay> portable_reads();
Int8Work multiply_portable(std::uint64_t rounds);

#if defined(__x86_64__)
std::span<const ReadWay> avx2_reads();
std::span<const ReadWay> avx512_reads();
Int8Work multiply_avx2(std::uint64_t rounds);            // VPMADDUBSW, VPADDW
Int8Work multiply_avx_vnni(std::uint64_t rounds);        // VPDPBUSD, 256 bits
Int8Work multiply_avx512_maddubs(std::uint64_t rounds);  // VPMADDUBSW, VPADDW, 512 bits
Int8Work multiply_avx512_vnni(std::uint64_t rounds);     // VPDPBUSD, 512 bits
Int8Work multiply_amx(std::uint64_t rounds);             // TDPBUSD; leaves no tiles behind
#endif
#if defined(__aarch64__)
Int8Work multiply_dotprod(std::uint64_t rounds);  // UDOT
Int8Work multiply_i8mm(std::uint64_t rounds);     // UMMLA
#endif

}  // namespace assay::kernel::ceiling
