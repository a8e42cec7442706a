#include "kernel/attention/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernel/isas.h"

namespace assay::kernel {
namespace {

constexpr float sentinel = -31.5F;

// A sequence of `length` random positions in scattered pages; slots that hold no position are full of NaNs.
struct Sequence {
  KvLayout layout;
  std::uint32_t length;
  std::vector<std::byte> memory;
  std::vector<std::uint32_t> pages;

  // Random keys and values, stored by `isa`.
  Sequence(KvLayout kv, std::uint32_t positions, std::uint64_t seed, Isa isa = Isa::portable)
      : layout(kv), length(positions) {
    Random random(seed);
    scatter(random);
    std::vector<float> key(layout.head_dim);
    std::vector<float> value(layout.head_dim);
    for (std::uint32_t p = 0; p < length; ++p) {
      for (auto& x : key) x = static_cast<float>(random.normal());
      for (auto& x : value) x = static_cast<float>(random.normal());
      kv_store(isa, layout, plane(p / kv_page_positions), p % kv_page_positions, key, value);
    }
  }

  void scatter(Random& random) {
    const std::uint32_t count = (length + kv_page_positions - 1) / kv_page_positions;
    for (std::uint32_t i = 0; i < count; ++i) pages.push_back(2 * i + 1);
    for (std::size_t i = pages.size(); i > 1; --i) std::swap(pages[i - 1], pages[random.below(i)]);
    memory.assign((2 * std::size_t{count} + 1) * layout.plane_bytes(), std::byte{0xFF});  // halves 0xFFFF are NaNs
  }

  std::byte* plane(std::size_t index) { return memory.data() + pages[index] * layout.plane_bytes(); }
  KvPages view() const { return {layout, memory.data(), layout.plane_bytes(), pages}; }
};

std::vector<float> random_queries(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> q(n);
  for (auto& x : q) x = static_cast<float>(random.normal() * 1.5);
  return q;
}

std::vector<float> run(Isa isa, const AttentionTask& task) {
  const std::size_t row = std::size_t{task.group} * task.kv.layout.head_dim;
  const std::size_t stride = row + 3;
  std::vector<float> out(task.tokens * stride, sentinel);
  std::vector<float> scratch(attention_scratch(task) + 1, std::numeric_limits<float>::quiet_NaN());
  scratch.back() = sentinel;
  attention(isa, task, out.data(), stride, std::span(scratch).first(scratch.size() - 1));
  EXPECT_EQ(scratch.back(), sentinel);
  std::vector<float> dense;
  for (std::uint32_t t = 0; t < task.tokens; ++t) {
    for (std::size_t i = row; i < stride; ++i) EXPECT_EQ(out[t * stride + i], sentinel);
    dense.insert(dense.end(), out.begin() + static_cast<std::ptrdiff_t>(t * stride),
                 out.begin() + static_cast<std::ptrdiff_t>(t * stride + row));
  }
  return dense;
}

void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  ASSERT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0);
}

// Half the distance that rounding may put between a kernel and the formula. A score is off by at most
// e_s = (dim + 2) * 2^-24 * scale * sum|q k|, a weight thereby by a factor e^(2 e_s), plus 2^-22 of its exponential and
// that of a fold; sums over n positions by n * 2^-24 of sum|w v| and of the sum of weights. All weights sum to one.
double error_bound(const AttentionTask& task, std::uint32_t token, const float* q) {
  const std::size_t dim = task.kv.layout.head_dim;
  std::vector<float> key(dim);
  std::vector<float> value(dim);
  double score_error = 0;
  double greatest_value = 0;
  double greatest_score = 0;
  const std::uint32_t n = task.position + token + 1;
  for (std::uint32_t p = 0; p < n; ++p) {
    kv_load(task.kv.layout, task.kv.plane(p / kv_page_positions), p % kv_page_positions, key, value);
    double sum = 0;
    for (std::size_t d = 0; d < dim; ++d) {
      sum += std::abs(static_cast<double>(q[d]) * static_cast<double>(key[d]));
      greatest_value = std::max(greatest_value, std::abs(static_cast<double>(value[d])));
    }
    greatest_score = std::max(greatest_score, sum * static_cast<double>(task.scale));
    score_error =
        std::max(score_error, (static_cast<double>(dim) + 2) * 0x1.0p-24 * sum * static_cast<double>(task.scale));
  }
  const double weight_error = std::expm1(2 * score_error + 2 * greatest_score * 0x1.0p-24) + 4 * 0x1.0p-22;
  const std::uint32_t additions = std::min(n, attention_chunk) + n / attention_chunk + 4;
  const double sum_error = additions * 0x1.0p-24;
  return 2 * greatest_value * (weight_error + sum_error);
}

