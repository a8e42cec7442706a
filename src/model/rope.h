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

// From the config alone; kernel/rope has the formulas and their sources. factors: (rope_dims / 2) or empty.
RopeFrequencies rope_frequencies(const ModelConfig& config, const std::vector<float>& factors);

}  // namespace assay::model
