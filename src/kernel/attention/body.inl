// The loops of attention over a register type. The including file defines, in namespace assay::kernel::ISA:
//   ASSAY_TARGET              attribute of every function
//   Vec, width                a register of `width` floats, 32 % width == 0
//   row_block                 most query rows that one pass keeps in registers
//   zero() load(p) store(p, x) broadcast(f) multiply(a, b) multiply_add(a, b, c) load_half(p) load_bytes(p)
//   load_quad(p, j)           byte j of each of `width` groups of four bytes, as floats
//   multiply_add_scalar(a, b, c), prefetch_l1(p), prefetch_l2(p)
// Each output is one chain of multiply_add, over dimensions for scores and over positions for values, so that blocking
// changes no bit.

#define ASSAY_INLINE ASSAY_TARGET __attribute__((always_inline)) inline
#if defined(__clang__)
#define ASSAY_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ASSAY_UNROLL _Pragma("GCC unroll 16")
#endif

constexpr std::size_t positions = kv_page_positions;

// While a page is computed the next one is fetched front to back, whatever order this one is read in: without that a
// core waits for memory half of the time. Halves come to L2, since two pages of them beside the two being read crowd L1
// (head_dim 128: f16 0.60x the time of fetching to L1, q8_0 1.12x; Zen 5); bytes come to L1.

// Where keys come from: `width` keys of dimension d at position p. Two planes make twice the positions side by side: few
// rows need them to have enough independent chains (a multiply-add takes 4 cycles, two start in each).
struct WideKeys {
  static constexpr std::size_t count = positions;
  const float* keys;
  ASSAY_INLINE Vec at(std::size_t d, std::size_t p) const { return load(keys + d * positions + p); }
  ASSAY_INLINE void bring(std::size_t) const {}
};
template <std::size_t planes>
struct HalfKeys {
  static constexpr std::size_t count = planes * positions;
  const std::byte* keys[planes];
  const std::byte* next[planes];
  ASSAY_INLINE Vec at(std::size_t d, std::size_t p) const {
    return load_half(keys[p / positions] + (d * positions + p % positions) * 2);
  }
  ASSAY_INLINE void bring(std::size_t d) const {  // one line of 64 bytes per d
    ASSAY_UNROLL
    for (std::size_t i = 0; i < planes; ++i) prefetch_l2(next[i] + d * positions * 2);
  }
};
// Four dimensions of a position lie together; scales are widened before, (dim / 32, 32).
template <std::size_t planes>
struct ByteKeys {
  static constexpr std::size_t count = planes * positions;
  const std::byte* keys[planes];
  const float* scales[planes];
  const std::byte* next[planes];
  ASSAY_INLINE Vec at(std::size_t d, std::size_t p) const {
    const std::size_t i = p / positions;
    return multiply(load(scales[i] + d / 32 * positions + p % positions),
                    load_quad(keys[i] + (d / 4 * positions + p % positions) * 4, d % 4));
  }
  ASSAY_INLINE void bring(std::size_t d) const {  // half a line per d
    ASSAY_UNROLL
    for (std::size_t i = 0; i < planes; ++i) prefetch_l1(next[i] + d * positions);
  }
};

