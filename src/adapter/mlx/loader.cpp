#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "adapter/mlx/matrix.h"
#include "base/arena.h"
#include "kernel/quant/dequantize.h"

namespace assay::adapter::mlx {
namespace {

constexpr std::size_t rows_at_once = 32;
// Smaller parts cost more in handing over than they save.
constexpr std::uint64_t part_elements_min = 1U << 18U;

mx::Shape shape(std::uint64_t rows, std::uint64_t columns) {
  return {static_cast<mx::ShapeElem>(rows), static_cast<mx::ShapeElem>(columns)};
}

Pages pages_of(std::size_t bytes) {
  Pages pages = allocate_pages(bytes);
  if (!pages) throw std::bad_alloc();
  return pages;
}

// The array takes the memory over, without a copy where the device can read it.
mx::array adopt(Pages pages, mx::Shape array_shape, mx::Dtype dtype) {
  const PagesFree free = pages.get_deleter();
  void* data = pages.release();
  return mx::array(data, std::move(array_shape), dtype, [free](void* p) { free(static_cast<std::byte*>(p)); });
}

void store(mx::Dtype dtype, float value, std::byte* out) {
  if (dtype == mx::float32) {
    std::memcpy(out, &value, 4);
    return;
  }
  const std::uint16_t bits = dtype == mx::bfloat16 ? float_to_bf16(value) : float_to_half(value);
  std::memcpy(out, &bits, 2);
}

std::optional<mx::Dtype> float_type(DType dtype) {
  if (dtype == DType::f32) return mx::float32;
  if (dtype == DType::f16) return mx::float16;
  if (dtype == DType::bf16) return mx::bfloat16;
  return std::nullopt;
}

struct Place {
  const TensorView* view;
  std::uint64_t row;
};
// Row `row` of the views stacked.
Place place_of(std::span<const TensorView* const> views, std::uint64_t row) {
  std::size_t i = 0;
  while (row >= views[i]->rows()) row -= views[i++]->rows();
  return {views[i], row};
}

std::uint64_t rows_of(std::span<const TensorView* const> views) {
  std::uint64_t rows = 0;
  for (const TensorView* view : views) rows += view->rows();
  return rows;
}

}  // namespace

void Loader::count(std::uint64_t bytes) {
  read_ += bytes;
  if (progress_ && !progress_(read_)) throw Cancelled();
}

mx::Dtype Loader::dense_type(const TensorView& view, Use use) const {
  if (use == Use::lookup) return float_type(view.dtype).value_or(compute_.activations);
  return compute_.activations;
}

Matrix Loader::matrix(const TensorView& view, Use use) {
  const TensorView* const views[] = {&view};
  return fuse(views, use);
}

Stack Loader::stack(std::span<const TensorView* const> views) {
  Stack out;
  const auto same = [&](const TensorView* view) {
    const AffineForm a = affine_form(*view);
    const AffineForm b = affine_form(*views[0]);
    return a.bits == b.bits && a.group == b.group;
  };
  for (const TensorView* view : views) out.rows.push_back(static_cast<std::uint32_t>(view->rows()));
  if (std::ranges::all_of(views, same)) {
    out.matrices.push_back(fuse(views, Use::product));
  } else {
    for (const TensorView* view : views) out.matrices.push_back(matrix(*view));
  }
  return out;
}

Matrix Loader::fuse(std::span<const TensorView* const> views, Use use) {
  Matrix out;
  out.rows = static_cast<std::uint32_t>(rows_of(views));
  out.columns = static_cast<std::uint32_t>(views[0]->columns());
  out.form = affine_form(*views[0]);
  if (out.form.bits != 0) {
    fill_affine(views, out);
  } else {
    out.turned = !compute_.fused && use == Use::product;
    fill_dense(views, dense_type(*views[0], use), out);
  }
  for (const TensorView* view : views) count(view->bytes());
  mx::eval(out.arrays);
  if (use == Use::product) split(out);
  return out;
}

void Loader::fill_affine(std::span<const TensorView* const> views, Matrix& out) {
  const std::size_t row_words = std::size_t{out.columns} * out.form.bits / 32;
  const std::size_t row_groups = out.columns / out.form.group;
  Pages words = pages_of(out.rows * row_words * 4);
  Pages scales = pages_of(out.rows * row_groups * 4);
  Pages biases = pages_of(out.rows * row_groups * 4);
  auto* const word = reinterpret_cast<std::uint32_t*>(words.get());
  auto* const scale = reinterpret_cast<float*>(scales.get());
  auto* const bias = reinterpret_cast<float*>(biases.get());
  pool_.run(out.rows, [&](std::size_t row) {
    const Place place = place_of(views, row);
    pack_affine(*place.view, place.row, {word + row * row_words, row_words}, {scale + row * row_groups, row_groups},
                {bias + row * row_groups, row_groups});
  });
  // f32 holds every scale. A narrower type is used where the activations have it, as libmlx would widen all three
  // otherwise, and where nothing is lost by it.
  mx::Dtype type = mx::float32;
  if (compute_.activations != mx::float32) {
    const std::size_t groups = out.rows * row_groups;
    const bool folder = views[0]->dtype == DType::affine4 || views[0]->dtype == DType::affine8;
    const bool exact =
        folder ? std::ranges::all_of(views,
                                     [&](auto* view) { return float_type(view->scale_dtype) == compute_.activations; })
               : compute_.activations == mx::float16 && fits_half({scale, groups}) && fits_half({bias, groups});
    if (exact) {
      type = compute_.activations;
    } else {
      ++changed_[std::string(name(views[0]->dtype)) + " scales kept in f32"];
    }
  }
  out.arrays.push_back(adopt(std::move(words), shape(out.rows, row_words), mx::uint32));
  for (Pages* values : {&scales, &biases}) {
    out.arrays.push_back(mx::astype(adopt(std::move(*values), shape(out.rows, row_groups), mx::float32), type));
  }
}

void Loader::fill_dense(std::span<const TensorView* const> views, mx::Dtype dtype, Matrix& out) {
  const std::size_t size = mx::size_of(dtype);
  const std::size_t rows = out.rows;
  const std::size_t columns = out.columns;
  Pages pages = pages_of(rows * columns * size);
  std::byte* const to = pages.get();
  const bool turned = out.turned;
  pool_.run((rows + rows_at_once - 1) / rows_at_once, [&](std::size_t chunk) {
    const std::size_t first = chunk * rows_at_once;
    const std::size_t end = std::min(rows, first + rows_at_once);
    std::vector<float> values((end - first) * columns);
    for (std::size_t row = first; row < end; ++row) {
      const Place place = place_of(views, row);
      kernel::dequantize_row(*place.view, place.row, std::span(values).subspan((row - first) * columns, columns));
    }
    if (turned) {
      for (std::size_t c = 0; c < columns; ++c) {
        for (std::size_t row = first; row < end; ++row) {
          store(dtype, values[(row - first) * columns + c], to + (c * rows + row) * size);
        }
      }
    } else {
      for (std::size_t i = 0; i < values.size(); ++i) store(dtype, values[i], to + (first * columns + i) * size);
    }
  });
  for (const TensorView* view : views) {
    const auto stored = float_type(view->dtype);
    if (stored && *stored == dtype) continue;
    const bool narrowed = stored && (*stored == mx::float32 || dtype != mx::float32);
    ++changed_[std::string(name(view->dtype)) + (narrowed ? " narrowed to " : " widened to ") + type_name(dtype)];
  }
  out.arrays.push_back(adopt(std::move(pages), turned ? shape(columns, rows) : shape(rows, columns), dtype));
}

void Loader::split(Matrix& matrix) const {
  const std::uint64_t elements = std::uint64_t{matrix.rows} * matrix.columns;
  const auto parts = static_cast<int>(std::min<std::uint64_t>(compute_.streams.size(), elements / part_elements_min));
  if (parts < 2) return;
  const auto rows = static_cast<int>(matrix.rows);
  for (int i = 0; i < parts; ++i) {
    const int begin = static_cast<int>(std::int64_t{rows} * i / parts);
    const int end = static_cast<int>(std::int64_t{rows} * (i + 1) / parts);
    std::vector<mx::array>& part = matrix.parts.emplace_back();
    for (const mx::array& array : matrix.arrays) {
      part.push_back(matrix.turned ? mx::slice(array, {0, begin}, {array.shape(0), end})
                                   : mx::slice(array, {begin, 0}, {end, array.shape(1)}));
    }
    mx::eval(part);
  }
}

mx::array Loader::vector(const TensorView& view, mx::Dtype dtype) {
  std::vector<float> values(view.columns());
  kernel::dequantize_row(view, 0, values);
  count(view.bytes());
  mx::array out = mx::astype(mx::array(values.begin(), {static_cast<mx::ShapeElem>(values.size())}), dtype);
  out.eval();
  return out;
}

std::vector<std::string> Loader::notes() const {
  std::vector<std::string> out;
  out.reserve(changed_.size());
  for (const auto& [what, tensors] : changed_) {
    out.push_back(what + " (" + std::to_string(tensors) + (tensors == 1 ? " tensor)" : " tensors)"));
  }
  return out;
}

}  // namespace assay::adapter::mlx
