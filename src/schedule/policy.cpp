#include "schedule/policy.h"

#include <algorithm>
#include <numeric>

namespace assay::schedule {
namespace {

// Gives one token each, longest unserved first, until `slots` are gone; returns what was given.
std::uint32_t take_turns(std::span<const Work> work, std::vector<std::size_t> who, std::uint32_t slots,
                         std::vector<std::uint32_t>& tokens) {
  std::sort(who.begin(), who.end(), [&](std::size_t a, std::size_t b) {
    return work[a].last_served != work[b].last_served ? work[a].last_served < work[b].last_served
                                                      : work[a].arrival < work[b].arrival;
  });
  const auto given = std::min<std::size_t>(slots, who.size());
  for (std::size_t i = 0; i < given; ++i) ++tokens[who[i]];
  return static_cast<std::uint32_t>(given);
}

}  // namespace

std::vector<std::uint32_t> choose_step(std::span<const Work> work, const StepLimits& limits) {
  std::vector<std::uint32_t> tokens(work.size(), 0);
  std::vector<std::size_t> writers;
  std::vector<std::size_t> prompts;
  for (std::size_t i = 0; i < work.size(); ++i) (work[i].writes ? writers : prompts).push_back(i);

  std::uint32_t left = limits.slots;
  if (left == 1) {  // no room to keep a part for prompts
    writers.insert(writers.end(), prompts.begin(), prompts.end());
    take_turns(work, writers, 1, tokens);
    return tokens;
  }
  if (!writers.empty()) {
    // Where both are there, a quarter of the step is kept for prompts (at least one token).
    const std::uint32_t kept = prompts.empty() || left == 1
                                   ? 0
                                   : std::min<std::uint32_t>(std::max(left / 4, 1U), limits.prefill_beside_decode);
    left -= take_turns(work, writers, left - kept, tokens);
    left = std::min(left, limits.prefill_beside_decode);
  }
  left = std::min(left, limits.prompt_tokens);
  if (prompts.empty() || left == 0) return tokens;
  if (left < prompts.size()) {
    take_turns(work, prompts, left, tokens);
    return tokens;
  }

  std::sort(prompts.begin(), prompts.end(),
            [&](std::size_t a, std::size_t b) { return work[a].arrival < work[b].arrival; });
  auto give = [&](std::size_t i, std::uint32_t wish) {
    const std::uint32_t given = std::min({wish, left, work[i].remaining - tokens[i]});
    tokens[i] += given;
    left -= given;
  };
  const auto count = static_cast<std::uint32_t>(prompts.size());
  const std::uint32_t even = std::max(left / 2 / count, 1U);
  for (const std::size_t i : prompts) give(i, even);
  for (const std::size_t i : prompts) give(i, left);  // the rest: oldest first
  return tokens;
}

Pace learn(Pace pace, std::uint32_t tokens, std::uint32_t prompt_tokens, std::int64_t ns) {
  if (prompt_tokens == 0 || tokens == 0 || ns <= 0) return pace;
  const double seen = static_cast<double>(ns) / tokens;
  pace.ns_per_token = pace.ns_per_token == 0 ? seen : pace.ns_per_token + (seen - pace.ns_per_token) / 4;
  return pace;
}

std::uint32_t prompt_tokens_within(std::int64_t step_ns, const Pace& pace, std::uint32_t writers) {
  if (step_ns <= 0) return ~std::uint32_t{0};
  if (pace.ns_per_token <= 0) return prompt_tokens_first;
  const double fit = static_cast<double>(step_ns) / pace.ns_per_token - writers;
  return static_cast<std::uint32_t>(std::clamp<double>(fit, prompt_tokens_least, ~std::uint32_t{0}));
}

std::uint32_t choose_admissions(const Admission& state) {
  if (state.short_of_pages && state.running > 0) return 0;
  if (state.running >= state.streams_max) return 0;
  return std::min(state.waiting, state.streams_max - state.running);
}

bool waits_for_prefix(const PrefixChance& c) { return c.worth != 0 && c.coming >= c.worth && c.coming > c.held; }

std::optional<std::size_t> choose_victim(std::span<const Work> work) {
  if (work.size() < 2) return std::nullopt;
  const auto youngest =
      std::max_element(work.begin(), work.end(), [](const Work& a, const Work& b) { return a.arrival < b.arrival; });
  return static_cast<std::size_t>(youngest - work.begin());
}

}  // namespace assay::schedule
