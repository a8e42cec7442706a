// MetalRT as an Engine: its library runs in a worker process of our own, so that a crash or a hang costs this engine only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "engine/engine.h"
#include "schedule/text_stream.h"

namespace assay::adapter::metalrt {

struct MetalrtOptions {
  std::string worker;                              // path of assay-worker-metalrt
  std::string library;                             // path of libmetalrt; empty: see find_library()
  std::string model;                               // folder with model.safetensors, tokenizer.json, config.json
  std::string chip;                                // the machine's own name for it ("Apple M3 Pro"); empty: not checked
  std::uint32_t requests_max = 16;                 // the one that runs, and those that wait for it
  std::int64_t open_timeout_ns = 120'000'000'000;  // library and model
  std::int64_t first_piece_timeout_ns = 600'000'000'000;  // a long prompt is computed here
  std::int64_t stall_timeout_ns = 60'000'000'000;         // between two pieces
  std::int64_t cancel_timeout_ns = 2'000'000'000;         // until the library gives in; then its process is killed
  std::int64_t stop_timeout_ns = 2'000'000'000;           // of the worker when the engine is destroyed
  const Stop* stop = nullptr;  // ends the worker wherever it is waited for; outlives the engine
};

// Where the library is: `option`, else $ASSAY_METALRT_LIBRARY, else $HOME/Library/RCLI/engines/libmetalrt.dylib.
// Errc::not_found names every place that was looked at.
Result<std::string> find_library(const std::string& option);

// Errc::unsupported for M1 and M2, which MetalRT itself refuses; any other name passes.
Result<void> check_chip(std::string_view chip);

// What the facts say: text only, no seed, no logits, no stop texts, no grammar; token counts are the library's own.
// Invariants:
// 1. Every request that submit() took ends with exactly one finished or failed event, which is its last.
// 2. The library runs one request at a time (one mutex for the GPU); others wait in order.
// 3. Once the worker is lost (crash, hang, cancel ignored, garbage) everything fails with Errc::engine_lost and the cause,
//    and the process is gone.
// submit() refuses by name what the library cannot do: stop tokens and texts, every setting but temperature and top_k.
// One thread owns it.
class MetalrtEngine : public Engine {
 public:
  virtual std::int64_t process_id() const = 0;  // of the worker; -1 when it is dead
  // By the library's own tokenizer. Errc::unsupported where it cannot count; Errc::full while a request runs.
  virtual Result<std::uint32_t> count_tokens(std::string_view text) = 0;
};

// Starts the worker, which loads the library and the model. Errc::not_found: worker, library or model folder;
// Errc::unsupported: the chip, or another ABI (both numbers); Errc::engine_lost, Errc::timeout: it crashed or hung, with
// the signal and what it printed last. Borrows clock and detokenize; detokenize turns prompts into the text that is sent.
Result<std::unique_ptr<MetalrtEngine>> open_metalrt(const MetalrtOptions& options, const Clock& clock,
                                                    const schedule::Detokenize& detokenize);

}  // namespace assay::adapter::metalrt
