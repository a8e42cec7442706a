// A request between submit and its last event: what it asked for and how far it is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "schedule/sampler.h"
#include "schedule/stop_text.h"
#include "schedule/text_stream.h"

namespace assay::schedule {

// Errc::bad_value or Errc::unsupported names the field, what was met and what is expected.
Result<void> check_request(const Request& request, const BackendFacts& facts, bool knows_text);

// What a token means for its request: shown or not, the end or not.
struct Written {
  bool shown = true;             // false: a stop token, which is no part of the answer
  Finish finish = Finish::none;  // none: it goes on
  std::string text;              // released by this token
};

class LiveRequest {
 public:
  // request passed check_request; detokenize may be null.
  LiveRequest(const Request& request, std::uint64_t arrival_order, const Detokenize* detokenize);

  // Takes the chosen token: appends it unless it stops, releases text, decides whether this is the end. The grammar's error
  // where it does not take the token.
  Result<Written> write(Token token, std::uint32_t context);

  // The grammar's mask for the next token, filled at the first call since the last token; empty: no grammar.
  std::span<const std::uint32_t> allowed(std::uint32_t vocab);

  // The most guesses that can be of use now.
  std::uint32_t guesses_max(std::uint32_t context) const;

  // Kind embed: whether the hidden state of its `index`th token is wanted, the states of the tokens that were just computed
  // (rows wanted, width), and the vector at the end. Errc::engine_lost: it is not a vector of finite numbers, or has no length.
  bool wants_hidden(std::size_t index) const;
  void add_hidden(std::span<const float> rows, std::size_t width);
  Result<std::vector<float>> pooled(std::string_view engine) const;
  // Its pages were taken: it is computed again.
  void start_again();

  // Text that was held back and may be shown now that nothing follows.
  std::string rest();

  // Stop tokens while the answer is shorter than its minimum, else empty.
  std::span<const Token> banned() const;

  std::uint32_t remaining() const { return static_cast<std::uint32_t>(tokens.size()) - computed; }
  bool writes() const { return remaining() == 1 && tokens.size() > usage.prompt_tokens; }

  const RequestId id;
  const std::uint64_t arrival;  // order of submit
  const OwnerId owner;
  const std::int32_t priority;
  const RequestKind kind;
  const Pooling pooling;
  const Sampling sampling;
  SamplerState sampler;
  std::vector<Token> tokens;   // prompt, then output; only those that are shown
  std::vector<Token> guesses;  // that may follow tokens, for the step that is being made
  std::uint32_t computed = 0;  // of tokens: those whose keys and values the backend holds
  std::optional<SeqId> seq;    // while running
  bool admitted = false;       // has run before; waiting again because its pages were taken
  std::uint64_t last_served = 0;
  Usage usage;

 private:
  const std::uint32_t output_max_;
  const std::uint32_t output_min_;
  const std::vector<Token> stop_tokens_;
  StopText stop_text_;
  std::unique_ptr<TextStream> stream_;
  const std::shared_ptr<Grammar> grammar_;
  std::vector<std::uint32_t> mask_;
  bool mask_is_filled_ = false;
  std::vector<double> hidden_;  // sum of the states of `pooled_` tokens, or the last one
  std::uint32_t pooled_ = 0;
};

}  // namespace assay::schedule