// R rows against V registers of positions at a time.
template <std::size_t R, std::size_t V, class Keys>
ASSAY_TARGET inline void score_block(const Keys& keys, const float* q, std::size_t dim, float* scores,
                                     std::size_t score_stride) {
  static_assert(Keys::count % (V * width) == 0 && (V * width <= positions || V * width == Keys::count));
  for (std::size_t at = 0; at < Keys::count; at += V * width) {
    Vec sum[R][V];
    ASSAY_UNROLL
    for (std::size_t r = 0; r < R; ++r) {
      ASSAY_UNROLL
      for (std::size_t v = 0; v < V; ++v) sum[r][v] = zero();
    }
    const auto step = [&](std::size_t d) __attribute__((always_inline)) ASSAY_TARGET {
      Vec key[V];
      ASSAY_UNROLL
      for (std::size_t v = 0; v < V; ++v) key[v] = keys.at(d, at + v * width);
      ASSAY_UNROLL
      for (std::size_t r = 0; r < R; ++r) {
        const Vec query = broadcast(q[r * dim + d]);
        ASSAY_UNROLL
        for (std::size_t v = 0; v < V; ++v) sum[r][v] = multiply_add(query, key[v], sum[r][v]);
      }
    };
    std::size_t d = 0;
    for (; d + 4 <= dim; d += 4) {  // by four, so that load_quad knows its byte
      if (at == 0) {
        ASSAY_UNROLL
        for (std::size_t i = 0; i < 4; ++i) keys.bring(d + i);
      }
      ASSAY_UNROLL
      for (std::size_t i = 0; i < 4; ++i) step(d + i);
    }
    for (; d < dim; ++d) step(d);
    ASSAY_UNROLL
    for (std::size_t r = 0; r < R; ++r) {
      ASSAY_UNROLL
      for (std::size_t v = 0; v < V; ++v) store(scores + r * score_stride + at + v * width, sum[r][v]);
    }
  }
}

// Registers of positions (or dimensions) per row, so that R rows fit beside what they are multiplied with.
template <std::size_t R>
constexpr std::size_t registers_beside(std::size_t most) {
  const std::size_t fit = R <= 2 ? 4 : 2;
  return fit < most ? fit : most;
}

template <class Keys>
ASSAY_TARGET inline void score_rows(const Keys& keys, const float* q, std::size_t rows, std::size_t dim, float* scores,
                                    std::size_t score_stride) {
  std::size_t r = 0;
  const auto run = [&]<std::size_t R>() ASSAY_TARGET {
    score_block<R, registers_beside<R>(Keys::count / width)>(keys, q + r * dim, dim, scores + r * score_stride,
                                                             score_stride);
    r += R;
  };
  if constexpr (row_block >= 8) {
    while (rows - r >= 8) run.template operator()<8>();
  }
  while (rows - r >= 4) run.template operator()<4>();
  if (rows - r == 3) run.template operator()<3>();
  if (rows - r == 2) run.template operator()<2>();
  if (rows - r == 1) run.template operator()<1>();
}

// Where values come from: `width` values of position p from dimension d on.
struct WideValues {
  const float* values;
  std::size_t dim;
  ASSAY_INLINE Vec at(std::size_t p, std::size_t d) const { return load(values + p * dim + d); }
  ASSAY_INLINE float one(std::size_t p, std::size_t d) const { return values[p * dim + d]; }
  ASSAY_INLINE void bring(std::size_t) const {}
};
struct HalfValues {
  const std::byte* values;
  const std::byte* next;
  std::size_t dim;
  ASSAY_INLINE Vec at(std::size_t p, std::size_t d) const { return load_half(values + (p * dim + d) * 2); }
  ASSAY_INLINE float one(std::size_t p, std::size_t d) const {
    std::uint16_t bits = 0;
    std::memcpy(&bits, values + (p * dim + d) * 2, 2);
    return half_to_float(bits);
  }
  ASSAY_INLINE void bring(std::size_t i) const { prefetch_l2(next + i * 2); }
};
struct ByteValues {
  const std::byte* values;
  const float* scales;  // (dim / 32, 32)
  const std::byte* next;
  std::size_t dim;
  ASSAY_INLINE Vec at(std::size_t p, std::size_t d) const {
    return multiply(broadcast(scales[d / 32 * positions + p]), load_bytes(values + p * dim + d));
  }
  ASSAY_INLINE float one(std::size_t p, std::size_t d) const {
    return scales[d / 32 * positions + p] * static_cast<float>(static_cast<std::int8_t>(values[p * dim + d]));
  }
  ASSAY_INLINE void bring(std::size_t i) const { prefetch_l1(next + i); }
};

