// Rotation frequencies of RoPE, with the scalings that models use.
#pragma once

#include <vector>

#include "model/weights.h"

namespace assay::model {

// At position p, pair i turns by p * inverse[i]; cos and sin are then multiplied by magnitude.
struct RopeFrequencies {
  std::vector<double> inverse;  // (rope_dims / 2) radians per position
  double magnitude = 1;
};

// From theta, the scaling and, where the file carries them, its frequency factors (which then replace llama3 scaling).
RopeFrequencies rope_frequencies(const Weights& weights);

// The formulas alone. factors: (rope_dims / 2) or empty.
// linear: Chen et al. 2023, arXiv 2306.15595. llama3: the Llama 3.1 model card's piecewise interpolation by wavelength.
// yarn: Peng et al. 2023, arXiv 2309.00071, section 3.2 (NTK-by-parts) and 3.4 (attention factor).
RopeFrequencies rope_frequencies(const ModelConfig& config, const std::vector<float>& factors);

}  // namespace assay::model
