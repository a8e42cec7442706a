// y[t][r] = sum over c of w[r][c] * x[t][c], weights as files quantize them, activations quantized here to 8 bits.
//
//   w (rows, cols)    packed once at load, close to its size in the file; see layout.h
//   x (tokens, cols)  f32, turned once into Activations and shared by every matrix that multiplies it
//   y (tokens, rows)  f32, overwritten; overlaps nothing
//
// Same bits always: for one instruction set level an output does not depend on the other tokens of the batch, on the
// row range or on the thread that computed it. Every output adds its blocks of 32 columns in rising order, one fused
// multiply-add per scale: acc = fma(scale_w * scale_x, integer dot product, acc), then minima likewise. variants.inc
// says which levels agree with each other.
//
// Reads the packed weights of the rows once per call when tokens are few: that is the bound of decoding. Error against
// exact weights and f32 activations: sum over blocks of scale_x / 2 * sum |w| (8-bit activations; none for float
// weights), plus 2 * blocks * 2^-24 * sum |w x| (f32 sums); error_bound() in reference.h computes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "base/error.h"
#include "kernel/isa.h"
#include "tensor/view.h"

namespace assay::kernel {

// Rows are packed in panels of this many; ranges that begin and end on multiples of it waste no work.
inline constexpr std::size_t panel_rows = 16;

struct RowRange {
  std::size_t begin, end;  // [begin, end)
};

// What a matrix wants of its Activations.
enum class ActivationForm : std::uint8_t { blocks8, floats };

struct MatmulArgs;
enum class ScaleBits : std::uint8_t;

// Weights repacked for the kernels. Owns its memory or borrows it from an arena; the tensor may go after packing.
class PackedMatrix {
 public:
  // Every type with facts().computes; a matrix seen as (rows(), columns()). Errc::unsupported: another type;
  // Errc::bad_value: columns are no multiple of the block (32 for scalars of any kind: 1), or data, scales or biases
  // are not of the size that the shape asks for; Errc::full: no memory.
  // With an arena the memory is the arena's, which must outlive the matrix: many matrices then share large pages.
  static Result<PackedMatrix> pack(const TensorView& view, Isa isa, Arena* arena = nullptr);

  // The same in two steps, so that threads can share the second: prepare() checks and allocates, pack_panels() fills
  // panels [begin, end) of panels(); calls for disjoint ranges may run at once, and all panels must be filled.
  static Result<PackedMatrix> prepare(const TensorView& view, Isa isa, Arena* arena = nullptr);
  void pack_panels(const TensorView& view, std::size_t begin, std::size_t end);

  // Row `index` (asserted below rows()) as f32 into `out` (cols(), asserted): the bits that dequantize_row gives of the
  // tensor that was packed. Reads about the 16 rows of a panel; for embeddings, not for products.
  void row(std::size_t index, std::span<float> out) const;

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t panels() const { return (rows_ + panel_rows - 1) / panel_rows; }
  std::size_t bytes() const { return bytes_; }  // read per pass over all rows
  DType dtype() const { return dtype_; }        // what it was packed from
  Isa isa() const { return isa_; }
  ActivationForm form() const { return form_; }

 private:
  friend Isa matmul(const PackedMatrix&, const class Activations&, RowRange, float*, std::size_t);

  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t bytes_ = 0;
  std::size_t panel_bytes_ = 0;
  std::size_t unit_bytes_ = 0;
  std::uint32_t group_shift_ = 0;
  DType dtype_{};
  Isa isa_{};
  std::uint8_t format_ = 0;  // a FormatId
  ScaleBits scale_bits_{};   // of plain numbers: the numbers themselves
  ActivationForm form_{};
  const std::int8_t* levels_ = nullptr;
  Isa (*kernel_)(const MatmulArgs&) = nullptr;
  Pages owned_;  // null where an arena owns the memory
  std::byte* memory_ = nullptr;
};

// The inputs of one layer in the forms that kernels read. Reused between steps: memory only grows.
class Activations {
 public:
  struct Forms {
    bool blocks8 = false;
    bool floats = false;
  };
  // Memory for tokens * cols of these forms, so that no reshape() up to that takes any. Errc::full names the bytes.
  Result<void> reserve(std::size_t tokens, std::size_t cols, Forms forms);

  // Takes the shape for what follows, of the forms that will be set; forgets what was set. What was not reserved is taken
  // now, and must be there (asserted).
  void reshape(std::size_t tokens, std::size_t cols, Forms forms);

  // Fills tokens [begin, end) from x (tokens, cols) f32 with `x_stride` floats between tokens, x pointing at token 0.
  // Disjoint ranges may run at once. blocks8 needs cols % 32 == 0. A token with an infinite or NaN value gives NaN.
  void set(ActivationForm form, const float* x, std::size_t x_stride, std::size_t begin, std::size_t end);

  // reshape() and set() for all tokens.
  void assign(ActivationForm form, const float* x, std::size_t x_stride, std::size_t tokens, std::size_t cols);

  std::size_t tokens() const { return tokens_; }
  std::size_t cols() const { return cols_; }
  std::size_t bytes() const { return blocks_capacity_ + floats_capacity_; }  // of memory taken

 private:
  friend Isa matmul(const PackedMatrix&, const Activations&, RowRange, float*, std::size_t);
  static bool grow(Pages& memory, std::size_t& capacity, std::size_t bytes);

  std::size_t tokens_ = 0;
  std::size_t cols_ = 0;
  Pages blocks_;  // ActivationBlock, see layout.h
  Pages floats_;
  std::size_t blocks_capacity_ = 0;
  std::size_t floats_capacity_ = 0;
};

// y[t * y_stride + r] for every token and r in `rows` (within w.rows(), asserted); cols agree (asserted) and the
// activations were set in w.form(). One thread; the caller splits rows over threads. Returns the level of the code that
// ran.
Isa matmul(const PackedMatrix& w, const Activations& x, RowRange rows, float* y, std::size_t y_stride);

}  // namespace assay::kernel
