#include "kernel/matmul/matmul.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernel/matmul/random_tensor.h"
#include "kernel/matmul/reference.h"
#include "kernel/quant/dequantize.h"

namespace assay::kernel {
namespace {

struct Variant {
  Isa isa;
  int group;  // of equal bits
};

// The listed levels that this machine can run.
std::vector<Variant> variants() {
  const std::vector<Variant> listed{
#define ASSAY_MATMUL_VARIANT(level, group) {Isa::level, group},
#include "kernel/matmul/variants.inc"
#undef ASSAY_MATMUL_VARIANT
  };
  std::vector<Variant> found;
  for (const Variant& v : listed) {
    if (v.isa <= best_isa()) found.push_back(v);
  }
  return found;
}

std::string describe(const TensorKind& kind, std::uint64_t rows, std::uint64_t cols) {
  return std::string(name(kind.dtype)) + (kind.group != 0 ? " group " + std::to_string(kind.group) : "") + " (" +
         std::to_string(rows) + ", " + std::to_string(cols) + ")";
}

// Normal values, a block of zeros, one of tiny values and one with an outlier now and then.
std::vector<float> inputs(std::size_t tokens, std::size_t cols, Random& random) {
  std::vector<float> x(tokens * cols);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto value = static_cast<float>(random.normal());
    switch (i / 32 % 11) {
      case 3:
        x[i] = 0;
        break;
      case 5:
        x[i] = value * 1e-38F;
        break;
      case 7:
        x[i] = i % 32 == 9 ? 300 * value : value;
        break;
      default:
        x[i] = value;
    }
  }
  return x;
}

constexpr float sentinel = -12345.5F;

// y (tokens, rows) by calls for row ranges that end at `cuts`; checks that nothing else was written.
std::vector<float> run(const PackedMatrix& w, std::span<const float> x, std::size_t tokens,
                       const std::vector<std::size_t>& cuts) {
  Activations a;
  a.assign(w.form(), x.data(), w.cols(), tokens, w.cols());
  const std::size_t stride = w.rows() + 3;
  std::vector<float> y(tokens * stride + 5, sentinel);
  std::size_t begin = 0;
  for (const std::size_t end : cuts) {
    EXPECT_EQ(matmul(w, a, {begin, end}, y.data(), stride), w.isa());
    begin = end;
  }
  EXPECT_EQ(begin, w.rows());
  std::vector<float> out;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < w.rows(); ++r) out.push_back(y[t * stride + r]);
    for (std::size_t r = w.rows(); r < stride; ++r) EXPECT_EQ(y[t * stride + r], sentinel) << "written past a row";
  }
  for (std::size_t i = tokens * stride; i < y.size(); ++i) EXPECT_EQ(y[i], sentinel) << "written past the end";
  return out;
}

void expect_same_bits(std::span<const float> got, std::span<const float> want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(want[i]))
        << what << ", output " << i << ": " << got[i] << " instead of " << want[i];
  }
}

void check_against_reference(const TensorKind& kind, std::uint64_t rows, std::uint64_t cols, std::size_t tokens) {
  SCOPED_TRACE(describe(kind, rows, cols) + " for " + std::to_string(tokens) + " tokens");
  Random random(rows * 1000003 + cols * 101 + tokens);
  const RandomTensor tensor(kind, rows, cols, random);
  const auto x = inputs(tokens, cols, random);
  const auto want = matmul_reference(tensor.view, x, tokens);
  const auto bound = matmul_error_bound(tensor.view, x, tokens);
  std::map<int, std::vector<float>> of_group;
  for (const Variant& v : variants()) {
    const auto w = PackedMatrix::pack(tensor.view, v.isa);
    ASSERT_TRUE(w) << to_string(w.error());
    const auto y = run(*w, x, tokens, {rows});
    for (std::size_t i = 0; i < y.size(); ++i) {
      ASSERT_LE(std::abs(static_cast<double>(y[i]) - want[i]), bound[i])
          << name(v.isa) << ", token " << i / rows << " row " << i % rows << ": " << y[i] << " instead of " << want[i];
    }
    const auto [first, inserted] = of_group.emplace(v.group, y);
    if (!inserted) expect_same_bits(y, first->second, std::string(name(v.isa)) + " within its equality group");
  }
}

