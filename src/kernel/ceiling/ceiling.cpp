#include "kernel/ceiling/ceiling.h"

#include "base/instructions.h"
#include "kernel/ceiling/variants.h"
#include "kernel/isa.h"

namespace assay::kernel {
namespace {

void append(std::vector<ReadPattern>& out, const std::string& width, std::span<const ceiling::ReadWay> ways) {
  for (const ceiling::ReadWay& way : ways) out.push_back({width + way.how, way.read});
}

}  // namespace

std::vector<ReadPattern> read_patterns() {
  std::vector<ReadPattern> out;
  append(out, "128 bits", ceiling::portable_reads());
#if defined(__x86_64__)
  if (best_isa() >= Isa::avx2) append(out, "avx2", ceiling::avx2_reads());
  if (instructions().avx512bw) append(out, "avx512", ceiling::avx512_reads());
#endif
  return out;
}

std::vector<Int8Path> int8_paths() {
  std::vector<Int8Path> out{{"plain", ceiling::multiply_portable}};
  [[maybe_unused]] const Instructions has = instructions();
#if defined(__x86_64__)
  if (best_isa() >= Isa::avx2) out.push_back({"avx2 maddubs", ceiling::multiply_avx2});
  if (has.avx_vnni) out.push_back({"avx vnni", ceiling::multiply_avx_vnni});
  if (has.avx512bw) out.push_back({"avx512 maddubs", ceiling::multiply_avx512_maddubs});
  if (has.avx512_vnni) out.push_back({"avx512 vnni", ceiling::multiply_avx512_vnni});
  if (has.amx_int8) out.push_back({"amx int8", ceiling::multiply_amx});
#elif defined(__aarch64__)
  if (has.dotprod) out.push_back({"dotprod", ceiling::multiply_dotprod});
  if (has.i8mm) out.push_back({"i8mm", ceiling::multiply_i8mm});
#endif
  return out;
}

}  // namespace assay::kernel
