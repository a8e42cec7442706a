// What each kind of server is asked, and what its replies mean: JSON out, JSON in, no sockets. Replies are untrusted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/upstream/stream_parser.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/engine.h"

namespace assay::adapter::upstream {

enum class Kind : std::uint8_t {
  llama_server,  // llama.cpp's server: /completion takes and gives token ids
  mlx_lm,        // mlx_lm.server
  ollama,        // its native API
  lm_studio,
  openai,  // anything else that speaks OpenAI's /v1
};

// "llama-server", "mlx_lm.server", "ollama", "lm-studio", "openai": as options and reports name them.
std::string_view name(Kind kind);

// What a kind does with a request; what is false is refused by name, or noted in the engine's facts.
struct Abilities {
  bool token_ids = false;   // prompts go as ids, answers come as ids
  bool min_output = false;  // can be kept from ending before the length that was asked for
  bool top_k = false, min_p = false, typical_p = false;
  bool repetition = false;  // repetition_penalty
  bool presence = false;    // presence_penalty and frequency_penalty
  bool penalty_window = false;
  bool dry = false, xtc = false, mirostat = false, logit_bias = false, logprobs = false;
};
Abilities abilities(Kind kind);

// One request, whatever its shape: exactly one of tokens, text and chat is given. Borrowed.
struct Ask {
  std::span<const Token> tokens;  // Abilities::token_ids only
  std::string_view text;
  const Json* chat = nullptr;  // [{"role": "user", "content": "..."}, ...]
  const Sampling* sampling = nullptr;
  std::uint32_t output_tokens_max = 0;
  bool no_early_end = false;  // Abilities::min_output only
  std::span<const std::string> stop_texts;
  std::string_view model;
  std::uint32_t context = 0;    // Ollama: num_ctx
  std::string_view keep_alive;  // Ollama
};

struct Asked {
  std::string path;
  std::string body;
  StreamFormat format{};
};

// Errc::unsupported names the first setting that this kind does not take.
Result<Asked> ask(Kind kind, const Ask& request);

// One message of a stream, understood.
struct SeenToken {
  Token token = -1;
  float logprob = std::numeric_limits<float>::quiet_NaN();
  std::vector<TokenLogprob> alternatives;
};
struct SeenUsage {
  std::optional<std::uint32_t> prompt_tokens, cached_tokens, output_tokens;
};
struct Message {
  std::string text;                     // content and reasoning: both are tokens that were produced
  std::vector<SeenToken> tokens;        // where the server names them
  std::optional<std::uint32_t> so_far;  // tokens produced until here, where the server says
  std::optional<Finish> finish;
  SeenUsage usage;
  bool last = false;  // nothing follows
};

// Errc::engine_lost: not what this kind of server says (what was met, what was expected); else the error that the message
// carries, as error_of() maps it.
Result<Message> read_message(Kind kind, std::string_view message);

// The error of a reply that is no success: the key, the prompt over the context (Errc::bad_value with both numbers where
// they are known; prompt_tokens: what was sent, 0: unknown), a model that is not there, a full queue, a redirect.
Error error_of(int status, std::string_view content_type, std::string_view location, std::string_view body,
               std::uint64_t prompt_tokens);

}  // namespace assay::adapter::upstream
