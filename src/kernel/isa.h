// Which instructions kernels may use. A kernel takes the Isa as an argument; the caller chooses once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace assay::kernel {

// In rising order: a machine that runs one runs those before it.
enum class Isa : std::uint8_t {
  portable,  // plain C++, every machine
  avx2,      // x86-64 with AVX2, FMA and F16C
  avx512,    // and AVX-512 F, BW, DQ, VL and VNNI
};

// The last Isa of the list that this machine and its operating system run.
Isa best_isa();

std::string_view name(Isa isa);  // "avx2"
std::optional<Isa> isa_from_name(std::string_view name);

// The Isa to run: best_isa() when `forced` is empty, else the named one. `forced` is what the program found in the
// environment variable ASSAY_ISA at its start. Errc::bad_value: no such name; Errc::unsupported: this machine lacks it.
Result<Isa> choose_isa(std::string_view forced);

}  // namespace assay::kernel

// Before a function definition: compile this function, and only it, for the Isa. Whole files are not, since inline
// functions of the standard library compiled with -mavx2 could be the ones the linker keeps for every machine.
#if defined(__x86_64__)
#define ASSAY_AVX2 __attribute__((target("avx2,fma,f16c")))
#define ASSAY_AVX512 __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif
