// AVX-512 with VNNI: a lane per row, vpdpbusd adds four columns of 16 rows per instruction. Compiled with flags of its
// own: everything here is local to the file, and nothing inline comes from elsewhere.
//
// Weights are the unsigned operand, so signed ones are raised by 128; offsets come back through the sums of q.
#include <immintrin.h>

#include "kernel/matmul/layout.h"
#include "kernel/matmul/walk.h"

namespace assay::kernel {
namespace {

constexpr std::size_t prefetch_ahead = 1024;

// What a code is raised by before vpdpbusd, with the format's own offset: acc starts at minus_sum << bias_bits.
template <Format F>
constexpr int bias_bits() {
  const int bias = (F.codes == Codes::s8 || F.codes == Codes::lut4 ? 128 : 0) - F.offset;
  int bits = -1;  // no bias
  for (int b = bias; b > 0; b /= 2) ++bits;
  return bits;
}

inline __m512i load(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
inline __m512i spread(const void* p) {
  int value;
  __builtin_memcpy(&value, p, 4);
  return _mm512_set1_epi32(value);
}
inline __m512 spread(const float& value) { return _mm512_set1_ps(value); }

// Moves bits `at`.. of every byte to bit `to`, and keeps only those of `mask`.
template <int at, int to>
inline __m512i field(__m512i v, char mask) {
  if constexpr (at > to) v = _mm512_srli_epi16(v, at - to);
  if constexpr (at < to) v = _mm512_slli_epi16(v, to - at);
  return _mm512_and_si512(v, _mm512_set1_epi8(mask));
}

// Vector J of a block as unsigned bytes; see layout.h.
template <Codes C, int J>
inline __m512i vector(const std::uint8_t* p, __m512i levels) {
  if constexpr (C == Codes::s8) return _mm512_xor_si512(load(p + 64 * J), _mm512_set1_epi8(-128));
  if constexpr (C == Codes::u2) return field<J % 4 * 2, 0>(load(p + J / 4 * 64), 3);
  if constexpr (C == Codes::u3) {
    return _mm512_or_si512(vector<Codes::u2, J>(p, levels), field<J, 2>(load(p + 128), 4));
  }
  if constexpr (C == Codes::u4 || C == Codes::lut4 || C == Codes::u5 || C == Codes::u6) {
    const __m512i low = field<J / 4 * 4, 0>(load(p + J % 4 * 64), 15);
    if constexpr (C == Codes::lut4) return _mm512_shuffle_epi8(levels, low);
    if constexpr (C == Codes::u5) return _mm512_or_si512(low, field<J, 4>(load(p + 256), 16));
    if constexpr (C == Codes::u6) return _mm512_or_si512(low, field<J % 4 * 2, 4>(load(p + 256 + J / 4 * 64), 48));
    return low;
  }
}

inline __m512 halves_at(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

inline __m512 scales_at(const std::byte* p, ScaleBits bits) {
  if (bits == ScaleBits::f16) return halves_at(p);
  if (bits == ScaleBits::f32) return _mm512_loadu_ps(p);
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}

inline __m512 signed_at(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

inline __m512 unsigned_at(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

// Bytes of scales per block, f32 ones apart.
template <Format F>
constexpr std::size_t scale_share() {
  return scale_bytes(F, ScaleBits::f16) / (F.scales == Scales::block ? 1 : unit_blocks);
}

// Asks for what will be read `prefetch_ahead` bytes later, into the second-level cache. On large pages the hardware does
// nearly as well alone; 8 KiB ahead, or into the first level with its 24 misses on Zen 4, costs a quarter.
template <Format F>
inline void prefetch(const std::uint8_t* p) {
  for (std::size_t i = 0; i < code_bytes(F.codes) + scale_share<F>(); i += 64) {
    _mm_prefetch(p + prefetch_ahead + i, _MM_HINT_T1);
  }
}

struct ScaleMin {
  __m512 scale, min;
};

// Of half H of block b of a unit; H is 0 unless the format is super16.
template <Format F, int H>
inline ScaleMin scale_min(const MatmulArgs& a, const std::byte* scales, std::size_t b) {
  ScaleMin out{};
  if constexpr (F.scales == Scales::block) {
    const std::size_t bytes = a.scale_bits == ScaleBits::f32 ? 64 : 32;
    const std::byte* p = scales + (b >> a.group_shift) * bytes * (F.has_min ? 2 : 1);
    out.scale = scales_at(p, a.scale_bits);
    if constexpr (F.has_min) out.min = scales_at(p + bytes, a.scale_bits);
  } else {
    constexpr std::size_t halves = F.scales == Scales::super16 ? 2 : 1;
    constexpr std::size_t parts = F.has_min ? 2 : 1;
    const std::byte* sub = scales + 32 * parts + (b * halves + H) * parts * 16;
    out.scale = _mm512_mul_ps(halves_at(scales), signed_at(sub));
    if constexpr (F.has_min) {
      out.min = _mm512_mul_ps(_mm512_sub_ps(_mm512_setzero_ps(), halves_at(scales + 32)), unsigned_at(sub + 16));
    }
  }
  return out;
}

// acc[t] += vector J times the matching columns of token t.
template <Format F, int J, std::size_t T>
inline void dot(const std::uint8_t* codes, __m512i levels, const ActivationBlock* x, __m512i (&acc)[T]) {
  const __m512i w = vector<F.codes, J>(codes, levels);
  for (std::size_t t = 0; t < T; ++t) acc[t] = _mm512_dpbusd_epi32(acc[t], w, spread(x[t].q + 4 * J));
}

template <Format F>
struct Blocks {
  static constexpr std::size_t tokens_max = 12;

  // Columns 16 H.. of the block for super16, else all of it (H is 0).
  template <std::size_t T, int H>
  static inline void part(const MatmulArgs& a, const std::uint8_t* codes, const std::byte* scales, __m512i levels,
                          std::size_t b, const ActivationBlock* x, __m512 (&sum)[T], __m512& min) {
    constexpr bool half = F.scales == Scales::super16;
    constexpr int bits = bias_bits<F>();
    __m512i acc[T];
    for (std::size_t t = 0; t < T; ++t) {
      if constexpr (bits < 0) {
        acc[t] = _mm512_setzero_si512();
      } else {
        __m512i minus = spread(half && H == 0 ? &x[t].minus_first_half : &x[t].minus_sum);
        if constexpr (half && H == 1) minus = _mm512_sub_epi32(minus, spread(&x[t].minus_first_half));
        acc[t] = _mm512_slli_epi32(minus, bits);
      }
    }
    if constexpr (half) {
      dot<F, 4 * H>(codes, levels, x, acc);
      dot<F, 4 * H + 1>(codes, levels, x, acc);
      dot<F, 4 * H + 2>(codes, levels, x, acc);
      dot<F, 4 * H + 3>(codes, levels, x, acc);
    } else {
      dot<F, 0>(codes, levels, x, acc);
      dot<F, 4>(codes, levels, x, acc);
      dot<F, 1>(codes, levels, x, acc);
      dot<F, 5>(codes, levels, x, acc);
      dot<F, 2>(codes, levels, x, acc);
      dot<F, 6>(codes, levels, x, acc);
      dot<F, 3>(codes, levels, x, acc);
      dot<F, 7>(codes, levels, x, acc);
    }
    const ScaleMin s = scale_min<F, H>(a, scales, b);
    for (std::size_t t = 0; t < T; ++t) {
      sum[t] = _mm512_fmadd_ps(_mm512_mul_ps(s.scale, spread(x[t].scale)), _mm512_cvtepi32_ps(acc[t]), sum[t]);
    }
    min = s.min;
  }

  template <std::size_t T>
  static void run(const MatmulArgs& a, const std::byte* panel, const ActivationBlock* x, std::size_t width,
                  float (*out)[16]) {
    __m512i levels = _mm512_setzero_si512();
    if constexpr (F.codes == Codes::lut4) {
      const __m128i signed_levels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a.levels));
      levels = _mm512_broadcast_i32x4(_mm_xor_si128(signed_levels, _mm_set1_epi8(-128)));
    }
    __m512 sum[T];
    for (std::size_t t = 0; t < T; ++t) sum[t] = _mm512_setzero_ps();
    for (std::size_t left = a.cols / 32; left > 0;) {
      const std::size_t blocks = left < unit_blocks ? left : unit_blocks;
      const auto* codes = reinterpret_cast<const std::uint8_t*>(panel);
      const std::byte* scales = panel + blocks * code_bytes(F.codes);
      for (std::size_t b = 0; b < blocks; ++b, codes += code_bytes(F.codes), x += width) {
        prefetch<F>(codes + b * scale_share<F>());
        __m512 min;
        part<T, 0>(a, codes, scales, levels, b, x, sum, min);
        if constexpr (F.scales == Scales::super16) {
          __m512 second_min;
          part<T, 1>(a, codes, scales, levels, b, x, sum, second_min);
          if constexpr (F.has_min) {
            for (std::size_t t = 0; t < T; ++t) {
              const __m512i minus_first = spread(&x[t].minus_first_half);
              const __m512i minus_second = _mm512_sub_epi32(spread(&x[t].minus_sum), minus_first);
              const __m512i zero = _mm512_setzero_si512();
              const __m512 scale = spread(x[t].scale);
              const __m512 first = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_sub_epi32(zero, minus_first)));
              const __m512 second = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_sub_epi32(zero, minus_second)));
              sum[t] = _mm512_fmadd_ps(second_min, second, _mm512_fmadd_ps(min, first, sum[t]));
            }
          }
        } else if constexpr (F.has_min) {
          for (std::size_t t = 0; t < T; ++t) sum[t] = _mm512_fmadd_ps(min, spread(x[t].scaled_sum), sum[t]);
        }
      }
      left -= blocks;
      panel += a.unit_bytes;
    }
    for (std::size_t t = 0; t < T; ++t) _mm512_storeu_ps(out[t], sum[t]);
  }
};

template <FloatBits B>
struct Floats {
  static constexpr std::size_t tokens_max = 12;

  template <std::size_t T>
  static void run(const MatmulArgs& a, const std::byte* panel, const float* x, std::size_t width, float (*out)[16]) {
    constexpr std::size_t bytes = B == FloatBits::f32 ? 64 : 32;
    constexpr ScaleBits bits =
        B == FloatBits::f32 ? ScaleBits::f32 : (B == FloatBits::f16 ? ScaleBits::f16 : ScaleBits::bf16);
    __m512 sum[T];
    for (std::size_t t = 0; t < T; ++t) sum[t] = _mm512_setzero_ps();
    for (std::size_t c = 0; c < a.cols; ++c, panel += bytes, x += width) {
      const __m512 w = scales_at(panel, bits);
      for (std::size_t t = 0; t < T; ++t) sum[t] = _mm512_fmadd_ps(w, spread(x[t]), sum[t]);
    }
    for (std::size_t t = 0; t < T; ++t) _mm512_storeu_ps(out[t], sum[t]);
  }
};

}  // namespace

MatmulKernel matmul_kernel_avx512(FormatId format) { return Tiles<Blocks, Floats, Isa::avx512>::kernel_of(format); }

}  // namespace assay::kernel
