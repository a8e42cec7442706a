// AVX2: a 32-bit lane per row, eight rows at a time, the two halves of a panel one after the other. Compiled with flags
// of its own: everything here is local to the file, and nothing inline comes from elsewhere.
//
// vpmaddubsw multiplies unsigned by signed bytes and adds pairs into 16 bits, where a sum must not pass 32767. Codes of
// n bits are at most 2^n - 1 and inputs at most 127, so that 8 products of four bits, 4 of five and 2 of six can be
// added before they are widened. Signed bytes move their sign to the input; 128 * 127 * 2 still fits, once.
#include <immintrin.h>

#include "kernel/matmul/layout.h"
#include "kernel/matmul/walk.h"

namespace assay::kernel {
namespace {

// Further than in the AVX-512 form, which keeps more loads in flight by itself: decode of a 0.6B q4_0 model on one Zen 4
// core at 1 KiB 74 tokens/s, at 8 KiB 83.
constexpr std::size_t prefetch_ahead = 8192;

constexpr bool is_signed(Codes c) { return c == Codes::s8 || c == Codes::lut4; }

// Products of vpmaddubsw that fit in 16 bits together.
constexpr int depth(Codes c) {
  switch (c) {
    case Codes::u2:
    case Codes::u3:
    case Codes::u4:
      return 8;
    case Codes::u5:
      return 4;
    case Codes::u6:
      return 2;
    default:
      return 1;
  }
}
static_assert(15 * 127 * 2 * 8 <= 32767 && 31 * 127 * 2 * 4 <= 32767 && 63 * 127 * 2 * 2 <= 32767);

inline __m256i load(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline __m256i spread(const void* p) {
  int value;
  __builtin_memcpy(&value, p, 4);
  return _mm256_set1_epi32(value);
}
inline __m256 spread(const float& value) { return _mm256_set1_ps(value); }

// Moves bits `at`.. of every byte to bit `to`, and keeps only those of `mask`.
template <int at, int to>
inline __m256i field(__m256i v, char mask) {
  if constexpr (at > to) v = _mm256_srli_epi16(v, at - to);
  if constexpr (at < to) v = _mm256_slli_epi16(v, to - at);
  return _mm256_and_si256(v, _mm256_set1_epi8(mask));
}

// Half a vector J of a block, p pointing at that half; see layout.h.
template <Codes C, int J>
inline __m256i vector(const std::uint8_t* p, __m256i levels) {
  if constexpr (C == Codes::s8) return load(p + 64 * J);
  if constexpr (C == Codes::u2) return field<J % 4 * 2, 0>(load(p + J / 4 * 64), 3);
  if constexpr (C == Codes::u3) {
    return _mm256_or_si256(vector<Codes::u2, J>(p, levels), field<J, 2>(load(p + 128), 4));
  }
  if constexpr (C == Codes::u4 || C == Codes::lut4 || C == Codes::u5 || C == Codes::u6) {
    const __m256i low = field<J / 4 * 4, 0>(load(p + J % 4 * 64), 15);
    if constexpr (C == Codes::lut4) return _mm256_shuffle_epi8(levels, low);
    if constexpr (C == Codes::u5) return _mm256_or_si256(low, field<J, 4>(load(p + 256), 16));
    if constexpr (C == Codes::u6) return _mm256_or_si256(low, field<J % 4 * 2, 4>(load(p + 256 + J / 4 * 64), 48));
    return low;
  }
}

// Eight values for the rows of half R, p pointing at those of the whole panel.
template <int R>
inline __m256 halves_at(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * R)));
}

template <int R>
inline __m256 scales_at(const std::byte* p, ScaleBits bits) {
  if (bits == ScaleBits::f16) return halves_at<R>(p);
  if (bits == ScaleBits::f32) return _mm256_loadu_ps(reinterpret_cast<const float*>(p + 32 * R));
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * R));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}

template <int R>
inline __m256 signed_at(const std::byte* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8 * R))));
}

template <int R>
inline __m256 unsigned_at(const std::byte* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8 * R))));
}

template <Format F>
constexpr std::size_t scale_share() {
  return scale_bytes(F, ScaleBits::f16) / (F.scales == Scales::block ? 1 : unit_blocks);
}

// Asks for what will be read `prefetch_ahead` bytes later, into the second-level cache.
template <Format F>
inline void prefetch(const std::uint8_t* p) {
  for (std::size_t i = 0; i < code_bytes(F.codes) + scale_share<F>(); i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(p + prefetch_ahead + i), _MM_HINT_T1);
  }
}