TEST(Matmul, stays_within_the_computed_bound_of_the_reference_for_every_type) {
  for (const TensorKind& kind : tensor_kinds()) {
    const std::uint64_t unit = std::max<std::uint64_t>(kind.multiple, 32);
    for (const std::uint64_t rows : {1, 15, 16, 17, 48}) {
      for (const std::uint64_t blocks : {1, 2, 3}) check_against_reference(kind, rows, blocks * unit, 2);
    }
  }
}

TEST(Matmul, is_right_for_every_number_of_tokens_around_the_tiles) {
  for (const TensorKind& kind : tensor_kinds()) {
    for (const std::size_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 24, 25, 37}) {
      check_against_reference(kind, 18, 256, tokens);
    }
  }
}

// The walk goes through tokens in spans whose activations fit a cache: at 1024 columns 252 tokens of 8-bit blocks and 96
// of floats, so that a prefill of 600 passes two and six borders. 20 rows: a whole panel and a part of one.
TEST(Matmul, is_right_behind_every_border_of_the_spans_that_a_long_prefill_is_cut_into) {
  for (const TensorKind& kind : tensor_kinds()) check_against_reference(kind, 20, 1024, 600);
}

TEST(Matmul, is_right_for_every_number_of_tokens_around_the_border_of_a_span) {
  for (const std::size_t tokens : {95, 96, 97, 109, 191, 193})
    check_against_reference({.dtype = DType::f16}, 17, 1024, tokens);
  for (const std::size_t tokens : {251, 252, 253, 265, 503, 505}) {
    check_against_reference({.dtype = DType::q4_k}, 17, 1024, tokens);
    check_against_reference({.dtype = DType::q8_0}, 17, 1024, tokens);
  }
}

// So wide that one group of tokens is more than the cache: a span is then one group.
TEST(Matmul, is_right_where_a_single_group_of_tokens_is_wider_than_the_cache) {
  check_against_reference({.dtype = DType::f32}, 16, 8224, 27);
  check_against_reference({.dtype = DType::q8_0}, 16, 22016, 27);
}

TEST(Matmul, gives_the_same_bits_to_a_token_on_either_side_of_the_border_of_a_span) {
  constexpr std::size_t rows = 33;
  constexpr std::size_t cols = 1024;
  constexpr std::size_t tokens = 520;
  for (const TensorKind& kind : tensor_kinds()) {
    SCOPED_TRACE(describe(kind, rows, cols));
    Random random(17);
    const RandomTensor tensor(kind, rows, cols, random);
    const auto x = inputs(tokens, cols, random);
    for (const Variant& v : variants()) {
      const auto w = PackedMatrix::pack(tensor.view, v.isa);
      ASSERT_TRUE(w);
      const auto all = run(*w, x, tokens, {5, 32, rows});
      for (const std::size_t t : {0, 95, 96, 107, 191, 192, 251, 252, 263, 503, 504, 519}) {
        const auto one = run(*w, std::span(x).subspan(t * cols, cols), 1, {rows});
        expect_same_bits(one, std::span(all).subspan(t * rows, rows), "token " + std::to_string(t) + " alone");
      }
    }
  }
}

TEST(Matmul, is_right_for_float_columns_that_are_no_multiple_of_anything) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::uint64_t cols : {1, 3, 7, 31, 33, 259}) check_against_reference({.dtype = dtype}, 33, cols, 5);
  }
}

TEST(Matmul, is_right_at_the_size_of_a_real_layer) {
  for (const TensorKind& kind : tensor_kinds()) check_against_reference(kind, 64, 3072, 1);
}

