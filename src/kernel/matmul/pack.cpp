// Weights of a file, repacked in panels of 16 rows; layout.h draws them.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "kernel/matmul/codes.h"
#include "kernel/matmul/layout.h"
#include "kernel/matmul/matmul.h"

namespace assay::kernel {
namespace {

constexpr std::uint64_t cols_max = std::uint64_t{1} << 24;  // sums of a row's codes stay far inside 32 bits

std::unexpected<Error> refuse(const TensorView& view, std::string what) {
  return fail(Errc::bad_value, "matrix " + std::string(name(view.dtype)) + " (" + std::to_string(view.rows()) + ", " +
                                   std::to_string(view.columns()) + "): " + std::move(what));
}

bool affine(DType dtype) { return dtype == DType::affine4 || dtype == DType::affine8; }
bool quantized(FormatId format) { return format < FormatId::f32; }

Result<void> check(const TensorView& view) {
  const std::uint64_t rows = view.rows();
  const std::uint64_t cols = view.columns();
  if (rows == 0 || cols == 0) return refuse(view, "a matrix has at least one row and one column");
  if (cols > cols_max) return refuse(view, "at most " + std::to_string(cols_max) + " columns are computed");
  std::uint64_t multiple = facts(view.dtype).block;
  if (affine(view.dtype)) {
    multiple = view.group;
    if (multiple != 32 && multiple != 64 && multiple != 128) {
      return refuse(view, "group " + std::to_string(multiple) + ", expected 32, 64 or 128");
    }
    if (view.scale_dtype != DType::f16 && view.scale_dtype != DType::bf16 && view.scale_dtype != DType::f32) {
      return refuse(view, "scales are " + std::string(name(view.scale_dtype)) + ", expected f16, bf16 or f32");
    }
  }
  if (cols % multiple != 0) return refuse(view, "columns are no multiple of the block of " + std::to_string(multiple));
  std::uint64_t bytes = 0;
  if (!checked_mul(rows, row_bytes(view.dtype, cols), bytes)) return refuse(view, "more bytes than 64 bits can count");
  if (view.data.size() != bytes) {
    return refuse(view, "has " + std::to_string(view.data.size()) + " bytes, expected " + std::to_string(bytes));
  }
  if (affine(view.dtype)) {
    const std::uint64_t expected = rows * row_bytes(view.scale_dtype, cols / view.group);
    if (view.scales.size() != expected || view.biases.size() != expected) {
      return refuse(view, "has " + std::to_string(view.scales.size()) + " bytes of scales and " +
                              std::to_string(view.biases.size()) + " of biases, expected " + std::to_string(expected));
    }
  }
  return {};
}

// The eight vectors of one block, before they share bytes.
using Vectors = std::array<std::array<std::uint8_t, 64>, 8>;

void store_u4(const Vectors& v, std::uint8_t* out) {
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t k = 0; k < 64; ++k) {
      out[64 * i + k] = static_cast<std::uint8_t>((v[i][k] & 15U) | (v[i + 4][k] & 15U) << 4);
    }
  }
}

// Bits `shift` and shift + 1 of all vectors.
void store_u2(const Vectors& v, unsigned shift, std::uint8_t* out) {
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t k = 0; k < 64; ++k) {
      unsigned byte = 0;
      for (std::size_t field = 0; field < 4; ++field) byte |= ((v[4 * i + field][k] >> shift) & 3U) << (2 * field);
      out[64 * i + k] = static_cast<std::uint8_t>(byte);
    }
  }
}

// Bit `shift` of all vectors.
void store_u1(const Vectors& v, unsigned shift, std::uint8_t* out) {
  for (std::size_t k = 0; k < 64; ++k) {
    unsigned byte = 0;
    for (std::size_t j = 0; j < 8; ++j) byte |= ((v[j][k] >> shift) & 1U) << j;
    out[k] = static_cast<std::uint8_t>(byte);
  }
}

