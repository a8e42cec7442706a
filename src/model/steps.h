// The forward pass as data: a list of dependent steps that every engine interprets.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/model_config.h"

namespace assay::model {

// What one step does to the tokens of a batch. x is the residual stream; what else a step leaves behind is for the steps
// of the same layer that follow it. An engine may fuse inside a step, never across.
enum class Op : std::uint8_t {
  embed,    // x = embedding rows of the tokens, times the embedding scale
  project,  // norm of x; q, k, v with their bias, norm and rotation; k and v are kept at the tokens' positions
  attend,   // softmax(scale * q k) v over each sequence's positions, or the last `window` of them
  merge,    // x += [post norm of] output * attended
  gate,     // norm of x; gate and up of it
  down,     // x += [post norm of] down * (activation(gate) . up)
  head,     // logits of the rows that are wanted: head * norm of x
  added,    // from here on: operations that whoever runs the pass brings along
};

// The n-th operation that an engine does not know by itself.
constexpr Op added_op(std::uint8_t n) { return static_cast<Op>(static_cast<std::uint8_t>(Op::added) + n); }

struct Step {
  Op op{};
  std::uint32_t layer = 0;  // of embed and head: 0

  bool operator==(const Step&) const = default;
};

std::vector<Step> steps_of(const ModelConfig& config);

}  // namespace assay::model
