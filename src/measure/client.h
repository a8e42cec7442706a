// One request through an engine as a client sees it: when it was sent, when the first and the last token came.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"

namespace assay::measure {

// Times by the client's monotonic clock. tokens are counted by our tokenizer, never by chunks.
struct Timing {
  std::int64_t sent_ns = 0;   // the request is handed over; queue time is inside TTFT
  std::int64_t first_ns = 0;  // the first token has come
  std::int64_t last_ns = 0;   // the last one has
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;
  std::uint32_t output_tokens = 0;

  double ttft_ms() const { return static_cast<double>(first_ns - sent_ns) * 1e-6; }
  // (n - 1) / (t_last - t_first), tokens per second; NaN below two tokens.
  double decode_tok_s() const;
  // Uncached prompt tokens / (TTFT - one decode step), tokens per second; NaN where the step is not known.
  double prefill_tok_s() const;
};

// Sends one request and takes all its tokens. The engine must be idle. Errc::timeout after `timeout_ns` (the request is
// then cancelled); the engine's own error where it fails, with its reason; Errc::cancelled when `keep_going` (may be
// null) says no between events.
Result<Timing> time_request(Engine& engine, const Clock& clock, const Request& request, std::int64_t timeout_ns,
                            bool (*keep_going)() = nullptr);

}  // namespace assay::measure
