#include "artifact/random_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "kernel/quant/quantize.h"

namespace assay::artifact {
namespace {

constexpr std::uint64_t piece_columns_max = 256;  // the largest block of any type

std::uint64_t piece_columns(std::uint64_t columns) {
  std::uint64_t piece = piece_columns_max;
  while (columns % piece != 0) piece /= 2;
  return piece;
}

}  // namespace

RandomRows::RandomRows(DType type, std::uint64_t columns, std::uint64_t pieces_wanted, std::uint64_t seed,
                       device::ThreadPool& pool)
    : pieces_(std::clamp<std::uint64_t>(pieces_wanted, 1, pieces_max)) {
  const std::uint64_t piece = piece_columns(columns);
  ASSAY_ASSERT(piece % facts(type).block == 0);
  piece_bytes_ = row_bytes(type, piece);
  pool_.resize(pieces_ * piece_bytes_);
  const double deviation = 1 / std::sqrt(static_cast<double>(columns));
  pool.run(pieces_, [&](std::size_t index) {
    std::array<float, piece_columns_max> values{};
    Random random(seed + 0x9e3779b97f4a7c15ULL * (index + 1));
    for (float& value : values) value = static_cast<float>(deviation * random.normal());
    kernel::quantize_row(type, std::span(values).first(piece),
                         std::span(pool_).subspan(index * piece_bytes_, piece_bytes_));
  });
}

void RandomRows::fill(std::uint64_t seed, std::span<std::byte> rows) const {
  Random random(seed);
  for (std::size_t at = 0; at < rows.size(); at += piece_bytes_) {
    // The bias of a plain product is below pieces / 2^32.
    const std::uint64_t index = ((random.bits() >> 32) * pieces_) >> 32;
    std::memcpy(rows.data() + at, pool_.data() + index * piece_bytes_, piece_bytes_);
  }
}

}  // namespace assay::artifact