struct ScaleMin {
  __m256 scale, min;
};

// Of rows R, half H of block b of a unit; H is 0 unless the format is super16.
template <Format F, int R, int H>
inline ScaleMin scale_min(const MatmulArgs& a, const std::byte* scales, std::size_t b) {
  ScaleMin out{};
  if constexpr (F.scales == Scales::block) {
    const std::size_t bytes = a.scale_bits == ScaleBits::f32 ? 64 : 32;
    const std::byte* p = scales + (b >> a.group_shift) * bytes * (F.has_min ? 2 : 1);
    out.scale = scales_at<R>(p, a.scale_bits);
    if constexpr (F.has_min) out.min = scales_at<R>(p + bytes, a.scale_bits);
  } else {
    constexpr std::size_t halves = F.scales == Scales::super16 ? 2 : 1;
    constexpr std::size_t parts = F.has_min ? 2 : 1;
    const std::byte* sub = scales + 32 * parts + (b * halves + H) * parts * 16;
    out.scale = _mm256_mul_ps(halves_at<R>(scales), signed_at<R>(sub));
    if constexpr (F.has_min) {
      out.min = _mm256_mul_ps(_mm256_sub_ps(_mm256_setzero_ps(), halves_at<R>(scales + 32)), unsigned_at<R>(sub + 16));
    }
  }
  return out;
}

// What the integer dot product starts from: offset * sum of q.
template <Format F, int H>
inline __m256i start(const ActivationBlock& x) {
  constexpr int offset = F.offset < 0 ? -F.offset : F.offset;
  constexpr int bits = offset == 0 ? 0 : __builtin_ctz(static_cast<unsigned>(offset));
  if constexpr (offset == 0) return _mm256_setzero_si256();
  __m256i minus = spread(&x.minus_sum);
  if constexpr (F.scales == Scales::super16) {
    const __m256i first = spread(&x.minus_first_half);
    minus = H == 0 ? first : _mm256_sub_epi32(minus, first);
  }
  minus = _mm256_slli_epi32(minus, bits);
  return F.offset < 0 ? minus : _mm256_sub_epi32(_mm256_setzero_si256(), minus);
}

// narrow[t] (+)= vector J times the matching columns; widened into wide[t] after the last of a run.
template <Format F, int J, bool first, bool last, std::size_t T>
inline void dot(const std::uint8_t* codes, __m256i levels, const ActivationBlock* x, __m256i (&narrow)[T],
                __m256i (&wide)[T]) {
  const __m256i w = vector<F.codes, J>(codes, levels);
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i magnitude = is_signed(F.codes) ? _mm256_abs_epi8(w) : w;
  for (std::size_t t = 0; t < T; ++t) {
    __m256i q = spread(x[t].q + 4 * J);
    if constexpr (is_signed(F.codes)) q = _mm256_sign_epi8(q, w);
    const __m256i product = _mm256_maddubs_epi16(magnitude, q);
    narrow[t] = first ? product : _mm256_add_epi16(narrow[t], product);
    if constexpr (last) wide[t] = _mm256_add_epi32(wide[t], _mm256_madd_epi16(narrow[t], ones));
  }
}

// Vectors I.. of the order 0 4 1 5 2 6 3 7 (bytes shared by nibbles follow each other), or 4 H.. for super16.
template <Format F, int H, int I, std::size_t T>
inline void dots(const std::uint8_t* codes, __m256i levels, const ActivationBlock* x, __m256i (&narrow)[T],
                 __m256i (&wide)[T]) {
  constexpr bool half = F.scales == Scales::super16;
  constexpr int count = half ? 4 : 8;
  if constexpr (I < count) {
    constexpr int j = half ? 4 * H + I : I / 2 + I % 2 * 4;
    constexpr int run = depth(F.codes);
    dot<F, j, I % run == 0, I % run == run - 1 || I == count - 1>(codes, levels, x, narrow, wide);
    dots<F, H, I + 1>(codes, levels, x, narrow, wide);
  }
}

template <Format F>
struct Blocks {
  static constexpr std::size_t tokens_max = 4;

  // Rows R of half H of a block (H is 0 unless super16); gives the minima.
  template <int R, int H, std::size_t T>
  static inline __m256 part(const MatmulArgs& a, const std::uint8_t* codes, const std::byte* scales, __m256i levels,
                            std::size_t b, const ActivationBlock* x, __m256 (&sum)[T]) {
    __m256i narrow[T];
    __m256i wide[T];
    for (std::size_t t = 0; t < T; ++t) wide[t] = start<F, H>(x[t]);
    dots<F, H, 0>(codes + 32 * R, levels, x, narrow, wide);
    const ScaleMin s = scale_min<F, R, H>(a, scales, b);
    for (std::size_t t = 0; t < T; ++t) {
      sum[t] = _mm256_fmadd_ps(_mm256_mul_ps(s.scale, spread(x[t].scale)), _mm256_cvtepi32_ps(wide[t]), sum[t]);
    }
    return s.min;
  }

