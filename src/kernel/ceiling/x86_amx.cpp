// AMX in assembler, not by intrinsics: GCC 12's _tile_loadconfig tells the compiler of one byte read, and at -O3 the
// stores of the other 63 are dropped. Each memory operand here is the whole of what is read or written. The compiler
// knows nothing of tiles (no -mamx flag), so it uses none of them between the statements.
#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {
namespace {

constexpr int rows_max = 16;
constexpr int row_bytes_max = 64;
constexpr int accumulators = 6;  // tiles 0 to 5; tile 6 holds a, tile 7 holds b

// What LDTILECFG reads (Intel SDM volume 1, section 18.2): 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};  // of tiles 0 to 7; the rest stays 0
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);
static_assert(__builtin_offsetof(TileConfig, row_bytes) == 16 && __builtin_offsetof(TileConfig, rows) == 48);

struct alignas(64) Tile {
  std::uint8_t bytes[rows_max * row_bytes_max];
};
struct alignas(64) Sums {
  std::int32_t lanes[rows_max * row_bytes_max / 4];
};

}  // namespace

// TDPBUSD: 16 rows of 64 unsigned bytes times 64 rows of 16 signed ones (four rows of b in one of its tile's), 16384
// multiply-adds in one instruction; 16 cycles apart, 52 until its sum can be used.
Int8Work multiply_amx(std::uint64_t rounds) {
  constexpr long stride = row_bytes_max;
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = row_bytes_max;
    config.rows[tile] = rows_max;
  }
  Tile a;
  Tile b;
  for (auto& byte : a.bytes) byte = 3;
  for (auto& byte : b.bytes) byte = 5;
  __asm__ volatile("ldtilecfg %0" : : "m"(config));
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm6" : : "r"(a.bytes), "r"(stride), "m"(a));
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm7" : : "r"(b.bytes), "r"(stride), "m"(b));
  __asm__ volatile(
      "tilezero %tmm0\n\ttilezero %tmm1\n\ttilezero %tmm2\n\t"
      "tilezero %tmm3\n\ttilezero %tmm4\n\ttilezero %tmm5");
  for (std::uint64_t i = 0; i < rounds; ++i) {
    __asm__ volatile(
        "tdpbusd %tmm7, %tmm6, %tmm0\n\t"
        "tdpbusd %tmm7, %tmm6, %tmm1\n\t"
        "tdpbusd %tmm7, %tmm6, %tmm2\n\t"
        "tdpbusd %tmm7, %tmm6, %tmm3\n\t"
        "tdpbusd %tmm7, %tmm6, %tmm4\n\t"
        "tdpbusd %tmm7, %tmm6, %tmm5");
  }
  Sums sums[accumulators];
  __asm__ volatile("tilestored %%tmm0, (%1,%2,1)" : "=m"(sums[0]) : "r"(sums[0].lanes), "r"(stride));
  __asm__ volatile("tilestored %%tmm1, (%1,%2,1)" : "=m"(sums[1]) : "r"(sums[1].lanes), "r"(stride));
  __asm__ volatile("tilestored %%tmm2, (%1,%2,1)" : "=m"(sums[2]) : "r"(sums[2].lanes), "r"(stride));
  __asm__ volatile("tilestored %%tmm3, (%1,%2,1)" : "=m"(sums[3]) : "r"(sums[3].lanes), "r"(stride));
  __asm__ volatile("tilestored %%tmm4, (%1,%2,1)" : "=m"(sums[4]) : "r"(sums[4].lanes), "r"(stride));
  __asm__ volatile("tilestored %%tmm5, (%1,%2,1)" : "=m"(sums[5]) : "r"(sums[5].lanes), "r"(stride));
  __asm__ volatile("tilerelease");
  Int8Work out{.macs = rounds * accumulators * rows_max * (row_bytes_max / 4) * row_bytes_max};
  for (const Sums& each : sums) {
    for (const std::int32_t lane : each.lanes) out.sum += lane;
  }
  return out;
}

}  // namespace assay::kernel::ceiling
