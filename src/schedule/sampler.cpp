#include "schedule/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/philox.h"
#include "schedule/portable_math.h"
#include "schedule/sampling_limits.h"

namespace assay::schedule {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

// The logits after mask, bias, bans, penalties and DRY.
struct Edited {
  std::span<const float> logits;
  const AllowedLogits* ids = nullptr;  // null: nothing was changed, the index is the token
  Token id(std::size_t index) const { return ids == nullptr ? static_cast<Token>(index) : ids->id(index); }
};

Result<Edited> edited(const Sampling& s, const SampleInput& input, SampleScratch& scratch) {
  const std::size_t bad = first_not_finite(input.logits);
  if (bad < input.logits.size()) {
    const float met = input.logits[bad];
    return fail(Errc::engine_lost, "engine " + std::string(input.engine) + ": logit of token " + std::to_string(bad) +
                                       ": met " + (std::isnan(met) ? "NaN" : "infinity") +
                                       ", expected a finite number");
  }
  const bool penalised = s.repetition_penalty != 1 || s.presence_penalty != 0 || s.frequency_penalty != 0;
  if (!penalised && s.dry_multiplier == 0 && s.logit_bias.empty() && input.banned.empty() && input.allowed.empty()) {
    return Edited{input.logits, nullptr};
  }
  AllowedLogits& allowed = scratch.allowed;
  allowed.gather(input.logits, input.allowed);
  for (const auto& [token, bias] : s.logit_bias) {
    if (float* const logit = allowed.find(token)) *logit = bias == minus_infinity ? bias : *logit + bias;
  }
  for (const Token token : input.banned) {
    if (float* const logit = allowed.find(token)) *logit = minus_infinity;
  }
  apply_penalties(s, input.history, allowed, scratch.penalties);
  apply_dry(s, input.history, allowed, scratch.penalties);
  const auto left = allowed.values();
  if (left.empty() || left[first_max(left)] == minus_infinity) {
    return fail(Errc::bad_value, "sampling: no token is allowed by bias, minimum length and grammar together");
  }
  return Edited{left, &allowed};
}

void filter(const Sampling& s, const SamplerState& state, Position position, Pool& pool) {
  if (s.mirostat == 2) {
    pool.temperature(s.temperature);
    pool.surprise(state.mirostat_mu);
    return;
  }
  if (s.top_k != 0) pool.top_k(s.top_k);
  pool.typical(s.typical_p);
  pool.top_p(s.top_p);
  pool.min_p(s.min_p);
  if (s.xtc_probability > 0 && uniform_draw(s.seed, position, DrawUse::xtc) < s.xtc_probability) {
    pool.xtc(s.xtc_threshold);
  }
  if (s.temperature > 0) pool.temperature(s.temperature);
}

// The best token survives top_k, top_p and min_p; typical and XTC may remove it.
bool only_best(const Sampling& s) { return s.temperature == 0 && s.typical_p >= 1 && s.xtc_probability == 0; }

}  // namespace

Result<Token> sample(const Sampling& s, SamplerState& state, const SampleInput& input, SampleScratch& scratch) {
  const auto left = edited(s, input, scratch);
  if (!left) return std::unexpected(left.error());
  if (only_best(s)) return left->id(first_max(left->logits));
  Pool& pool = scratch.pool;
  pool.reset(left->logits);
  filter(s, state, input.position, pool);
  if (s.temperature == 0) return left->id(static_cast<std::size_t>(pool.most_likely()));
  const auto drawn = pool.draw(uniform_draw(s.seed, input.position, DrawUse::token));
  if (s.mirostat == 2) {
    const double surprise = -natural_log(std::max(drawn.p, 1e-300)) / 0.6931471805599453;
    state.mirostat_mu -= static_cast<double>(s.mirostat_eta) * (surprise - static_cast<double>(s.mirostat_tau));
  }
  return left->id(static_cast<std::size_t>(drawn.id));
}

Result<std::span<const Candidate>> distribution(const Sampling& s, const SamplerState& state, const SampleInput& input,
                                                SampleScratch& scratch) {
  const auto left = edited(s, input, scratch);
  if (!left) return std::unexpected(left.error());
  Pool& pool = scratch.pool;
  pool.reset(left->logits);
  filter(s, state, input.position, pool);
  if (s.temperature == 0) pool.top_k(1);
  const auto candidates = pool.candidates();
  scratch.candidates.assign(candidates.begin(), candidates.end());
  for (Candidate& candidate : scratch.candidates) candidate.id = left->id(static_cast<std::size_t>(candidate.id));
  return std::span<const Candidate>(scratch.candidates);
}

Logprobs logprobs(std::span<const float> logits, Token chosen, std::uint32_t count) {
  const float max = logits[first_max(logits)];
  const double log_total = natural_log(sum_exp(logits, max, 1, {}));
  auto of = [&](float logit) { return static_cast<float>(static_cast<double>(logit) - max - log_total); };
  Logprobs result;
  result.chosen = of(logits[static_cast<std::size_t>(chosen)]);
  if (count == 0) return result;
  std::vector<Candidate> top;
  select_top(logits, count, top);
  for (const auto& item : top) result.top.push_back({item.id, of(item.logit)});
  return result;
}

}  // namespace assay::schedule