  template <int R, std::size_t T>
  static inline void rows(const MatmulArgs& a, const std::uint8_t* codes, const std::byte* scales, __m256i levels,
                          std::size_t b, const ActivationBlock* x, __m256 (&sum)[T]) {
    const __m256 min = part<R, 0>(a, codes, scales, levels, b, x, sum);
    if constexpr (F.scales == Scales::super16) {
      const __m256 second_min = part<R, 1>(a, codes, scales, levels, b, x, sum);
      if constexpr (F.has_min) {
        for (std::size_t t = 0; t < T; ++t) {
          const int first = -x[t].minus_first_half;
          const int second = -(x[t].minus_sum - x[t].minus_first_half);
          sum[t] = _mm256_fmadd_ps(min, _mm256_set1_ps(x[t].scale * static_cast<float>(first)), sum[t]);
          sum[t] = _mm256_fmadd_ps(second_min, _mm256_set1_ps(x[t].scale * static_cast<float>(second)), sum[t]);
        }
      }
    } else if constexpr (F.has_min) {
      for (std::size_t t = 0; t < T; ++t) sum[t] = _mm256_fmadd_ps(min, spread(x[t].scaled_sum), sum[t]);
    }
  }

  template <std::size_t T>
  static void run(const MatmulArgs& a, const std::byte* panel, const ActivationBlock* x, std::size_t width,
                  float (*out)[16]) {
    __m256i levels = _mm256_setzero_si256();
    if constexpr (F.codes == Codes::lut4) {
      levels = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a.levels)));
    }
    __m256 low[T];
    __m256 high[T];
    for (std::size_t t = 0; t < T; ++t) low[t] = high[t] = _mm256_setzero_ps();
    for (std::size_t left = a.cols / 32; left > 0;) {
      const std::size_t blocks = left < unit_blocks ? left : unit_blocks;
      const auto* codes = reinterpret_cast<const std::uint8_t*>(panel);
      const std::byte* scales = panel + blocks * code_bytes(F.codes);
      for (std::size_t b = 0; b < blocks; ++b, codes += code_bytes(F.codes), x += width) {
        prefetch<F>(codes + b * scale_share<F>());
        rows<0>(a, codes, scales, levels, b, x, low);
        rows<1>(a, codes, scales, levels, b, x, high);
      }
      left -= blocks;
      panel += a.unit_bytes;
    }
    for (std::size_t t = 0; t < T; ++t) {
      _mm256_storeu_ps(out[t], low[t]);
      _mm256_storeu_ps(out[t] + 8, high[t]);
    }
  }
};

template <FloatBits B>
struct Floats {
  static constexpr std::size_t tokens_max = 4;

  template <std::size_t T>
  static void run(const MatmulArgs& a, const std::byte* panel, const float* x, std::size_t width, float (*out)[16]) {
    constexpr std::size_t bytes = B == FloatBits::f32 ? 64 : 32;
    constexpr ScaleBits bits =
        B == FloatBits::f32 ? ScaleBits::f32 : (B == FloatBits::f16 ? ScaleBits::f16 : ScaleBits::bf16);
    __m256 low[T];
    __m256 high[T];
    for (std::size_t t = 0; t < T; ++t) low[t] = high[t] = _mm256_setzero_ps();
    for (std::size_t c = 0; c < a.cols; ++c, panel += bytes, x += width) {
      const __m256 w_low = scales_at<0>(panel, bits);
      const __m256 w_high = scales_at<1>(panel, bits);
      for (std::size_t t = 0; t < T; ++t) {
        low[t] = _mm256_fmadd_ps(w_low, spread(x[t]), low[t]);
        high[t] = _mm256_fmadd_ps(w_high, spread(x[t]), high[t]);
      }
    }
    for (std::size_t t = 0; t < T; ++t) {
      _mm256_storeu_ps(out[t], low[t]);
      _mm256_storeu_ps(out[t] + 8, high[t]);
    }
  }
};

}  // namespace

MatmulKernel matmul_kernel_avx2(FormatId format) { return Tiles<Blocks, Floats, Isa::avx2>::kernel_of(format); }

}  // namespace assay::kernel
