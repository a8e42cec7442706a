// The request-level interface: four verbs and a fact sheet. One loop owns an engine; it is pulled, never calls back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/backend.h"

namespace assay {

using RequestId = std::uint64_t;
using OwnerId = std::uint64_t;

// How to choose the next token. Plain values; defaults choose the most likely token (greedy).
struct Sampling {
  float temperature = 0;         // 0: greedy
  std::uint32_t top_k = 0;       // 0: off
  float top_p = 1;               // 1: off
  float min_p = 0;               // 0: off
  float typical_p = 1;           // 1: off
  float repetition_penalty = 1;  // 1: off
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::uint32_t penalty_window = 64;  // last tokens that the three penalties look at; 0: all
  float dry_multiplier = 0;           // 0: off
  float dry_base = 1.75F;
  std::uint32_t dry_allowed_length = 2;
  std::uint32_t dry_window = 0;  // 0: all
  std::vector<Token> dry_breakers;
  float xtc_probability = 0;  // 0: off
  float xtc_threshold = 0.1F;
  std::uint32_t mirostat = 0;  // 0: off, 2: version 2
  float mirostat_tau = 5;
  float mirostat_eta = 0.1F;
  std::vector<std::pair<Token, float>> logit_bias;
  std::uint64_t seed = 0;
  std::uint32_t logprobs = 0;  // how many alternatives beside each token; see wants_logprob
  bool wants_logprob = false;  // the chosen token's own log-probability
};

// What an answer must look like, token by token: a JSON schema, a regular expression. It belongs to one request, and one
// thread at a time uses it: the engine's.
class Grammar {
 public:
  virtual ~Grammar() = default;
  // The answer goes on with this token. An error ends the request with it.
  virtual Result<void> accept(Token token) = 0;
  // Sets bit i % 32 of word i / 32 for each token i that may come next; stop tokens where the answer may end. mask: (vocab +
  // 31) / 32 words, all 0. Called while the device computes; may be called again before the next accept().
  virtual void fill(std::span<std::uint32_t> mask) = 0;
  // Nothing can follow: the answer is whole.
  virtual bool ended() const = 0;
};

// What a request wants: an answer, or the vector that stands for its prompt.
enum class RequestKind : std::uint8_t { generate, embed };

struct Pooling {
  enum class Of : std::uint8_t { last, mean } of = Of::last;  // the last token's hidden state, or the mean of all
  bool normalised = true;                                     // to length 1
};

struct Request {  // borrowed until submit() returns
  RequestId id = 0;
  std::span<const Token> prompt;  // (prompt_tokens,), not empty
  Sampling sampling;
  RequestKind kind = RequestKind::generate;
  Pooling pooling;                      // kind embed; all that follows but owner and priority is of kind generate
  std::uint32_t output_tokens_max = 0;  // > 0; kind embed: 0
  std::uint32_t output_tokens_min = 0;  // stop tokens are not chosen before
  std::vector<Token> stop_tokens;
  std::vector<std::string> stop_texts;  // needs an engine that knows text, see Facts
  std::shared_ptr<Grammar> grammar;     // null: any text; see Facts
  // Where an engine has a queue: owners (users, keys, connections) share it evenly, however many requests each has; a
  // higher priority starts before a lower one and is interrupted after it.
  OwnerId owner = 0;
  std::int32_t priority = 0;
};

// grammar: its Grammar has ended; embedded: the vector is in EventDetail.
enum class Finish : std::uint8_t { none, stop_token, stop_text, length, context, cancelled, grammar, embedded };

struct Event {  // trivially copyable
  RequestId request = 0;
  std::uint32_t detail = 0;  // handle for Engine::detail()
  std::int64_t at_ns = 0;    // monotonic, engine's clock
  enum class Kind : std::uint8_t { token, finished, failed } kind{};
  Token token = -1;                                         // kind token; finished by stop_token: the one that stopped
  float logprob = std::numeric_limits<float>::quiet_NaN();  // natural log; NaN unless asked for
  Finish finish = Finish::none;                             // kind finished
  Errc error{};                                             // kind failed
};

// One alternative at a position: natural log of the softmax of the raw logits.
struct TokenLogprob {
  Token token = -1;
  float logprob = 0;
};

// Counts of one request so far.
struct Usage {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;  // of the prompt, taken from a sequence that was computed before
  std::uint32_t output_tokens = 0;  // token events; the token that stopped is not one
  std::uint32_t recomputed = 0;     // times that its pages were taken by an older request and computed again
  std::uint32_t drafted = 0;        // tokens that were guessed and computed beside the one that was due
  std::uint32_t accepted = 0;       // of them: those that the sampler chose too, and so are a part of the output
};

// What came with an event that does not fit in it. Views are borrowed until the next poll().
struct EventDetail {
  std::string_view text;  // whole characters that this event releases; also what is left when a request finishes
  std::span<const TokenLogprob> alternatives;  // kind token: Sampling::logprobs of them, most likely first
  std::string_view reason;                     // kind failed: what happened, for a person
  Usage usage;
  std::span<const float> embedding{};  // (facts().backend.hidden) finished by embedded
};

// Constant after construction.
struct Facts {
  BackendFacts backend;
  // A token event is a piece of text (token -1) of any number of tokens, and the prompt is tokenized by the engine: counts
  // are those of the last event's Usage, never of events. The Usage of a token event may hold a running count in another
  // vocabulary, for how much of the answer came when; 0: none.
  bool text_only = false;
  bool can_cancel = true;
  bool has_seed = true;
  bool has_logits = true;
  bool has_grammar = false;     // takes Request::grammar
  bool can_embed = false;       // takes kind embed
  std::uint32_t queue_max = 0;  // requests waiting before submit() says full
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const Facts& facts() const = 0;
  // Errc::full when the bounded queue is full; Errc::bad_value names the field: empty prompt, prompt over the context
  // (with both numbers), token outside the vocabulary, unknown setting.
  virtual Result<void> submit(const Request& request) = 0;
  // Unknown ids are ignored; a finished event still follows for known ones.
  virtual void cancel(RequestId request) = 0;
  // Works until at least one event is ready or `deadline_ns` (engine's clock) has passed; events written, in order.
  // Returns 0 at once when nothing is waiting or running. An engine that was built with a Wake (base/wake.h) waits for that
  // then, and returns with what is ready as soon as it is notified: out of a rest at once, else behind the step under way.
  // So another thread, which may call nothing here, has its submit or cancel done by the owner. Errc::cancelled: a step was stopped from outside and no event is
  // ready; requests go on being live.
  virtual Result<std::size_t> poll(std::span<Event> events, std::int64_t deadline_ns) = 0;
  // The rest of an event that the latest poll() wrote.
  virtual EventDetail detail(const Event& event) const = 0;
};

}  // namespace assay
