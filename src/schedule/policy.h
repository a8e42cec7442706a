// Who is served next: pure functions from what the scheduler sees to a choice. No backend, clock or random source is in
// reach, so every rule here can be tested with plain values.
//
// Rules:
// 1. A request that writes (decode) gets one token per step. Only where more write than the step holds do they take
//    turns, those first that waited longest.
// 2. Prompts are computed in chunks beside them. While anyone writes, a step holds at most `prefill_beside_decode`
//    prompt tokens, which bounds the pause between two tokens; with `step_ns` any step holds at most as many as were seen
//    to fit in that time, which bounds how long a submit or a cancel waits.
// 3. Half of the prompt tokens of a step go to the first prompt, half are shared evenly by owners, and by the prompts of
//    each: the first in line is not slowed to the pace of the crowd, a short prompt does not wait for a long one, and an
//    owner with many prompts gets no more than one with few. First is the highest priority, in it the owner who was
//    served least, of that one the oldest.
// 4. A prompt always gets at least one token per step while the step holds as many as there are prompts; else they too
//    take turns: owners by turns, the requests of an owner by turns. Nobody waits for ever: a step's part for prompts, and
//    for those that write, is at least a quarter; of each, an owner is served at least once in as many places as there are
//    owners, and a request once in as many of its owner's turns as the owner has requests (one
//    more where a prompt has just ended).
// 5. Admitted is the highest priority, in it who was taken back before, then the owner who was served least, of that one the
//    oldest; but a prompt that begins like one that is being computed just now waits for that, and others may pass. Taken
//    back (pages needed) is the lowest priority, of it the youngest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace assay::schedule {

// What the policy may know of a running request.
struct Work {
  std::uint64_t arrival = 0;      // order of submit, unique
  std::uint32_t remaining = 0;    // tokens to compute before the next one can be chosen; > 0
  bool writes = false;            // false: its prompt (or what was taken back) is still being computed
  std::uint64_t last_served = 0;  // number of the step that last computed something for it
  OwnerId owner = 0;
  std::int32_t priority = 0;
  std::uint64_t owner_served = 0;  // tokens, see owners.h
  std::uint32_t wish = 0;          // guessed tokens that it would compute beside the one that is due; see draft.h
};

struct StepLimits {
  std::uint32_t slots = 0;                  // tokens in one step, > 0
  std::uint32_t prefill_beside_decode = 0;  // prompt tokens in a step in which someone writes, > 0
  std::uint32_t prompt_tokens = ~0U;        // prompt tokens in any step, > 0: what its time allows
};

// What a step costs, as far as it has been seen.
struct Pace {
  double ns_per_token = 0;  // of steps that computed prompts, all that they cost divided by their tokens; 0: none seen
};

// The pace after a step of `tokens` (> 0) that took `ns`, of which `prompt_tokens` were of prompts: steps without do not
// count, their cost is that of reading the weights. New ones weigh a quarter: attention makes later chunks dearer.
Pace learn(Pace pace, std::uint32_t tokens, std::uint32_t prompt_tokens, std::int64_t ns);

// Fewer prompt tokens than this make a step hardly shorter: the weights are read all the same.
constexpr std::uint32_t prompt_tokens_least = 16;
constexpr std::uint32_t prompt_tokens_first = 64;  // while no pace is known

// Prompt tokens that a step of `step_ns` has time for, beside `writers` that get one token each; step_ns 0: no bound. At
// least prompt_tokens_least, and prompt_tokens_first while nothing was seen.
std::uint32_t prompt_tokens_within(std::int64_t step_ns, const Pace& pace, std::uint32_t writers);

// (work.size()) tokens to compute for each request in the next step: at most `slots` together, at most `remaining`
// each, and at least one in all unless `work` is empty.
std::vector<std::uint32_t> choose_step(std::span<const Work> work, const StepLimits& limits);

// (work.size()) guessed tokens for each request beside `tokens` of choose_step(): what is left of the step, and of what its
// time allows, shared evenly by those that write in it.
std::vector<std::uint32_t> choose_guesses(std::span<const Work> work, std::span<const std::uint32_t> tokens,
                                          const StepLimits& limits);

struct Admission {
  std::uint32_t waiting = 0;
  std::uint32_t running = 0;
  std::uint32_t streams_max = 0;
  bool short_of_pages = false;  // a request was taken back and none has ended since
};

// How many of the waiting may start now.
std::uint32_t choose_admissions(const Admission& state);

// What the policy may know of a waiting request.
struct Waiting {
  std::uint64_t arrival = 0;  // order of submit, unique
  bool began = false;         // was taken back
  std::int32_t priority = 0;
  std::uint64_t owner_served = 0;
};

// Index of the one that starts next among those with may_start[i]; nothing where there are none. (waiting.size()) each.
std::optional<std::size_t> choose_next(std::span<const Waiting> waiting, const std::vector<bool>& may_start);

struct PrefixChance {
  std::uint32_t held = 0;    // leading tokens of the prompt that some sequence holds already
  std::uint32_t coming = 0;  // those that some running request is about to compute
  std::uint32_t worth = 0;   // shorter common beginnings are not waited for; 0: never wait
};

// Several answers to one prompt, or one long system prompt. Once begun it waits to the end of what is common: the other
// computes that no later than this one could.
bool waits_for_prefix(const PrefixChance& chance);

// Index of the request whose pages are taken when there are no others; nothing where at most one runs.
std::optional<std::size_t> choose_victim(std::span<const Work> work);

}  // namespace assay::schedule