void expect_near_reference(Isa isa, const AttentionTask& task) {
  const std::size_t dim = task.kv.layout.head_dim;
  const auto got = run(isa, task);
  std::vector<double> expected(got.size());
  reference::attention(task, expected);
  for (std::size_t row = 0; row < task.rows(); ++row) {
    const auto token = static_cast<std::uint32_t>(row / task.group);
    const double bound = error_bound(task, token, task.queries + token * task.query_stride + row % task.group * dim);
    for (std::size_t d = 0; d < dim; ++d) {
      ASSERT_NEAR(got[row * dim + d], expected[row * dim + d], bound) << name(isa) << ", row " << row << ", dim " << d;
    }
  }
}

struct Case {
  KvLayout layout;
  std::uint32_t length, tokens, group, window;
};

std::vector<Case> cases() {
  using enum KvType;
  return {
      {{f16, 64}, 1, 1, 1, 0},
      {{f16, 64}, 31, 1, 2, 0},
      {{f16, 128}, 32, 1, 3, 0},
      {{f16, 128}, 33, 1, 4, 0},
      {{f16, 128}, 256, 1, 2, 0},
      {{f16, 128}, 257, 1, 2, 0},
      {{f16, 80}, 700, 1, 5, 0},
      {{f16, 6}, 300, 1, 7, 0},
      {{f16, 20}, 300, 5, 8, 0},
      {{f16, 64}, 600, 40, 2, 0},
      {{f16, 128}, 300, 300, 1, 0},
      {{f16, 64}, 900, 1, 9, 0},
      {{f16, 64}, 700, 1, 2, 100},
      {{f16, 64}, 700, 1, 2, 1},
      {{f16, 64}, 530, 23, 3, 17},
      {{f16, 64}, 530, 70, 2, 300},
      {{q8_0, 64}, 1, 1, 1, 0},
      {{q8_0, 64}, 77, 1, 2, 0},
      {{q8_0, 128}, 513, 1, 3, 0},
      {{q8_0, 96}, 300, 1, 4, 0},
      {{q8_0, 128}, 600, 33, 2, 0},
      {{q8_0, 32}, 300, 1, 11, 0},
      {{q8_0, 64}, 530, 9, 2, 40},
      {{q8_0, 32}, 260, 3, 8, 0},
      // Heads wider than 128: Gemma's 256, DeepSeek's 192, 512 and 576, and the widest that is accepted.
      {{f16, 256}, 300, 1, 2, 0},
      {{f16, 256}, 290, 7, 2, 64},
      {{q8_0, 256}, 300, 1, 4, 0},
      {{q8_0, 256}, 280, 5, 1, 0},
      {{f16, 192}, 530, 1, 16, 0},
      {{q8_0, 192}, 270, 5, 3, 0},
      {{f16, 512}, 300, 1, 8, 0},
      {{q8_0, 512}, 270, 3, 2, 0},
      {{f16, 576}, 300, 1, 16, 0},
      {{f16, 130}, 300, 2, 3, 0},
      {{f16, 1022}, 290, 1, 1, 0},
      {{f16, 1024}, 290, 2, 3, 0},
      {{q8_0, 1024}, 290, 1, 5, 0},
      {{q8_0, 1024}, 270, 3, 1, 33},
      // Groups wider than what one pass over the keys takes, over several chunks.
      {{f16, 64}, 1100, 1, 16, 0},
      {{q8_0, 128}, 800, 2, 12, 0},
      {{f16, 128}, 600, 1, 20, 0},
  };
}

