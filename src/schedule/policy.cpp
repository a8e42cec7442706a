#include "schedule/policy.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace assay::schedule {
namespace {

// Who comes first for prompts: see rule 3.
bool comes_before(const Work& a, const Work& b) {
  return std::tuple(-std::int64_t{a.priority}, a.owner_served, a.arrival) <
         std::tuple(-std::int64_t{b.priority}, b.owner_served, b.arrival);
}

// Sorts `who` so that owners, and the requests of each, take turns: an owner's second comes behind all first ones.
void order_turns(std::span<const Work> work, std::vector<std::size_t>& who) {
  struct Turn {
    std::size_t index = 0;
    std::uint64_t rank = 0;          // among the owner's own
    std::uint64_t owner_latest = 0;  // step that last served the owner at all
  };
  std::ranges::sort(who, {},
                    [&](std::size_t i) { return std::tuple(work[i].owner, work[i].last_served, work[i].arrival); });
  std::vector<Turn> turns(who.size());
  for (std::size_t first = 0; first < who.size();) {
    std::size_t end = first;
    while (end < who.size() && work[who[end]].owner == work[who[first]].owner) ++end;
    for (std::size_t i = first; i < end; ++i) turns[i] = {who[i], i - first, work[who[end - 1]].last_served};
    first = end;
  }
  std::ranges::sort(turns, {}, [&](const Turn& turn) {
    const Work& w = work[turn.index];
    return std::tuple(turn.rank, turn.owner_latest, w.last_served, w.arrival);
  });
  std::ranges::transform(turns, who.begin(), &Turn::index);
}

// Gives one token each, by turns, until `slots` are gone; returns what was given.
std::uint32_t take_turns(std::span<const Work> work, std::vector<std::size_t> who, std::uint32_t slots,
                         std::vector<std::uint32_t>& tokens) {
  if (slots < who.size()) order_turns(work, who);
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

  std::ranges::sort(prompts, [&](std::size_t a, std::size_t b) { return comes_before(work[a], work[b]); });
  auto give = [&](std::size_t i, std::uint32_t wish) {
    const std::uint32_t given = std::min({wish, left, work[i].remaining - tokens[i]});
    tokens[i] += given;
    left -= given;
  };
  std::map<OwnerId, std::uint32_t> prompts_of;
  for (const std::size_t i : prompts) ++prompts_of[work[i].owner];
  const std::uint32_t even = left / 2 / static_cast<std::uint32_t>(prompts_of.size());  // of one owner
  for (const std::size_t i : prompts) give(i, 1);
  for (const std::size_t i : prompts) give(i, std::max(even / prompts_of[work[i].owner], 1U) - 1);
  for (const std::size_t i : prompts) give(i, left);  // the rest: first comes first
  return tokens;
}

std::vector<std::uint32_t> choose_guesses(std::span<const Work> work, std::span<const std::uint32_t> tokens,
                                          const StepLimits& limits) {
  std::vector<std::uint32_t> guesses(work.size(), 0);
  std::uint32_t slots = limits.slots;
  std::uint32_t time = limits.prompt_tokens;
  std::vector<std::size_t> who;
  for (std::size_t i = 0; i < work.size(); ++i) {
    slots -= std::min(slots, tokens[i]);
    if (!work[i].writes) time -= std::min(time, tokens[i]);
    if (work[i].writes && work[i].wish > 0 && tokens[i] > 0) who.push_back(i);
  }
  std::uint32_t left = std::min(slots, time);
  std::ranges::sort(who, {}, [&](std::size_t i) { return std::tuple(work[i].wish, i); });
  for (std::size_t k = 0; k < who.size(); ++k) {  // those that wish for little leave the rest to the others
    guesses[who[k]] = std::min(work[who[k]].wish, left / static_cast<std::uint32_t>(who.size() - k));
    left -= guesses[who[k]];
  }
  return guesses;
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

std::optional<std::size_t> choose_next(std::span<const Waiting> waiting, const std::vector<bool>& may_start) {
  std::optional<std::size_t> best;
  auto place = [&](std::size_t i) {
    const Waiting& w = waiting[i];
    return std::tuple(-std::int64_t{w.priority}, !w.began, w.owner_served, w.arrival);
  };
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (may_start[i] && (!best || place(i) < place(*best))) best = i;
  }
  return best;
}

bool waits_for_prefix(const PrefixChance& c) { return c.worth != 0 && c.coming >= c.worth && c.coming > c.held; }

std::optional<std::size_t> choose_victim(std::span<const Work> work) {
  if (work.size() < 2) return std::nullopt;
  const auto last = std::ranges::max_element(
      work, {}, [](const Work& w) { return std::tuple(-std::int64_t{w.priority}, w.arrival); });
  return static_cast<std::size_t>(last - work.begin());
}

}  // namespace assay::schedule