TEST(Matmul, gives_the_same_bits_for_any_batch_and_any_row_range) {
  constexpr std::size_t rows = 70;
  constexpr std::size_t cols = 512;
  constexpr std::size_t tokens = 29;
  for (const TensorKind& kind : tensor_kinds()) {
    SCOPED_TRACE(describe(kind, rows, cols));
    Random random(11);
    const RandomTensor tensor(kind, rows, cols, random);
    const auto x = inputs(tokens, cols, random);
    for (const Variant& v : variants()) {
      const auto w = PackedMatrix::pack(tensor.view, v.isa);
      ASSERT_TRUE(w);
      const auto all = run(*w, x, tokens, {rows});
      expect_same_bits(run(*w, x, tokens, {1, 16, 31, 33, 64, 69, rows}), all, "cut rows");
      for (std::size_t t = 0; t < tokens; ++t) {
        const auto one = run(*w, std::span(x).subspan(t * cols, cols), 1, {rows});
        expect_same_bits(one, std::span(all).subspan(t * rows, rows), "alone in the batch");
      }
      for (std::size_t n = 2; n < tokens; n += 3) {
        expect_same_bits(run(*w, std::span(x).first(n * cols), n, {48, rows}), std::span(all).first(n * rows),
                         "batch of " + std::to_string(n));
      }
    }
  }
}

TEST(Matmul, survives_the_extreme_codes_that_overflow_narrow_sums) {
  for (const TensorKind& kind : tensor_kinds()) {
    if (kind.multiple == 1) continue;
    Random random(5);
    RandomTensor tensor(kind, 16, 256, random);
    for (const int fill : {0x00, 0xFF, 0x7F, 0x80}) {
      RandomTensor extreme(kind, 16, 256, random);
      // All code bits equal; halves as they were, so that the result stays finite.
      const std::size_t block = facts(kind.dtype).block_bytes;
      for (std::size_t i = 0; i < extreme.data.size(); ++i) {
        const bool last_four = i % block >= block - 4;
        const bool first_four = i % block < 4;
        if (kind.group != 0 || (!last_four && !first_four)) extreme.data[i] = static_cast<std::byte>(fill);
      }
      std::vector<float> x(3 * 256);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = i / 256 == 0 ? 1.0F : (i / 256 == 1 ? -1.0F : (i % 2 ? 1 : -1));
      const auto want = matmul_reference(extreme.view, x, 3);
      const auto bound = matmul_error_bound(extreme.view, x, 3);
      for (const Variant& v : variants()) {
        const auto w = PackedMatrix::pack(extreme.view, v.isa);
        ASSERT_TRUE(w);
        const auto y = run(*w, x, 3, {16});
        for (std::size_t i = 0; i < y.size(); ++i) {
          ASSERT_LE(std::abs(static_cast<double>(y[i]) - want[i]), bound[i])
              << name(kind.dtype) << " " << name(v.isa) << " fill " << fill << ": " << y[i] << " for " << want[i];
        }
      }
    }
  }
}

TEST(Matmul, gives_nan_for_a_token_with_nan_or_infinity_and_only_for_it) {
  Random random(3);
  for (const DType dtype : {DType::q4_0, DType::q4_k}) {
    const RandomTensor tensor({.dtype = dtype}, 16, 256, random);
    auto x = inputs(3, 256, random);
    x[40] = std::numeric_limits<float>::quiet_NaN();
    x[2 * 256 + 9] = std::numeric_limits<float>::infinity();
    for (const Variant& v : variants()) {
      const auto y = run(*PackedMatrix::pack(tensor.view, v.isa), x, 3, {16});
      for (std::size_t r = 0; r < 16; ++r) {
        EXPECT_TRUE(std::isnan(y[r]));
        EXPECT_TRUE(std::isfinite(y[16 + r]));
        EXPECT_TRUE(std::isnan(y[32 + r]));
      }
    }
  }
}

