// Rotary position embedding (Su et al., "RoFormer", 2021): frequencies, angles of a position, rotation of heads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernel/isa.h"

namespace assay::kernel {

// Radians per position of each pair: theta^(-2 i / dims), i = 0 .. dims / 2 - 1. dims even.
std::vector<double> rope_frequencies(std::uint32_t dims, double theta);

// Position interpolation: every frequency divided by `factor` (Chen et al., "Extending Context Window", 2023).
void rope_scale_linear(std::span<double> frequencies, double factor);

// Llama 3.1: wavelengths over original_context / low_freq_factor are stretched by `factor`, those under
// original_context / high_freq_factor kept, those between blended linearly in original_context / wavelength.
struct Llama3Rope {
  double factor;
  double low_freq_factor;
  double high_freq_factor;
  double original_context;
};
void rope_scale_llama3(std::span<double> frequencies, const Llama3Rope& scaling);

// YaRN (Peng et al., 2023): pairs that turn more than beta_fast times over original_context are kept, those that turn
// less than beta_slow times are divided by `factor`, a linear ramp over the pair index between. `truncate` rounds the
// ramp's ends outward to whole pairs. cos and sin are also to be multiplied by an attention factor: see rope_angles.
struct YarnRope {
  double factor;
  double original_context;
  double theta;
  double beta_fast;
  double beta_slow;
  bool truncate;
};
void rope_scale_yarn(std::span<double> frequencies, const YarnRope& scaling);

// The attention factor where a model names none: 0.1 ln(factor) + 1 for factor > 1, else 1.
double yarn_attention_factor(double factor);

// Frequencies divided by a model's own factors, one per pair (GGUF tensor rope_freqs.weight).
void rope_divide(std::span<double> frequencies, std::span<const float> factors);

// cos and sin of position * frequency times `magnitude` (1 except for YaRN), each (pairs), computed in double.
void rope_angles(std::span<const double> frequencies, std::uint64_t position, double magnitude, std::span<float> cos,
                 std::span<float> sin);

// Turns pair i of one head by angle i, in place: (x, y) becomes (x cos - y sin, x sin + y cos). The leading
// 2 * cos.size() elements of `head` turn, the rest stay. Every Isa gives the same bits: two products and one sum, each
// rounded.
void rope_adjacent(Isa isa, std::span<float> head, std::span<const float> cos,
                   std::span<const float> sin);  // (2i, 2i+1)
void rope_halves(Isa isa, std::span<float> head, std::span<const float> cos,
                 std::span<const float> sin);  // (i, i+pairs)

}  // namespace assay::kernel
