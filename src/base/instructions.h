// Which instructions beyond the usual levels this processor runs and its operating system lets this process use.
#pragma once

namespace assay {

struct Instructions {
  bool avx512bw = false;     // x86-64: AVX-512 F and BW, with or without VNNI
  bool avx_vnni = false;     // VPDPBUSD on 256 bits, VEX
  bool avx512_vnni = false;  // VPDPBUSD on 512 bits
  bool amx_int8 = false;     // tiles of 8-bit integers; Linux gives the permission for their state when it is asked
  bool dotprod = false;      // arm64: SDOT
  bool i8mm = false;         // arm64: SMMLA
};

// Asks the processor and the system each time; cheap. On Linux this asks for the permission to use AMX's tile data
// (arch_prctl, ARCH_REQ_XCOMP_PERM), which holds for the whole process from then on: signal frames grow by 8 KiB.
Instructions instructions();

}  // namespace assay
