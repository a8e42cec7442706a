#include "kernel/attention/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernel/attention/variants.h"
#include "kernel/vector/exp.h"

namespace assay::kernel {

const AttentionKernels& attention_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::avx512) return avx512::attention_kernels;
  if (isa >= Isa::avx2) return avx2::attention_kernels;
#endif
  static_cast<void>(isa);
  return portable::attention_kernels;
}

namespace {

// Up to so many rows read keys and values straight from the plane: widening first would cost more than it saves.
constexpr std::size_t direct_rows = 8;
constexpr std::size_t sum_lanes = 16;  // exp_minus sums over lanes by position mod 16

struct Range {
  std::uint32_t begin, end;
  bool empty() const { return begin >= end; }
};

Range intersect(Range a, Range b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

Range seen_by(const AttentionTask& task, std::uint32_t token) {
  const std::uint32_t end = task.position + token + 1;
  return {task.window != 0 && end > task.window ? end - task.window : 0, end};
}

Range seen_by_any(const AttentionTask& task) { return {seen_by(task, 0).begin, task.position + task.tokens}; }

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// One chunk's result: rows of weighted values, then each row's greatest score, then each row's sum.
struct Partial {
  float* values;
  float* greatest;
  float* sum;

  Partial(const AttentionTask& task, float* at)
      : values(at), greatest(at + task.rows() * task.kv.layout.head_dim), sum(greatest + task.rows()) {}
};

struct Scratch {
  float* q;       // (rows, head_dim), scaled
  float* scores;  // (rows, attention_chunk)
  float* wide;    // a page's keys or values in float
  float* state;   // two partials: folded so far, and the next
  float* next;

  static std::size_t partial(const AttentionTask& task) { return round_up(attention_partial_size(task), 16); }

  Scratch(const AttentionTask& task, std::span<float> all) {
    ASSAY_ASSERT(all.size() >= attention_scratch(task));
    q = all.data();
    scores = q + round_up(task.rows() * task.kv.layout.head_dim, 16);
    wide = scores + task.rows() * attention_chunk;
    state = wide + std::size_t{kv_page_positions} * task.kv.layout.head_dim;
    next = state + partial(task);
  }
};

void scale_queries(const AttentionKernels& kernels, const AttentionTask& task, float* q) {
  const std::size_t row_floats = std::size_t{task.group} * task.kv.layout.head_dim;
  for (std::uint32_t t = 0; t < task.tokens; ++t) {
    std::memcpy(q + t * row_floats, task.queries + t * task.query_stride, row_floats * sizeof(float));
    kernels.multiply(q + t * row_floats, task.scale, row_floats);
  }
}

class ChunkWork {
 public:
  ChunkWork(const AttentionKernels& kernels, const AttentionTask& task, std::uint32_t chunk, const Scratch& scratch)
      : kernels_(kernels),
        task_(task),
        scratch_(scratch),
        dim_(task.kv.layout.head_dim),
        start_(chunk * attention_chunk),
        range_(intersect(seen_by_any(task), {start_, start_ + attention_chunk})) {}

  void run(Partial out) {
    for (std::uint32_t p = first_page(); p < end_page();) p += score_pages(p);
    for (std::uint32_t t = 0; t < task_.tokens; ++t) weigh(t, out);
    std::fill_n(out.values, task_.rows() * dim_, 0.0F);
    for (std::uint32_t p = first_page(); p < end_page(); ++p) add_page(p, out.values);
  }

 private:
  std::uint32_t first_page() const { return range_.begin / kv_page_positions; }
  std::uint32_t end_page() const {
    return range_.empty() ? first_page() : (range_.end + kv_page_positions - 1) / kv_page_positions;
  }
  static Range positions_of(std::uint32_t page) {
    return {page * kv_page_positions, page * kv_page_positions + kv_page_positions};
  }
  bool direct() const { return task_.rows() <= direct_rows; }
  const std::byte* values_of(std::uint32_t page) const { return task_.kv.plane(page) + task_.kv.layout.values_at(); }

  // Tokens that see something of a page: these are neighbours.
  Range tokens_that_see(std::uint32_t page) const {
    const Range here = positions_of(page);
    std::uint32_t begin = 0;
    while (begin < task_.tokens && intersect(seen_by(task_, begin), here).empty()) ++begin;
    std::uint32_t end = begin;
    while (end < task_.tokens && !intersect(seen_by(task_, end), here).empty()) ++end;
    return {begin, end};
  }

  // Scores of one page, or of two where that pays; returns how many.
  std::uint32_t score_pages(std::uint32_t page) {
    const Range tokens = tokens_that_see(page);
    const std::size_t row = std::size_t{tokens.begin} * task_.group;
    const std::size_t rows = std::size_t{tokens.end - tokens.begin} * task_.group;
    const float* q = scratch_.q + row * dim_;
    float* scores = scratch_.scores + row * attention_chunk + (positions_of(page).begin - start_);
    const auto& kv = task_.kv;
    if (!direct()) {
      kernels_.widen_keys(kv.layout, kv.plane(page), scratch_.wide);
      kernels_.scores(scratch_.wide, q, rows, dim_, scores, attention_chunk);
      return 1;
    }
    const auto after = [&](std::uint32_t p) {  // the values follow the last keys
      return p < end_page() ? kv.plane(p) : values_of(std::min(first_page() + (p - end_page()), end_page() - 1));
    };
    if (page + 1 < end_page()) {
      const Range others = tokens_that_see(page + 1);
      if (others.begin == tokens.begin && others.end == tokens.end) {
        const std::byte* planes[] = {kv.plane(page), kv.plane(page + 1)};
        const std::byte* next[] = {after(page + 2), after(page + 3)};
        kernels_.pair_scores(kv.layout, planes, next, q, rows, scores, attention_chunk);
        return 2;
      }
    }
    kernels_.plane_scores(kv.layout, kv.plane(page), after(page + 1), q, rows, scores, attention_chunk);
    return 1;
  }

  // Scores of a token's rows become weights e^(s - max). What the token does not see gets weight 0 as far as whole
  // groups of 16 lanes are summed, and is not read beyond.
  void weigh(std::uint32_t t, Partial out) {
    const Range seen = intersect(seen_by(task_, t), range_);
    for (std::size_t row = std::size_t{t} * task_.group; row < (t + std::size_t{1}) * task_.group; ++row) {
      out.greatest[row] = -std::numeric_limits<float>::infinity();
      out.sum[row] = 0;
      if (seen.empty()) continue;
      float* scores = scratch_.scores + row * attention_chunk;
      const std::size_t begin = seen.begin - start_;
      const std::size_t end = seen.end - start_;
      const std::size_t first = begin / sum_lanes * sum_lanes;
      const std::size_t last = round_up(end, sum_lanes);
      std::fill(scores + first, scores + begin, -std::numeric_limits<float>::infinity());
      std::fill(scores + end, scores + last, -std::numeric_limits<float>::infinity());
      out.greatest[row] = kernels_.maximum(scores + first, last - first);
      out.sum[row] = kernels_.exp_minus(scores + first, out.greatest[row], last - first);
    }
  }

  void add_page(std::uint32_t page, float* out) {
    const Range here = positions_of(page);
    if (!direct()) kernels_.widen_values(task_.kv.layout, task_.kv.plane(page), scratch_.wide);
    for (std::uint32_t t = 0; t < task_.tokens;) {  // runs of tokens that see the same part of the page
      const Range seen = intersect(intersect(seen_by(task_, t), range_), here);
      std::uint32_t end = t + 1;
      while (end < task_.tokens) {
        const Range other = intersect(intersect(seen_by(task_, end), range_), here);
        if (other.begin != seen.begin || other.end != seen.end) break;
        ++end;
      }
      if (!seen.empty()) add_rows(page, std::size_t{t} * task_.group, std::size_t{end - t} * task_.group, seen, out);
      t = end;
    }
  }

  void add_rows(std::uint32_t page, std::size_t row, std::size_t rows, Range seen, float* out) {
    const std::uint32_t page_start = page * kv_page_positions;
    const float* weights = scratch_.scores + row * attention_chunk + (page_start - start_);
    float* to = out + row * dim_;
    const std::size_t begin = seen.begin - page_start;
    const std::size_t end = seen.end - page_start;
    if (direct()) {
      const std::byte* next = page + 1 < end_page()              ? values_of(page + 1)
                              : page + 1 < task_.kv.pages.size() ? task_.kv.plane(page + 1)
                                                                 : values_of(page);
      kernels_.plane_values(task_.kv.layout, task_.kv.plane(page), next, weights, attention_chunk, rows, begin, end,
                            to);
    } else {
      kernels_.values(scratch_.wide, weights, attention_chunk, rows, begin, end, dim_, to);
    }
  }

  const AttentionKernels& kernels_;
  const AttentionTask& task_;
  const Scratch& scratch_;
  std::size_t dim_;
  std::uint32_t start_;  // position of the chunk's first score
  Range range_;          // positions of the chunk that some token sees
};

// state = state and next together, row by row.
void fold(const AttentionKernels& kernels, const AttentionTask& task, Partial state, Partial next) {
  const std::size_t dim = task.kv.layout.head_dim;
  for (std::size_t row = 0; row < task.rows(); ++row) {
    if (next.sum[row] == 0) continue;  // the row sees nothing of this chunk
    float* values = state.values + row * dim;
    const float* more = next.values + row * dim;
    if (state.sum[row] == 0) {
      std::memcpy(values, more, dim * sizeof(float));
      state.greatest[row] = next.greatest[row];
      state.sum[row] = next.sum[row];
      continue;
    }
    const float greatest = std::max(state.greatest[row], next.greatest[row]);
    const float a = exp_or_zero(state.greatest[row] - greatest);
    const float b = exp_or_zero(next.greatest[row] - greatest);
    kernels.fold(values, a, more, b, dim);
    state.sum[row] = state.sum[row] * a + next.sum[row] * b;
    state.greatest[row] = greatest;
  }
}

void finish(const AttentionKernels& kernels, const AttentionTask& task, Partial state, float* out,
            std::size_t out_stride) {
  const std::size_t dim = task.kv.layout.head_dim;
  for (std::size_t row = 0; row < task.rows(); ++row) {
    float* to = out + row / task.group * out_stride + row % task.group * dim;
    std::memcpy(to, state.values + row * dim, dim * sizeof(float));
    kernels.multiply(to, 1.0F / state.sum[row], dim);
  }
}

void check(const AttentionTask& task) {
  ASSAY_ASSERT(task.tokens > 0 && task.group > 0 && task.kv.layout.head_dim > 0);
  ASSAY_ASSERT(task.kv.layout.head_dim <= kv_head_dim_max);
  ASSAY_ASSERT(task.kv.pages.size() * kv_page_positions >= std::size_t{task.position} + task.tokens);
}

}  // namespace

std::size_t attention_partial_size(const AttentionTask& task) {
  return task.rows() * (std::size_t{task.kv.layout.head_dim} + 2);
}

std::size_t attention_scratch(const AttentionTask& task) {
  const std::size_t dim = task.kv.layout.head_dim;
  return round_up(task.rows() * dim, 16) + task.rows() * attention_chunk + kv_page_positions * dim +
         2 * Scratch::partial(task);
}

ChunkRange attention_chunks(const AttentionTask& task) {
  const Range seen = seen_by_any(task);
  return {seen.begin / attention_chunk, (seen.end + attention_chunk - 1) / attention_chunk};
}

void attention_partial(Isa isa, const AttentionTask& task, std::uint32_t chunk, std::span<float> partial,
                       std::span<float> scratch) {
  check(task);
  ASSAY_ASSERT(partial.size() >= attention_partial_size(task));
  const auto& kernels = attention_kernels(isa);
  const Scratch parts(task, scratch);
  scale_queries(kernels, task, parts.q);
  ChunkWork(kernels, task, chunk, parts).run(Partial(task, partial.data()));
}

void attention_combine(Isa isa, const AttentionTask& task, std::span<float> partials, float* out,
                       std::size_t out_stride) {
  const std::size_t size = attention_partial_size(task);
  ASSAY_ASSERT(partials.size() >= size * attention_chunks(task).count());
  const auto& kernels = attention_kernels(isa);
  const Partial state(task, partials.data());
  for (std::uint32_t i = 1; i < attention_chunks(task).count(); ++i) {
    fold(kernels, task, state, Partial(task, partials.data() + i * size));
  }
  finish(kernels, task, state, out, out_stride);
}

void attention(Isa isa, const AttentionTask& task, float* out, std::size_t out_stride, std::span<float> scratch) {
  check(task);
  const auto& kernels = attention_kernels(isa);
  const Scratch parts(task, scratch);
  scale_queries(kernels, task, parts.q);
  const Partial state(task, parts.state);
  const Partial next(task, parts.next);
  const ChunkRange chunks = attention_chunks(task);
  ChunkWork(kernels, task, chunks.first, parts).run(state);
  for (std::uint32_t c = chunks.first + 1; c < chunks.end; ++c) {
    ChunkWork(kernels, task, c, parts).run(next);
    fold(kernels, task, state, next);
  }
  finish(kernels, task, state, out, out_stride);
}

}  // namespace assay::kernel
