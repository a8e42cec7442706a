#include "measure/client.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace assay::measure {

Result<Timing> time_request(Engine& engine, const Clock& clock, const Request& request, std::int64_t timeout_ns,
                            bool (*keep_going)()) {
  Timing timing;
  timing.sent_ns = clock.now_ns();
  const std::int64_t deadline = timing.sent_ns + timeout_ns;
  ASSAY_TRY(engine.submit(request));
  std::optional<Error> stopped;
  std::array<Event, 64> events;
  for (;;) {
    const auto count = engine.poll(events, deadline);
    if (!count) return std::unexpected(count.error());
    const std::int64_t now = clock.now_ns();
    for (const Event& event : std::span(events).first(*count)) {
      if (event.request != request.id) continue;
      const EventDetail detail = engine.detail(event);
      switch (event.kind) {
        case Event::Kind::token:
          if (timing.output_tokens++ == 0) timing.first_ns = event.at_ns;
          timing.last_ns = event.at_ns;
          break;
        case Event::Kind::failed:
          return fail(event.error, "request failed: " + std::string(detail.reason));
        case Event::Kind::finished:
          if (stopped) return std::unexpected(std::move(*stopped));
          timing.prompt_tokens = detail.usage.prompt_tokens;
          timing.cached_tokens = detail.usage.cached_tokens;
          if (timing.output_tokens == 0) return fail(Errc::engine_lost, "the engine finished without a token");
          return timing;
      }
    }
    if (stopped && now > deadline + 5'000'000'000) return std::unexpected(std::move(*stopped));
    if (!stopped && now >= deadline) {
      stopped = Error{Errc::timeout, 0,
                      "no end after " + std::to_string(timeout_ns / 1'000'000'000) + " s and " +
                          std::to_string(timing.output_tokens) + " tokens"};
      engine.cancel(request.id);
    } else if (!stopped && keep_going != nullptr && !keep_going()) {
      stopped = Error{Errc::cancelled, 0, "measurement stopped"};
      engine.cancel(request.id);
    }
  }
}

}  // namespace assay::measure