AttentionTask task_of(const Case& c, const Sequence& sequence, const std::vector<float>& queries) {
  return {.kv = sequence.view(),
          .queries = queries.data(),
          .query_stride = std::size_t{c.group} * c.layout.head_dim + 5,
          .tokens = c.tokens,
          .group = c.group,
          .position = c.length - c.tokens,
          .window = c.window,
          .scale = 1.0F / std::sqrt(static_cast<float>(c.layout.head_dim))};
}

std::vector<float> queries_of(const Case& c) {
  return random_queries(c.tokens * (std::size_t{c.group} * c.layout.head_dim + 5), c.length);
}

std::string describe(const Case& c) {
  return std::string(name(c.layout.type)) + " dim " + std::to_string(c.layout.head_dim) + " length " +
         std::to_string(c.length) + " tokens " + std::to_string(c.tokens) + " group " + std::to_string(c.group) +
         " window " + std::to_string(c.window);
}

TEST(Attention, agrees_with_the_double_reference_within_the_bound) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    const auto queries = queries_of(c);
    for (const Isa isa : isas_here()) {
      const Sequence sequence(c.layout, c.length, 11, isa);
      expect_near_reference(isa, task_of(c, sequence, queries));
    }
  }
}

// The bound above lets one of 900 positions be left out. Here all scores are equal, so that the result is a mean, and
// values are marks: channel `p` modulo half the width, and the quotient in the other half. A position that is missing,
// doubled or taken for another changes two channels by 1 / n of what is in them, n times more than rounding may.
TEST(Attention, counts_every_position_that_a_token_sees_exactly_once) {
  constexpr float mark = 127;  // kept exactly by q8_0 too: a scale of one
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    const std::uint32_t half = c.layout.head_dim / 2;
    const auto first = [&](std::uint32_t p) { return p % half; };
    const auto second = [&](std::uint32_t p) { return half + p / half % half; };
    Random random(c.length);
    for (const Isa isa : isas_here()) {
      Sequence sequence(c.layout, c.length, 17);
      for (std::uint32_t p = 0; p < c.length; ++p) {
        std::vector<float> key(c.layout.head_dim);
        for (auto& x : key) x = static_cast<float>(static_cast<int>(random.below(127)) - 63);
        key[0] = 3;
        key[1] = mark;
        std::vector<float> value(c.layout.head_dim);
        value[first(p)] = value[second(p)] = mark;
        kv_store(isa, c.layout, sequence.plane(p / kv_page_positions), p % kv_page_positions, key, value);
      }
      std::vector<float> queries(c.tokens * (std::size_t{c.group} * c.layout.head_dim + 5));
      auto task = task_of(c, sequence, queries);
      for (std::uint32_t t = 0; t < c.tokens; ++t) {
        for (std::uint32_t h = 0; h < c.group; ++h) {
          queries[t * task.query_stride + std::size_t{h} * c.layout.head_dim] = static_cast<float>(h) - 4;
        }
      }
      const auto got = run(isa, task);
      for (std::uint32_t t = 0; t < c.tokens; ++t) {
        const std::uint32_t end = task.position + t + 1;
        const std::uint32_t begin = c.window != 0 && end > c.window ? end - c.window : 0;
        std::vector<double> expected(c.layout.head_dim);
        for (std::uint32_t p = begin; p < end; ++p) {
          expected[first(p)] += mark / static_cast<double>(end - begin);
          expected[second(p)] += mark / static_cast<double>(end - begin);
        }
        for (std::uint32_t h = 0; h < c.group; ++h) {
          for (std::uint32_t d = 0; d < c.layout.head_dim; ++d) {
            const double met = got[(std::size_t{t} * c.group + h) * c.layout.head_dim + d];
            ASSERT_NEAR(met, expected[d], expected[d] * 0x1.0p-20)
                << name(isa) << ", token " << t << " of the group's " << h << ", channel " << d;
          }
        }
      }
    }
  }
}

