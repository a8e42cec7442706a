// How an engine rounds between exact weights and logits, and the same done to the reference by chance.
#pragma once

#include "base/error.h"
#include "base/random.h"
#include "engine/backend.h"
#include "model/reference.h"
#include "tensor/dtype.h"

namespace assay::measure {

struct Rounding {
  // What the input of a matrix is rounded to. f16 and bf16: everything between the matrices too.
  enum class Activations : std::uint8_t {
    f32,
    f16,
    bf16,
    int8_blocks_of_32,   // "q8_0"
    int8_blocks_of_256,  // "q8_k"
  } activations = Activations::f32;
  DType kv = DType::f16;  // f32, f16, bf16 or q8_0

  bool operator==(const Rounding&) const = default;
};

// From facts().activations and kv_type. Errc::bad_value names one that is not known, and what is.
Result<Rounding> rounding_from(const BackendFacts& facts);

// Moves each value as that rounding would, by an error drawn evenly from the interval that rounding leaves open:
//   - f16, bf16: +-u times the value, u = 2^-11, 2^-8;
//   - 8 bits in blocks of n values of one token: +-half a step, the step being the block's largest magnitude / 127;
//   - everything is summed in f32: +-2^-24 * sqrt(3 * features) times the value at the input of a matrix (the standard
//     deviation of a sum of that many roundings, Higham and Mary 2019).
void disturb(const Rounding& rounding, const model::SiteValues& at, Random& random);

}  // namespace assay::measure
