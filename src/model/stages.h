// The forward pass of a dense decoder, written once: five dependent stages per layer over any device.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace assay::model {

// What a device must offer. The batch (which sequences, positions and pages) is the device's own state, set before
// forward() runs; activations never leave the device between stages. Every call is one dependent step: a device may
// fuse inside a stage, never across. Errc::engine_lost when the device is gone.
class Stages {
 public:
  virtual ~Stages() = default;
  virtual Result<void> embed() = 0;                                // x = embedding rows of the batch's tokens
  virtual Result<void> attention_inputs(std::uint32_t layer) = 0;  // norm, QKV, bias, QK norm, RoPE, append to KV
  virtual Result<void> attention(std::uint32_t layer) = 0;         // softmax(q k) v over each sequence's positions
  virtual Result<void> attention_output(std::uint32_t layer) = 0;  // x += O * attention
  virtual Result<void> ffn_hidden(std::uint32_t layer) = 0;        // norm, gate and up
  virtual Result<void> ffn_output(std::uint32_t layer) = 0;        // x += down * (silu(gate) * up)
  virtual Result<void> head() = 0;                                 // logits of the rows that the batch wants
};

// Runs `layers` layers and the head over the batch that `stages` holds.
Result<void> forward(std::uint32_t layers, Stages& stages);

}  // namespace assay::model
