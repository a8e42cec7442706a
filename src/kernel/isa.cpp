#include "kernel/isa.h"

#include <array>
#include <string>

namespace assay::kernel {
namespace {

constexpr std::array<std::string_view, 3> names{"portable", "avx2", "avx512"};

}  // namespace

Isa best_isa() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
    return Isa::portable;
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni")) {
    return Isa::avx512;
  }
  return Isa::avx2;
#else
  return Isa::portable;
#endif
}

std::string_view name(Isa isa) { return names[static_cast<std::size_t>(isa)]; }

std::optional<Isa> isa_from_name(std::string_view wanted) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == wanted) return static_cast<Isa>(i);
  }
  return std::nullopt;
}

Result<Isa> choose_isa(std::string_view forced) {
  if (forced.empty()) return best_isa();
  const auto isa = isa_from_name(forced);
  const std::string met = "ASSAY_ISA=" + std::string(forced);
  if (!isa) return fail(Errc::bad_value, met + ": expected portable, avx2 or avx512");
  if (*isa > best_isa()) {
    return fail(Errc::unsupported, met + ": this machine runs at most " + std::string(name(best_isa())));
  }
  return *isa;
}

}  // namespace assay::kernel