TEST(Matmul, a_row_comes_back_with_the_bits_that_dequantizing_the_file_gives) {
  for (const TensorKind& kind : tensor_kinds()) {
    const std::uint64_t unit = std::max<std::uint64_t>(kind.multiple, 32);
    for (const std::uint64_t cols : {unit, 3 * unit, 1024 + unit}) {
      SCOPED_TRACE(describe(kind, 37, cols));
      Random random(cols);
      const RandomTensor tensor(kind, 37, cols, random);
      std::vector<float> want(cols);
      std::vector<float> got(cols);
      for (const Variant& v : variants()) {
        const auto w = PackedMatrix::pack(tensor.view, v.isa);
        ASSERT_TRUE(w);
        for (std::size_t r = 0; r < 37; ++r) {
          dequantize_row(tensor.view, r, want);
          w->row(r, got);
          expect_same_bits(got, want, "row " + std::to_string(r));
        }
      }
    }
  }
}

TEST(Matmul, keeps_packed_weights_close_to_their_size_in_the_file) {
  Random random(1);
  for (const TensorKind& kind : tensor_kinds()) {
    const RandomTensor tensor(kind, 32, 1024, random);
    const auto w = PackedMatrix::pack(tensor.view, Isa::portable);
    ASSERT_TRUE(w);
    const double ratio = static_cast<double>(w->bytes()) / static_cast<double>(tensor.view.bytes());
    // q2_k holds two four-bit numbers per 16 columns, which become two bytes.
    EXPECT_LE(ratio, kind.dtype == DType::q2_k ? 1.2 : 1.08) << describe(kind, 32, 1024);
    EXPECT_GE(ratio, 0.99) << describe(kind, 32, 1024);
  }
}

TEST(Matmul, refuses_a_type_that_is_not_computed_and_sizes_that_do_not_fit) {
  const std::vector<std::byte> data(1024);
  const auto matrix = [&](DType dtype, Shape shape, std::size_t bytes) {
    TensorView view;
    view.dtype = dtype;
    view.shape = std::move(shape);
    view.data = std::span(data).first(bytes);
    return view;
  };
  const auto refused = [](const TensorView& view, Errc code, const std::string& part) {
    const auto w = PackedMatrix::pack(view, Isa::portable);
    ASSERT_FALSE(w);
    EXPECT_EQ(w.error().code, code);
    EXPECT_NE(w.error().detail.find(part), std::string::npos) << w.error().detail;
  };
  refused(matrix(DType::iq2_s, {1, 256}, 82), Errc::unsupported, "iq2_s");
  refused(matrix(DType::q4_0, {2, 33}, 36), Errc::bad_value, "block of 32");
  refused(matrix(DType::q4_0, {2, 32}, 35), Errc::bad_value, "expected 36");
  refused(matrix(DType::q4_0, {0, 32}, 0), Errc::bad_value, "at least one row");
  refused(matrix(DType::f32, {std::uint64_t{1} << 60, 32}, 4), Errc::bad_value, "64 bits");
  refused(matrix(DType::f32, {1, std::uint64_t{1} << 40}, 4), Errc::bad_value, "columns");
  auto affine = matrix(DType::affine4, {1, 64}, 32);
  affine.group = 48;
  refused(affine, Errc::bad_value, "group 48");
  affine.group = 64;
  affine.scales = std::span(data).first(2);
  affine.biases = std::span(data).first(1);
  refused(affine, Errc::bad_value, "biases");
}

TEST(Matmul, the_forced_level_is_the_one_that_runs) {
  Random random(9);
  const RandomTensor tensor({.dtype = DType::q4_0}, 16, 64, random);
  const std::vector<float> x(64, 1.0F);
  for (const Variant& v : variants()) {
    const auto forced = choose_isa(name(v.isa));
    ASSERT_TRUE(forced);
    const auto w = PackedMatrix::pack(tensor.view, *forced);
    Activations a;
    a.assign(w->form(), x.data(), 64, 1, 64);
    std::vector<float> y(16);
    EXPECT_EQ(matmul(*w, a, {0, 16}, y.data(), 16), v.isa) << name(v.isa);
  }
}

}  // namespace
}  // namespace assay::kernel
