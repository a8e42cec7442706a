// Rotation frequencies of RoPE, with the scalings that models use.
#pragma once

#include <vector>

#include "model/weights.h"

namespace assay::model {

// At position p, pair i turns by p * inverse[i]; cos and sin are then multiplied by magnitude.
struct RopeFrequencies {
  std::vector<double> inverse;  // (dims / 2) radians per position
  double magnitude = 1;
};

// Of every rope of the config: from theta, the scaling and, where the file carries them, its frequency factors (which then
// replace llama3 scaling).
std::vector<RopeFrequencies> rope_frequencies(const Weights& weights);

// From the numbers alone; kernel/rope has the formulas and their sources. factors: (dims / 2) or empty.
RopeFrequencies rope_frequencies(const Rope& rope, const std::vector<float>& factors);

}  // namespace assay::model
