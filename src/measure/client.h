// One request through an engine as a client sees it: when it was sent, when the first and the last token came.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "measure/record.h"

namespace assay::measure {

// Sends one request and takes all its tokens. The engine must be idle. Errc::timeout after `timeout_ns` (the request is
// then cancelled); the engine's own error where it fails, with its reason; Errc::cancelled when `keep_going` (may be
// null) says no between events.
Result<Timing> time_request(Engine& engine, const Clock& clock, const Request& request, std::int64_t timeout_ns,
                            bool (*keep_going)() = nullptr);

}  // namespace assay::measure
