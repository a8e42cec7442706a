#include "measure/rounding.h"

#include <algorithm>
#include <cmath>

namespace assay::measure {
namespace {

using Activations = Rounding::Activations;

double evenly(Random& random) { return 2 * random.uniform() - 1; }  // [-1, 1)

void disturb_relatively(double largest, const model::SiteValues& at, Random& random) {
  for (std::size_t f = 0; f < at.features; ++f) {
    double* row = at.values + f * at.stride;
    for (std::size_t t = 0; t < at.tokens; ++t) row[t] *= 1 + largest * evenly(random);
  }
}

void disturb_blocks(std::size_t block, const model::SiteValues& at, Random& random) {
  for (std::size_t t = 0; t < at.tokens; ++t) {
    for (std::size_t begin = 0; begin < at.features; begin += block) {
      const std::size_t end = std::min(begin + block, at.features);
      double largest = 0;
      for (std::size_t f = begin; f < end; ++f) largest = std::max(largest, std::abs(at.values[f * at.stride + t]));
      const double half_step = largest / 127 / 2;
      for (std::size_t f = begin; f < end; ++f) at.values[f * at.stride + t] += half_step * evenly(random);
    }
  }
}

void disturb_cache(DType kv, const model::SiteValues& at, Random& random) {
  switch (kv) {
    case DType::f32:
      return disturb_relatively(0x1.0p-24, at, random);
    case DType::bf16:
      return disturb_relatively(0x1.0p-8, at, random);
    case DType::q8_0:
      return disturb_blocks(32, at, random);
    default:
      return disturb_relatively(0x1.0p-11, at, random);
  }
}

}  // namespace

Result<Rounding> rounding_from(const BackendFacts& facts) {
  Rounding out;
  const std::string& a = facts.activations;
  if (a == "f32") {
    out.activations = Activations::f32;
  } else if (a == "f16") {
    out.activations = Activations::f16;
  } else if (a == "bf16") {
    out.activations = Activations::bf16;
  } else if (a == "q8_0") {
    out.activations = Activations::int8_blocks_of_32;
  } else if (a == "q8_k") {
    out.activations = Activations::int8_blocks_of_256;
  } else {
    return fail(Errc::bad_value, facts.name + ": activations are \"" + a + "\", expected f32, f16, bf16, q8_0 or q8_k");
  }
  const std::string& kv = facts.kv_type;
  if (kv == "f32") {
    out.kv = DType::f32;
  } else if (kv == "f16") {
    out.kv = DType::f16;
  } else if (kv == "bf16") {
    out.kv = DType::bf16;
  } else if (kv == "q8_0") {
    out.kv = DType::q8_0;
  } else {
    return fail(Errc::bad_value, facts.name + ": keys and values are \"" + kv + "\", expected f32, f16, bf16 or q8_0");
  }
  return out;
}

void disturb(const Rounding& rounding, const model::SiteValues& at, Random& random) {
  if (at.site == model::Site::keys || at.site == model::Site::values) return disturb_cache(rounding.kv, at, random);
  const bool input = at.site == model::Site::matrix_input;
  switch (rounding.activations) {
    case Activations::f32:
      break;
    case Activations::f16:
      disturb_relatively(0x1.0p-11, at, random);
      break;
    case Activations::bf16:
      disturb_relatively(0x1.0p-8, at, random);
      break;
    case Activations::int8_blocks_of_32:
      if (input) disturb_blocks(32, at, random);
      break;
    case Activations::int8_blocks_of_256:
      if (input) disturb_blocks(256, at, random);
      break;
  }
  if (input) disturb_relatively(0x1.0p-24 * std::sqrt(3.0 * static_cast<double>(at.features)), at, random);
}

}  // namespace assay::measure
