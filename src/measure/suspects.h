// Models that are a little wrong: by less than an engine rounds, so that no bound on sizes finds them, but always in the same
// direction. An engine that has such an error lies nearer to that model than to the right one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "device/cpu/thread_pool.h"
#include "model/weights.h"

namespace assay::measure {

// One such model and how its logits differ from the right ones at the compared positions.
struct Suspect {
  std::string name;               // "a rope base 1 % larger"
  std::string opposite;           // "... smaller"; empty: there is none
  std::vector<double> direction;  // (positions, vocab): its logits minus the right ones
  std::vector<bool> seen;         // of each rounding: whether it can be told from it, see can_be_seen()
};

// Those of this model, in double precision: a rope base and scores 1 % off, an epsilon ten times as large, and where there
// is a window that the text passes, one token more of it. Each costs one more pass of the reference. exact: (positions,
// vocab) of the right model. Errors as model::reference_logits.
Result<std::vector<Suspect>> suspects_of(const model::Weights& weights, std::span<const std::int32_t> tokens,
                                         std::span<const std::uint32_t> positions, std::span<const double> exact,
                                         device::ThreadPool* pool, const Stop* stop);

// How many times the direction lies in a difference: <difference, direction> / <direction, direction>. A right engine is at
// 0, the suspect at 1; beyond 0.5 the logits lie nearer to the suspect's. difference and direction: the same size (asserted).
double times_in(std::span<const double> difference, std::span<const double> direction);

// Whether what rounding does by chance, as tried (tries: that many differences of the direction's size, one behind the
// other), leaves 0.5 out of reach: four standard deviations, each position being one draw.
bool can_be_seen(std::span<const double> direction, std::span<const double> tries, std::size_t vocab);

// The suspect that the difference lies nearest to, nearer than to the right model; empty: none. `rounding` is an index.
std::string nearest(std::span<const Suspect> suspects, std::size_t rounding, std::span<const double> difference);

}  // namespace assay::measure
