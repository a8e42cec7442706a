#include "base/instructions.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>

#include <cstddef>
#endif

namespace assay {
namespace {

#if defined(__x86_64__)
struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(unsigned leaf, unsigned sub) {
  Leaf out;
  if (__get_cpuid_count(leaf, sub, &out.eax, &out.ebx, &out.ecx, &out.edx) == 0) return {};
  return out;
}

bool bit(unsigned word, unsigned index) { return (word >> index & 1U) != 0; }

// Parts of the processor's state that the system saves: bit 2 is AVX, 5 to 7 AVX-512, 17 and 18 AMX's tiles.
unsigned saved_state() {
  if (!bit(cpuid(1, 0).ecx, 27)) return 0;  // OSXSAVE: the system uses XSAVE and lets XGETBV be asked
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0U));
  return low;
}

// Linux keeps tile data from a process until it asks.
bool tiles_permitted() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h, since Linux 5.16
  constexpr long tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}
#endif

#if defined(__APPLE__)
bool has(const char* feature) {
  int value = 0;
  std::size_t size = sizeof value;
  return sysctlbyname(feature, &value, &size, nullptr, 0) == 0 && value != 0;
}
#endif

}  // namespace

Instructions instructions() {
  Instructions out;
#if defined(__x86_64__)
  const unsigned state = saved_state();
  const bool avx = (state & 0x6U) == 0x6U;
  const bool avx512 = (state & 0xE6U) == 0xE6U;
  const bool tiles = (state & 0x60000U) == 0x60000U;
  const Leaf features = cpuid(7, 0);
  const Leaf more = cpuid(7, 1);
  out.avx512bw = avx512 && bit(features.ebx, 16) && bit(features.ebx, 30);
  out.avx512_vnni = out.avx512bw && bit(features.ecx, 11);
  out.avx_vnni = avx && bit(features.ebx, 5) && bit(more.eax, 4);
  out.amx_int8 = tiles && bit(features.edx, 24) && bit(features.edx, 25) && tiles_permitted();
#elif defined(__linux__) && defined(__aarch64__)
  out.dotprod = (getauxval(AT_HWCAP) >> 20 & 1U) != 0;  // HWCAP_ASIMDDP
  out.i8mm = (getauxval(AT_HWCAP2) >> 13 & 1U) != 0;    // HWCAP2_I8MM
#elif defined(__APPLE__) && defined(__aarch64__)
  out.dotprod = has("hw.optional.arm.FEAT_DotProd");
  out.i8mm = has("hw.optional.arm.FEAT_I8MM");
#endif
  return out;
}

}  // namespace assay