template <std::size_t R, std::size_t V, class Values>
ASSAY_TARGET inline void value_block(const Values& values, const float* weights, std::size_t weight_stride,
                                     std::size_t begin, std::size_t end, std::size_t dim, std::size_t d, float* out) {
  Vec sum[R][V];
  ASSAY_UNROLL
  for (std::size_t r = 0; r < R; ++r) {
    ASSAY_UNROLL
    for (std::size_t v = 0; v < V; ++v) sum[r][v] = load(out + r * dim + d + v * width);
  }
  for (std::size_t p = begin; p < end; ++p) {
    values.bring(d * positions + p * V * width);  // front to back, though this page is read in strips
    Vec value[V];
    ASSAY_UNROLL
    for (std::size_t v = 0; v < V; ++v) value[v] = values.at(p, d + v * width);
    ASSAY_UNROLL
    for (std::size_t r = 0; r < R; ++r) {
      const Vec weight = broadcast(weights[r * weight_stride + p]);
      ASSAY_UNROLL
      for (std::size_t v = 0; v < V; ++v) sum[r][v] = multiply_add(weight, value[v], sum[r][v]);
    }
  }
  ASSAY_UNROLL
  for (std::size_t r = 0; r < R; ++r) {
    ASSAY_UNROLL
    for (std::size_t v = 0; v < V; ++v) store(out + r * dim + d + v * width, sum[r][v]);
  }
}

template <std::size_t R, class Values>
ASSAY_TARGET inline void value_dims(const Values& values, const float* weights, std::size_t weight_stride,
                                    std::size_t begin, std::size_t end, std::size_t dim, float* out) {
  constexpr std::size_t V = registers_beside<R>(4);
  std::size_t d = 0;
  for (; d + V * width <= dim; d += V * width) {
    value_block<R, V>(values, weights, weight_stride, begin, end, dim, d, out);
  }
  for (; d + width <= dim; d += width) value_block<R, 1>(values, weights, weight_stride, begin, end, dim, d, out);
  for (; d < dim; ++d) {
    for (std::size_t r = 0; r < R; ++r) {
      float sum = out[r * dim + d];
      for (std::size_t p = begin; p < end; ++p) {
        sum = multiply_add_scalar(weights[r * weight_stride + p], values.one(p, d), sum);
      }
      out[r * dim + d] = sum;
    }
  }
}

template <class Values>
ASSAY_TARGET inline void value_rows(const Values& values, const float* weights, std::size_t weight_stride,
                                    std::size_t rows, std::size_t begin, std::size_t end, std::size_t dim, float* out) {
  std::size_t r = 0;
  const auto run = [&]<std::size_t R>() ASSAY_TARGET {
    value_dims<R>(values, weights + r * weight_stride, weight_stride, begin, end, dim, out + r * dim);
    r += R;
  };
  if constexpr (row_block >= 8) {
    while (rows - r >= 8) run.template operator()<8>();
  }
  while (rows - r >= 4) run.template operator()<4>();
  if (rows - r == 3) run.template operator()<3>();
  if (rows - r == 2) run.template operator()<2>();
  if (rows - r == 1) run.template operator()<1>();
}

// The d of one half of a q8_0 plane as floats, (dim / 32, 32).
ASSAY_TARGET inline void widen_scales(const std::byte* scales, std::size_t dim, float* out) {
  for (std::size_t i = 0; i < dim; i += width) store(out + i, load_half(scales + i * 2));
}

ASSAY_TARGET void widen_keys(const KvLayout& layout, const std::byte* plane, float* keys) {
  const std::size_t n = positions * layout.head_dim;
  if (layout.type == KvType::f16) {
    for (std::size_t i = 0; i < n; i += width) store(keys + i, load_half(plane + i * 2));
    return;
  }
  alignas(64) float scales[kv_head_dim_max];
  widen_scales(plane + n, layout.head_dim, scales);
  const ByteKeys<1> source{{plane}, {scales}, {nullptr}};
  for (std::size_t d = 0; d < layout.head_dim; d += 4) {
    for (std::size_t p = 0; p < positions; p += width) {
      ASSAY_UNROLL
      for (std::size_t j = 0; j < 4; ++j) store(keys + (d + j) * positions + p, source.at(d + j, p));
    }
  }
}