void store(Codes codes, const Vectors& v, std::uint8_t* out) {
  switch (codes) {
    case Codes::s8:
      std::memcpy(out, v.data(), sizeof v);
      return;
    case Codes::u4:
    case Codes::lut4:
      return store_u4(v, out);
    case Codes::u2:
      return store_u2(v, 0, out);
    case Codes::u3:
      store_u2(v, 0, out);
      return store_u1(v, 2, out + 128);
    case Codes::u5:
      store_u4(v, out);
      return store_u1(v, 4, out + 256);
    case Codes::u6:
      store_u4(v, out);
      return store_u2(v, 4, out + 256);
  }
}

// Interleaves values of `width` bytes: value i of row r goes to place i * 16 + r.
void interleave(const std::uint8_t* row, std::size_t count, std::size_t width, std::size_t r, std::uint8_t* out) {
  for (std::size_t i = 0; i < count; ++i) std::memcpy(out + (i * 16 + r) * width, row + i * width, width);
}

// Entries [first, first + count) of a row's scales, see RowCodes.
void interleave_scales(Format f, ScaleBits bits, const std::uint8_t* row, std::size_t first, std::size_t count,
                       std::size_t r, std::uint8_t* out) {
  const std::size_t entry = scale_bytes(f, bits) / 16;
  row += first * entry;
  if (f.scales == Scales::block) {
    const std::size_t width = bits == ScaleBits::f32 ? 4 : 2;
    return interleave(row, count * entry / width, width, r, out);
  }
  ASSAY_ASSERT(count == 1);
  const std::size_t halves = f.has_min ? 4 : 2;  // bytes of d and dmin
  interleave(row, halves / 2, 2, r, out);
  interleave(row + halves, entry - halves, 1, r, out + halves * 16);
}

void pack_quantized(const TensorView& view, Packing packing, std::uint32_t group_shift, std::size_t first_row,
                    std::byte* panel) {
  const Format format = formats[static_cast<std::size_t>(packing.format)];
  const std::size_t blocks = view.columns() / 32;
  const std::size_t rows = std::min<std::size_t>(panel_rows, view.rows() - first_row);
  std::array<RowCodes, panel_rows> row;
  for (std::size_t r = 0; r < rows; ++r) row_codes(view, first_row + r, row[r]);
  const std::uint32_t shift = format.scales == Scales::block ? group_shift : 3;  // blocks per entry of the scales
  auto* out = reinterpret_cast<std::uint8_t*>(panel);
  Vectors vectors{};
  for (std::size_t unit = 0; unit < blocks; unit += unit_blocks) {
    const std::size_t end = std::min(blocks, unit + unit_blocks);
    std::uint8_t* at = out;
    for (std::size_t b = unit; b < end; ++b, at += code_bytes(format.codes)) {
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < 8; ++j) std::memcpy(&vectors[j][4 * r], &row[r].codes[32 * b + 4 * j], 4);
      }
      store(format.codes, vectors, at);
    }
    const std::size_t entries = (end - unit + (std::size_t{1} << shift) - 1) >> shift;
    for (std::size_t r = 0; r < rows; ++r) {
      interleave_scales(format, packing.scale_bits, row[r].scales.data(), unit >> shift, entries, r, at);
    }
    out += unit_bytes(format, packing.scale_bits, group_shift, end - unit);
  }
}

void pack_floats(const TensorView& view, std::size_t first_row, std::byte* panel) {
  const std::size_t width = row_bytes(view.dtype, 1);
  const std::size_t rows = std::min<std::size_t>(panel_rows, view.rows() - first_row);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto* row =
        reinterpret_cast<const std::uint8_t*>(view.data.data()) + (first_row + r) * view.columns() * width;
    interleave(row, view.columns(), width, r, reinterpret_cast<std::uint8_t*>(panel));
  }
}

std::size_t round_up(std::size_t n) { return (n + 63) / 64 * 64; }

MatmulKernel kernel_for(Isa isa, FormatId format) {
  switch (isa) {
#define ASSAY_MATMUL_VARIANT(level, group) \
  case Isa::level:                         \
    return matmul_kernel_##level(format);
#include "kernel/matmul/variants.inc"
#undef ASSAY_MATMUL_VARIANT
    default:
      return matmul_kernel_portable(format);
  }
}

}  // namespace

