// The loops around a kernel's tile, the same for every level. `Tile` must be a type of an anonymous namespace: the
// instantiations then stay in the file that was compiled for their instruction set.
#pragma once

#include "kernel/matmul/layout.h"

namespace assay::kernel {

// Tile: static constexpr std::size_t tokens_max, and
//   template <std::size_t T> static void run(const MatmulArgs&, const std::byte* panel, const Entry* x, size_t width,
//                                            float (*out)[16])
// which computes 16 rows for T tokens; x points at the entry of the first token and block, `width` entries per block.
// T is one of 1, 2, 3, 4, 6, 8, 12 up to tokens_max.
template <class Tile, class Entry>
inline void walk(const MatmulArgs& a, const Entry* x, std::size_t entries) {
  // Tokens whose activations stay in a 1 MiB second-level cache beside a panel while the panels go by.
  constexpr std::size_t cached_bytes = 384 * 1024;
  const std::size_t group_bytes = token_group * entries * sizeof(Entry);
  std::size_t span = cached_bytes / group_bytes * token_group;
  if (span < token_group) span = token_group;

  const std::size_t first_panel = a.row_begin / 16;
  const std::size_t last_panel = (a.row_end + 15) / 16;
  for (std::size_t begin = 0; begin < a.tokens; begin += span) {
    const std::size_t end = a.tokens - begin < span ? a.tokens : begin + span;
    for (std::size_t p = first_panel; p < last_panel; ++p) {
      const std::byte* panel = a.panels + p * a.panel_bytes;
      const std::size_t from = a.row_begin > p * 16 ? a.row_begin - p * 16 : 0;
      const std::size_t to = a.row_end < (p + 1) * 16 ? a.row_end - p * 16 : 16;
      for (std::size_t t = begin; t < end;) {
        const std::size_t in_group = t % token_group;
        const std::size_t base = t - in_group;
        const std::size_t width = a.tokens - base < token_group ? a.tokens - base : token_group;
        const Entry* at = x + base * entries + in_group;
        const std::size_t left = width - in_group;
        float out[token_group][16];
        std::size_t done = 0;
        const auto run = [&]<std::size_t T>() {
          if constexpr (T <= Tile::tokens_max) {
            if (done == 0 && left >= T) {
              Tile::template run<T>(a, panel, at, width, out);
              done = T;
            }
          }
        };
        run.template operator()<12>();
        run.template operator()<8>();
        run.template operator()<6>();
        run.template operator()<4>();
        run.template operator()<3>();
        run.template operator()<2>();
        run.template operator()<1>();
        for (std::size_t i = 0; i < done; ++i) {
          float* y = a.y + (t + i) * a.y_stride + p * 16;
          if (to - from == 16) {
            __builtin_memcpy(y, out[i], sizeof out[i]);  // of constant size: the compiler called memmove otherwise
          } else {
            for (std::size_t r = from; r < to; ++r) y[r] = out[i][r];
          }
        }
        t += done;
      }
    }
  }
}

// The kernel of a format over one instruction set's tiles: Blocks<Format> for formats of blocks, Floats<FloatBits> for
// plain numbers. `isa` is part of the name: GCC gives what a template of an anonymous namespace makes here external linkage.
template <template <Format> class Blocks, template <FloatBits> class Floats, Isa isa>
struct Tiles {
  template <Format F>
  static Isa blocks(const MatmulArgs& a) {
    walk<Blocks<F>>(a, a.blocks, a.cols / 32);
    return isa;
  }
  template <FloatBits B>
  static Isa floats(const MatmulArgs& a) {
    walk<Floats<B>>(a, a.floats, a.cols);
    return isa;
  }

  static MatmulKernel kernel_of(FormatId format) {
    switch (format) {
#define ASSAY_MATMUL_FORMAT(name, ...) \
  case FormatId::name:                 \
    return blocks<formats[static_cast<int>(FormatId::name)]>;
#include "kernel/matmul/formats.inc"
#undef ASSAY_MATMUL_FORMAT
      case FormatId::f32:
        return floats<FloatBits::f32>;
      case FormatId::f16:
        return floats<FloatBits::f16>;
      case FormatId::bf16:
        return floats<FloatBits::bf16>;
    }
    return nullptr;
  }
};

}  // namespace assay::kernel
