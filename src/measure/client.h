// Requests through an engine as a client sees them: when each was sent, when its first and its last token came.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "engine/engine.h"
#include "record/record.h"

namespace assay::measure {

// Sends the requests at once and takes all their tokens; timings in their order. The engine must be idle. The first
// request that fails ends it with the engine's own error and reason; the others are then cancelled. Errc::timeout after
// `timeout_ns`, cancelled likewise. ids are unique. Errc::cancelled soon
// after `stop` is asked; what runs is then left to the engine's destructor.
struct Beside {
  std::vector<float> gaps_ms{};            // all times between tokens
  std::function<void()> on_first_token{};  // called when the first token of all has come
};
Result<std::vector<Timing>> time_requests(Engine& engine, const Clock& clock, std::span<const Request> requests,
                                          std::int64_t timeout_ns, Beside* beside = nullptr,
                                          const Stop* stop = nullptr);

Result<Timing> time_request(Engine& engine, const Clock& clock, const Request& request, std::int64_t timeout_ns);

// One request of an open loop: sent at its moment, whatever else is going on.
struct Planned {
  std::int64_t after_ns = 0;  // after the start; rising
  Request request;
};
struct Sent {
  std::int64_t late_ns = 0;      // how long after its moment we sent it
  std::optional<Timing> timing;  // sent_ns is the planned moment, so that our own lateness is inside TTFT
  std::optional<Error> error;    // refused, failed, or no end in time
};
// rest(ns) waits while nothing runs. Ends when every request has, or `timeout_ns` after the last was planned.
// Errc::engine_lost where the engine itself broke. A stop ends it early: what was sent by then comes back, and those that had
// not ended have Errc::cancelled.
Result<std::vector<Sent>> time_open_loop(Engine& engine, const Clock& clock, std::span<const Planned> plan,
                                         std::int64_t timeout_ns, const std::function<void(std::int64_t)>& rest,
                                         const Stop* stop = nullptr);

}  // namespace assay::measure