TEST(Attention, a_token_has_the_same_bits_alone_and_among_others) {
  for (const auto& c : cases()) {
    if (c.tokens == 1) continue;
    SCOPED_TRACE(describe(c));
    const Sequence sequence(c.layout, c.length, 12);
    const auto queries = queries_of(c);
    const auto task = task_of(c, sequence, queries);
    const std::size_t row = std::size_t{c.group} * c.layout.head_dim;
    for (const Isa isa : isas_here()) {
      SCOPED_TRACE(name(isa));
      const auto together = run(isa, task);
      for (std::uint32_t t = 0; t < c.tokens; t += c.tokens > 50 ? 7 : 1) {
        auto alone = task;
        alone.queries = task.queries + t * task.query_stride;
        alone.position = task.position + t;
        alone.tokens = 1;
        expect_same_bits(run(isa, alone), {together.begin() + static_cast<std::ptrdiff_t>(t * row),
                                           together.begin() + static_cast<std::ptrdiff_t>((t + 1) * row)});
      }
    }
  }
}

TEST(Attention, chunks_in_any_order_and_then_combined_give_the_same_bits) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    const Sequence sequence(c.layout, c.length, 13);
    const auto queries = queries_of(c);
    const auto task = task_of(c, sequence, queries);
    for (const Isa isa : isas_here()) {
      const ChunkRange chunks = attention_chunks(task);
      const std::size_t size = attention_partial_size(task);
      std::vector<float> partials(chunks.count() * size, sentinel);
      std::vector<float> scratch(attention_scratch(task));
      for (std::uint32_t i = chunks.count(); i-- > 0;) {
        attention_partial(isa, task, chunks.first + i, std::span(partials).subspan(i * size, size), scratch);
      }
      const std::size_t row = std::size_t{c.group} * c.layout.head_dim;
      std::vector<float> out(c.tokens * row);
      attention_combine(isa, task, partials, out.data(), row);
      expect_same_bits(out, run(isa, task));
    }
  }
}

TEST(Attention, a_head_has_the_same_bits_whatever_its_group) {
  const Case c{{KvType::q8_0, 64}, 400, 3, 6, 0};
  const Sequence sequence(c.layout, c.length, 14);
  const auto queries = queries_of(c);
  const auto task = task_of(c, sequence, queries);
  for (const Isa isa : isas_here()) {
    const auto together = run(isa, task);
    for (std::uint32_t h = 0; h < c.group; ++h) {
      auto alone = task;
      alone.group = 1;
      alone.queries += h * c.layout.head_dim;
      const auto out = run(isa, alone);
      for (std::uint32_t t = 0; t < c.tokens; ++t) {
        for (std::size_t d = 0; d < c.layout.head_dim; ++d) {
          ASSERT_EQ(out[t * c.layout.head_dim + d], together[(t * c.group + h) * c.layout.head_dim + d]);
        }
      }
    }
  }
}

TEST(Attention, avx2_and_avx512_give_the_same_bits) {
  if (best_isa() < Isa::avx512) GTEST_SKIP() << "no AVX-512 on this machine";
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    const Sequence sequence(c.layout, c.length, 15);
    const auto queries = queries_of(c);
    expect_same_bits(run(Isa::avx2, task_of(c, sequence, queries)), run(Isa::avx512, task_of(c, sequence, queries)));
  }
}

TEST(Attention, far_apart_scores_pick_the_one_value_and_never_overflow) {
  const KvLayout layout{KvType::f16, 32};
  Sequence sequence(layout, 600, 16);
  std::vector<float> key(32);
  std::vector<float> value(32, 2.5F);
  key[0] = 30000;
  kv_store(Isa::portable, layout, sequence.plane(301 / 32), 301 % 32, key, value);
  std::vector<float> queries(32, 0.0F);
  queries[0] = 30000;
  const AttentionTask task{.kv = sequence.view(),
                           .queries = queries.data(),
                           .query_stride = 32,
                           .tokens = 1,
                           .group = 1,
                           .position = 599,
                           .window = 0,
                           .scale = 1};
  for (const Isa isa : isas_here()) EXPECT_EQ(run(isa, task), value);
}

}  // namespace
}  // namespace assay::kernel