Result<PackedMatrix> PackedMatrix::prepare(const TensorView& view, Isa isa, Arena* arena) {
  const auto packing = packing_of(view);
  if (!packing) {
    return fail(Errc::unsupported, "matrix of type " + std::string(name(view.dtype)) + ": not computed");
  }
  ASSAY_TRY(check(view));
  PackedMatrix m;
  m.rows_ = view.rows();
  m.cols_ = view.columns();
  m.dtype_ = view.dtype;
  m.format_ = static_cast<std::uint8_t>(packing->format);
  m.scale_bits_ = packing->scale_bits;
  m.levels_ = packing->levels;
  m.isa_ = isa;
  m.kernel_ = kernel_for(isa, packing->format);
  if (quantized(packing->format)) {
    const Format format = formats[static_cast<std::size_t>(packing->format)];
    const std::size_t per_scale = format.scales == Scales::block ? (affine(view.dtype) ? view.group : 32) : 256;
    m.group_shift_ = static_cast<std::uint32_t>(std::countr_zero(per_scale / 32));
    m.form_ = ActivationForm::blocks8;
    m.unit_bytes_ = unit_bytes(format, packing->scale_bits, m.group_shift_, unit_blocks);
    const std::size_t blocks = m.cols_ / 32;
    m.panel_bytes_ = blocks / unit_blocks * m.unit_bytes_ +
                     unit_bytes(format, packing->scale_bits, m.group_shift_, blocks % unit_blocks);
  } else {
    m.form_ = ActivationForm::floats;
    m.panel_bytes_ = round_up(m.cols_ * panel_rows * row_bytes(view.dtype, 1));
  }
  if (!checked_mul(m.panels(), m.panel_bytes_, m.bytes_)) return refuse(view, "more bytes than 64 bits can count");
  if (arena != nullptr) {
    m.memory_ = arena->allocate(m.bytes_);
  } else {
    m.owned_ = allocate_pages(m.bytes_);
    m.memory_ = m.owned_.get();
  }
  if (m.memory_ == nullptr) return fail(Errc::full, "no memory for " + std::to_string(m.bytes_) + " bytes of weights");
  return m;
}

void PackedMatrix::pack_panels(const TensorView& view, std::size_t begin, std::size_t end) {
  ASSAY_ASSERT(begin <= end && end <= panels());
  ASSAY_ASSERT(view.dtype == dtype_ && view.rows() == rows_ && view.columns() == cols_);
  const auto packing = packing_of(view);
  for (std::size_t p = begin; p < end; ++p) {
    std::byte* panel = memory_ + p * panel_bytes_;
    std::memset(panel, 0, panel_bytes_);
    if (form_ == ActivationForm::blocks8) {
      pack_quantized(view, *packing, group_shift_, p * panel_rows, panel);
    } else {
      pack_floats(view, p * panel_rows, panel);
    }
  }
}

Result<PackedMatrix> PackedMatrix::pack(const TensorView& view, Isa isa, Arena* arena) {
  auto matrix = prepare(view, isa, arena);
  if (matrix) matrix->pack_panels(view, 0, matrix->panels());
  return matrix;
}

Isa matmul(const PackedMatrix& w, const Activations& x, RowRange rows, float* y, std::size_t y_stride) {
  ASSAY_ASSERT(rows.begin <= rows.end && rows.end <= w.rows_ && x.cols() == w.cols_);
  const MatmulArgs args{.panels = w.memory_,
                        .panel_bytes = w.panel_bytes_,
                        .unit_bytes = w.unit_bytes_,
                        .cols = w.cols_,
                        .row_begin = rows.begin,
                        .row_end = rows.end,
                        .group_shift = w.group_shift_,
                        .scale_bits = w.scale_bits_,
                        .levels = w.levels_,
                        .blocks = reinterpret_cast<const ActivationBlock*>(x.blocks_.get()),
                        .floats = reinterpret_cast<const float*>(x.floats_.get()),
                        .tokens = x.tokens(),
                        .y = y,
                        .y_stride = y_stride};
  return w.kernel_(args);
}

}  // namespace assay::kernel
