// The backend interface: one loaded model on one device. It turns (sequence, position, token) into logits and keeps KV.
#pragma once

#include <array>
#include <concepts>
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

// The row that a slot asks for. hidden: the state behind the final norm, for embeddings and pooling.
enum class Want : std::uint8_t { nothing, logits, hidden };
constexpr Want logits_if(bool wanted) { return wanted ? Want::logits : Want::nothing; }

// What stands at a slot's position: a token of the vocabulary, or a row of Batch::embeddings (a part of an image).
enum class Source : std::uint8_t { token, embedding };

// One position to compute. Slots of one sequence come together, in rising position order, and continue what the cache
// holds.
struct Slot {
  SeqId seq = 0;
  Position pos = 0;
  Token token = 0;  // Source::embedding: the number of the row
  Want want = Want::nothing;
  Source source = Source::token;

  bool operator==(const Slot&) const = default;
};
static_assert(sizeof(Slot) == 16);

// Time, height and width, by which a model with M-RoPE turns a position. Where it lies in the cache is still Slot::pos.
using Turn3 = std::array<Position, 3>;

// What is computed in one pass. Most batches are slots alone.
struct Batch {
  Batch() = default;
  template <class Slots>
    requires std::convertible_to<const Slots&, std::span<const Slot>>
  Batch(const Slots& all, std::span<const float> rows = {}, std::span<const Turn3> by = {})  // NOLINT(*-explicit-*)
      : slots(all), embeddings(rows), turns(by) {}

  std::span<const Slot> slots;
  std::span<const float> embeddings;  // (rows, facts().embedding) f32, as they enter the first layer
  std::span<const Turn3> turns;       // (slots), or none: each slot turns by its pos

  std::size_t count(Want want) const;
};

// The caller's memory, which finish() fills: the rows of each kind in the order of the slots that asked for them.
struct Rows {
  std::span<float> logits;  // (slots that want logits, facts().vocab)
  std::span<float> hidden;  // (slots that want hidden, facts().hidden)
};

// Rows of logits in memory of their own, for whoever reads them before the next pass. Reused between calls: no allocation
// when it fits.
struct Logits {
  std::size_t vocab = 0;
  std::vector<float> values;  // (rows, vocab)
  std::size_t rows() const { return vocab == 0 ? 0 : values.size() / vocab; }
  std::span<const float> row(std::size_t index) const { return {values.data() + index * vocab, vocab}; }
  std::span<float> row(std::size_t index) { return {values.data() + index * vocab, vocab}; }
};

// How a sequence that a device continues by itself begins, and how its tokens are drawn.
struct Draw {
  SeqId seq = 0;
  Position pos = 0;  // of `token`, which is computed in the first step
  Token token = 0;
  float temperature = 0;          // 0: the most likely token
  std::uint32_t top_k = 0;        // 0: all
  float top_p = 1;                // 1: all
  float min_p = 0;                // 0: all
  std::uint64_t seed = 0;         // of the counter-based random numbers
  std::uint64_t counter = 0;      // of the first step; each step takes the next
  std::span<const Token> stop{};  // the sequence ends behind any of them
};

// What one step of one sequence drew; -1 where it had ended before.
struct Drawn {
  Token token = -1;
  bool operator==(const Drawn&) const = default;
};

// What forget() can drop besides a whole sequence, which every backend can.
enum class Rewind : std::uint8_t {
  any,         // every tail
  checkpoint,  // a tail that begins where a checkpoint of the state is; Errc::unsupported elsewhere
  none,        // no tail: Errc::unsupported, and the sequence is computed again from its beginning
};

// Constant after load.
struct BackendFacts {
  std::string name;  // "direct"
  std::string version;
  std::string build;            // hash or description of the build: compiler, flags, chosen kernels
  std::string device;           // "cpu", "cuda", "metal"
  std::string kernel_path;      // what really computes, for the row: "avx512", "flash attention on, repack on"
  std::uint32_t context = 0;    // positions that one sequence may reach
  std::uint32_t sequences = 0;  // ids 0..sequences-1 may be used
  std::uint32_t batch = 0;      // most slots in one pass
  std::uint32_t starts = 1;     // passes that may be started and not finished, at least 1
  std::uint32_t vocab = 0;
  std::uint32_t hidden = 0;     // width of a row of Want::hidden; 0: it gives none
  std::uint32_t embedding = 0;  // width of a row of Batch::embeddings; 0: it takes tokens only
  bool turns = false;           // takes Batch::turns
  bool decodes = false;         // decode() works
  Rewind rewind = Rewind::any;
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

  // Begins a pass over the batch, which may go when this returns. Where the device computes by itself, the caller's work
  // until finish() overlaps with it. Until then only facts(), memory(), start() and finish() may be called: everything
  // else is Errc::bad_value, as a start() is with facts().starts passes under way. A pass that is refused here leaves
  // the ones under way as they are.
  //   Errc::full: no KV page is free. Errc::bad_value: the batch's size, a slot that breaks the order, a token outside
  //   the vocabulary, a position outside the context. Errc::unsupported: rows, embeddings or turns that facts() say it
  //   lacks. Errc::engine_lost: the device is gone.
  virtual Result<void> start(const Batch& batch) = 0;

  // Waits for the oldest pass and writes its rows. Keys and values of its slots are then in the cache. Errc::bad_value:
  // no pass is under way, or `rows` has not the size that the batch wants. Errc::cancelled: stopped from outside while it
  // computed; where a worker was ended for it, the backend is lost. Besides, what start() says: a backend in another
  // process learns it here. After any error nothing has changed since that pass's start(), and those started after it are
  // void too: none is under way.
  virtual Result<void> finish(const Rows& rows) = 0;

  // start() and finish() at once. The other one resizes `logits` to what the slots want; Errc::full: no memory for it.
  Result<void> forward(const Batch& batch, const Rows& rows);
  Result<void> forward(const Batch& batch, Logits& logits);

  // Continues each sequence by up to `steps` tokens, drawn on the device: for those of whom nobody asks for logits, masks,
  // penalties or text stops. drawn: (draws, steps). Returns the steps that were computed, fewer only where all sequences
  // ended. The last token of each is drawn but not in the cache. Errc::unsupported: facts().decodes is false; else as
  // start() and finish(), and nothing has changed.
  virtual Result<std::size_t> decode(std::span<const Draw> draws, std::uint32_t steps, std::span<Drawn> drawn);

  // Drops the keys and values of positions [from, to) of a sequence; to past the end means the end. Only a tail can be
  // dropped, and where facts().rewind says so not every one: Errc::unsupported, and nothing has changed. Pages that no
  // sequence uses are free at once.
  virtual Result<void> forget(SeqId seq, Position from, Position to) = 0;

  // Makes `to` (empty) begin with the first `upto` positions of `from`, without computing them again. Errc::unsupported
  // where the state of `from` at that position is not there any more.
  virtual Result<void> share(SeqId from, SeqId to, Position upto) = 0;

  virtual MemoryUse memory() const = 0;
};

}  // namespace assay
