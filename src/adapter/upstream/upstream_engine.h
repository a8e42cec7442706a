// An HTTP server that runs a model, as an Engine. Everything happens inside poll(): no thread, no call back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapter/upstream/http_client.h"
#include "adapter/upstream/messages.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/stop.h"
#include "engine/engine.h"
#include "schedule/text_stream.h"

namespace assay::adapter::upstream {

// Tokens of a text in the vocabulary that the server's model is believed to have, without begin and end tokens.
using CountTokens = std::function<Result<std::size_t>(std::string_view)>;

struct UpstreamOptions {
  Kind kind{};
  HttpOptions http;
  std::string model;                // as the server names it; empty: the only one that it has
  std::uint32_t context = 0;        // positions wanted; 0: what the server has (Ollama: 4096, it must be told)
  std::string keep_alive = "30m";   // Ollama: how long the model stays after a request
  std::uint32_t vocabulary = 0;     // token ids go only to a server whose model has as many; 0: not checked
  std::uint32_t requests_max = 64;  // under way at once; one more is refused
  std::int64_t open_timeout_ns = 10'000'000'000;   // each question when it is opened
  std::int64_t load_timeout_ns = 300'000'000'000;  // Ollama: until the model is loaded
  const Stop* stop = nullptr;                      // ends opening and probe() with Errc::cancelled; outlives the engine
};

// A request that begins as text: what a server of ours passes on.
struct TextRequest {
  RequestId id = 0;
  std::string_view text;       // exactly one of the two
  const Json* chat = nullptr;  // [{"role": "user", "content": "..."}, ...]; the server's own template is used
  Sampling sampling;
  std::uint32_t output_tokens_max = 0;
  std::vector<std::string> stop_texts;
};

// When a request was on the wire, by the engine's clock.
struct WireTimes {
  std::int64_t sent_ns = 0;     // the last byte of the request was handed to the system; 0: not yet
  std::int64_t content_ns = 0;  // the first non-empty content or token came; 0: not yet
  std::int64_t last_ns = 0;     // the last one
};

// What came of asking for one token.
struct Probe {
  std::int64_t took_ns = 0;  // from asking to the token
  std::string text;          // of that token; may be empty
};

// Invariants:
// 1. Every request that submit() took ends with exactly one finished or failed event, which is its last.
// 2. A request fails with Errc::bad_value when the server counted fewer prompt tokens than were sent: it was cut.
// 3. Without an exact count (token ids, or CountTokens and the server's usage) nothing is counted: a chunk is no token.
// Kinds that take text only give events of chunks: Event::token is -1, and Usage::output_tokens, known at the end, is the
// server's own count. llama-server gives one event per token; ids within a character that it has not finished are -1.
// One thread owns it.
class UpstreamEngine : public Engine {
 public:
  // As Engine::submit, for text. Errc::unsupported names a setting that the server does not take.
  virtual Result<void> submit_text(const TextRequest& request) = 0;

  // Health: one token asked for now. What a server's /health says is not asked. Other requests go on meanwhile.
  // Errc::timeout: no token within `timeout_ns`; else what came instead.
  virtual Result<Probe> probe(std::int64_t timeout_ns) = 0;

  // Of a request that is live or ended last; nothing for others.
  virtual std::optional<WireTimes> wire_times(RequestId request) const = 0;
};

// Asks the server what it is and what it has loaded, and refuses what would be measured under a false name:
// Errc::bad_value: another context than asked for (both numbers), another vocabulary; Errc::not_found: no such model
// (those that are there by name); Errc::engine_lost: it is not that kind of server; else as HttpClient::poll().
// Borrows clock and detokenize; detokenize may be null where only submit_text() is used. count_tokens may be empty.
Result<std::unique_ptr<UpstreamEngine>> open_upstream(const UpstreamOptions& options, const Clock& clock,
                                                      const schedule::Detokenize* detokenize,
                                                      CountTokens count_tokens = {});

}  // namespace assay::adapter::upstream