ASSAY_TARGET void widen_values(const KvLayout& layout, const std::byte* plane, float* values) {
  const std::size_t n = positions * layout.head_dim;
  const std::byte* from = plane + layout.values_at();
  if (layout.type == KvType::f16) {
    for (std::size_t i = 0; i < n; i += width) store(values + i, load_half(from + i * 2));
    return;
  }
  alignas(64) float scales[kv_head_dim_max];
  widen_scales(from + n, layout.head_dim, scales);
  const ByteValues source{from, scales, nullptr, layout.head_dim};
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t d = 0; d < layout.head_dim; d += width) store(values + p * layout.head_dim + d, source.at(p, d));
  }
}

ASSAY_TARGET void scores(const float* keys, const float* q, std::size_t rows, std::size_t dim, float* out,
                         std::size_t score_stride) {
  score_rows(WideKeys{keys}, q, rows, dim, out, score_stride);
}

ASSAY_TARGET void values(const float* wide, const float* weights, std::size_t weight_stride, std::size_t rows,
                         std::size_t begin, std::size_t end, std::size_t dim, float* out) {
  value_rows(WideValues{wide, dim}, weights, weight_stride, rows, begin, end, dim, out);
}

ASSAY_TARGET void plane_scores(const KvLayout& layout, const std::byte* plane, const std::byte* next, const float* q,
                               std::size_t rows, float* out, std::size_t score_stride) {
  const std::size_t dim = layout.head_dim;
  if (layout.type == KvType::f16) return score_rows(HalfKeys<1>{{plane}, {next}}, q, rows, dim, out, score_stride);
  alignas(64) float scales[kv_head_dim_max];
  widen_scales(plane + positions * dim, dim, scales);
  score_rows(ByteKeys<1>{{plane}, {scales}, {next}}, q, rows, dim, out, score_stride);
}

ASSAY_TARGET void pair_scores(const KvLayout& layout, const std::byte* const* plane, const std::byte* const* next,
                              const float* q, std::size_t rows, float* out, std::size_t score_stride) {
  const std::size_t dim = layout.head_dim;
  if (layout.type == KvType::f16) {
    return score_rows(HalfKeys<2>{{plane[0], plane[1]}, {next[0], next[1]}}, q, rows, dim, out, score_stride);
  }
  alignas(64) float scales[2][kv_head_dim_max];
  for (std::size_t i = 0; i < 2; ++i) widen_scales(plane[i] + positions * dim, dim, scales[i]);
  score_rows(ByteKeys<2>{{plane[0], plane[1]}, {scales[0], scales[1]}, {next[0], next[1]}}, q, rows, dim, out,
             score_stride);
}

ASSAY_TARGET void plane_values(const KvLayout& layout, const std::byte* plane, const std::byte* next,
                               const float* weights, std::size_t weight_stride, std::size_t rows, std::size_t begin,
                               std::size_t end, float* out) {
  const std::size_t dim = layout.head_dim;
  const std::byte* from = plane + layout.values_at();
  if (layout.type == KvType::f16) {
    return value_rows(HalfValues{from, next, dim}, weights, weight_stride, rows, begin, end, dim, out);
  }
  alignas(64) float scales[kv_head_dim_max];
  widen_scales(from + positions * dim, dim, scales);
  value_rows(ByteValues{from, scales, next, dim}, weights, weight_stride, rows, begin, end, dim, out);
}

ASSAY_TARGET void fold(float* out, float a, const float* x, float b, std::size_t n) {
  const Vec old_weight = broadcast(a);
  const Vec new_weight = broadcast(b);
  std::size_t i = 0;
  for (; i + width <= n; i += width) {
    store(out + i, multiply_add(load(x + i), new_weight, multiply(load(out + i), old_weight)));
  }
  for (; i < n; ++i) out[i] = multiply_add_scalar(x[i], b, out[i] * a);
}

#undef ASSAY_INLINE
#undef ASSAY_UNROLL
