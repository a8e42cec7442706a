// Chooses the next token: a pure function of settings, state, logits and what was written before.
// The chain, in the order that llama.cpp uses by default:
//   bias and bans -> penalties -> DRY -> top_k -> typical_p -> top_p -> min_p -> XTC -> temperature -> draw
// With mirostat: bias and bans -> penalties -> DRY -> temperature -> mirostat 2. docs/sampling.md is the user's page.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "schedule/allowed.h"
#include "schedule/candidates.h"
#include "schedule/penalties.h"

namespace assay::schedule {

// Errc::bad_value names the first field outside its range, what was met and what is expected.
Result<void> check_sampling(const Sampling& settings, std::uint32_t vocab);

// What one request carries from token to token. Random numbers are no part of it: a draw is a function of seed, position
// and use (base/philox.h), so it is the same however often the token is chosen, and whatever was drawn before.
struct SamplerState {
  explicit SamplerState(const Sampling& settings) : mirostat_mu(2.0 * static_cast<double>(settings.mirostat_tau)) {}
  double mirostat_mu;  // bits; the surprise above which a token is cut
};

struct SampleInput {
  std::span<const float> logits;   // (vocab) raw, as the backend gave them
  std::span<const Token> history;  // prompt and output so far
  Position position;               // of the token to choose, in its sequence: history.size() in an answer
  std::span<const Token> banned;   // may not be chosen now: stop tokens before the minimum length
  // Bit i % 32 of word i / 32 set: token i is allowed; (vocab + 31) / 32 words. Empty: no grammar.
  std::span<const std::uint32_t> allowed;
  std::string_view engine;  // named in errors
};

// Memory reused between tokens and requests; holds nothing that a choice depends on.
struct SampleScratch {
  AllowedLogits allowed;
  PenaltyScratch penalties;
  Pool pool;
  std::vector<Candidate> candidates;
};

// Errc::engine_lost: a logit is NaN or infinite (the engine is named; the state is unchanged). Errc::bad_value: no
// token is allowed. settings passed check_sampling; tokens of the other spans are inside the vocabulary.
// Greedy (temperature 0) takes the largest logit, the lowest id among equals, and draws no random number.
Result<Token> sample(const Sampling& settings, SamplerState& state, const SampleInput& input, SampleScratch& scratch);

// The distribution that sample() would draw from, most likely first, borrowed from scratch until its next use. With
// temperature 0 one token has it all. XTC's coin is that of the position. Same errors.
Result<std::span<const Candidate>> distribution(const Sampling& settings, const SamplerState& state,
                                                const SampleInput& input, SampleScratch& scratch);

// ln softmax(raw logits)[token]: before bias, penalties, masks and temperature. logits finite, as sample() checked.
struct Logprobs {
  float chosen = 0;
  std::vector<TokenLogprob> top;  // `count` most likely tokens, lowest id first among equals
};
Logprobs logprobs(std::span<const float> logits, Token chosen, std::uint32_t count);

}  // namespace assay::schedule
