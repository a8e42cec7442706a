// Least-squares fits of one sub-block by a few integer levels: the search behind the K types and code books.
#pragma once

#include <cstdint>
#include <span>

namespace assay::kernel {

struct Line {
  float step = 0;   // x ~ step * q - least
  float least = 0;  // at least 0
};

// Levels 0 .. levels_max. All-equal or all-zero input gives what represents it best; never NaN for finite input.
Line fit_line(std::span<const float> x, int levels_max);

// x ~ step * q with q in lowest .. highest; the step may be negative, so that the longer side takes the greater values.
float fit_step(std::span<const float> x, int lowest, int highest);

// x ~ step * codebook_iq4[q].
float fit_codebook(std::span<const float> x);

// Nearest level to scaled = x / step (or (x + least) / step), ties to even, within lowest .. highest; NaN gives lowest.
int nearest_level(float scaled, int lowest, int highest);

// Index of the entry of codebook_iq4 that is nearest to `scaled`.
int nearest_code(float scaled);
// That entry itself, found by comparisons alone so that loops over it need no table.
float code_level(float scaled);

}  // namespace assay::kernel
