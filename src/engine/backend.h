// The backend interface: one loaded model on one device. It turns (sequence, position, token) into logits and keeps KV.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace assay {

using Token = std::int32_t;
using SeqId = std::uint32_t;
using Position = std::uint32_t;

// One token to compute. Slots of one sequence come in rising position order and continue what the cache holds.
struct Slot {
  SeqId seq;
  Position pos;
  Token token;
  bool wants_logits;
};

// (rows wanted, vocab) f32, rows in the order of the slots that asked. Reused between calls: no allocation when it
// fits.
struct Logits {
  std::size_t vocab = 0;
  std::vector<float> values;
  std::size_t rows() const { return vocab == 0 ? 0 : values.size() / vocab; }
  std::span<const float> row(std::size_t index) const { return {values.data() + index * vocab, vocab}; }
  std::span<float> row(std::size_t index) { return {values.data() + index * vocab, vocab}; }
};

// Constant after load.
struct BackendFacts {
  std::string name;  // "direct"
  std::string version;
  std::string build;            // hash or description of the build: compiler, flags, chosen kernels
  std::string device;           // "cpu", "cuda", "metal"
  std::uint32_t context = 0;    // positions that one sequence may reach
  std::uint32_t sequences = 0;  // ids 0..sequences-1 may be used
  std::uint32_t batch = 0;      // most slots in one forward
  std::uint32_t vocab = 0;
  std::string kv_type;      // "f16", "q8_0"
  std::string activations;  // what a quantized matrix's input is rounded to: "f32", "f16", "bf16", "q8_0", "q8_k"
  std::vector<std::string> notes;  // for the row: "blk.0.ffn_down.weight: q6_k widened to f16"; equal ones once
  bool deterministic = false;      // same slots of a sequence, same bits, whatever else is in the batch
};

// Bytes as the backend accounts for them.
struct MemoryUse {
  std::uint64_t weights = 0;
  std::uint64_t kv = 0;
  std::uint64_t scratch = 0;
};

// Not safe from several threads: one loop owns a backend.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const BackendFacts& facts() const = 0;

  // Computes all slots and appends their keys and values. slots.size() <= facts().batch. Errc::full: no KV page is
  // free (nothing was changed); Errc::bad_value: a slot breaks the order, a token is outside the vocabulary, or a
  // position is outside the context; Errc::cancelled: stopped from outside while it computed (nothing was changed, or,
  // where a worker was ended for it, the backend is lost); Errc::engine_lost: the device is gone.
  virtual Result<void> forward(std::span<const Slot> slots, Logits& logits) = 0;

  // Drops the keys and values of positions [from, to) of a sequence; to past the end means the end. Only a tail can be
  // dropped: Errc::unsupported otherwise. Pages that no sequence uses are free at once.
  virtual Result<void> forget(SeqId seq, Position from, Position to) = 0;

  // Makes `to` (empty) begin with the first `upto` positions of `from`, without computing them again.
  virtual Result<void> share(SeqId from, SeqId to, Position upto) = 0;

  virtual MemoryUse memory() const = 0;
};

}  // namespace assay
