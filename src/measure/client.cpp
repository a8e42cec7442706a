#include "measure/client.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace assay::measure {
namespace {

constexpr std::int64_t cancel_ns = 5'000'000'000;      // for an engine to confirm a cancellation
constexpr std::int64_t look_for_stop_ns = 50'000'000;  // how often one is looked for while an engine computes or rests

std::unexpected<Error> stopped() { return fail(Errc::cancelled, "stopped on request"); }

struct Flight {
  RequestId id = 0;
  bool live = false;
  Timing timing;
  std::optional<Error> error;
  std::vector<float> gaps_ms{};  // between events
  // Of an engine that gives pieces of text: how much the first one held, by its own running count or in bytes.
  std::uint64_t first_counted = 0, counted = 0;
  std::uint64_t first_bytes = 0, bytes = 0;
};

// A reason mostly begins with its code's own words, which the error made of it will say again.
std::string_view without_sentence(Errc code, std::string_view reason) {
  const std::string words = std::string(sentence(code)) + ": ";
  if (reason.starts_with(words)) reason.remove_prefix(words.size());
  return reason;
}

void take_token(Flight& flight, const Event& event, const EventDetail& detail) {
  Timing& timing = flight.timing;
  if (timing.output_tokens++ == 0) {
    timing.first_ns = event.at_ns;
    flight.first_counted = detail.usage.output_tokens;
    flight.first_bytes = detail.text.size();
  } else {
    flight.gaps_ms.push_back(static_cast<float>(static_cast<double>(event.at_ns - timing.last_ns) * 1e-6));
  }
  timing.last_ns = event.at_ns;
  flight.counted = detail.usage.output_tokens;
  flight.bytes += detail.text.size();
}

// Where an event is a piece of text, the tokens are those that the engine counted at its end, and the first piece holds its
// share of them: by the engine's running count, which may be of another vocabulary, else by its bytes.
void take_pieces(Flight& flight, std::uint32_t output_tokens) {
  Timing& timing = flight.timing;
  if (timing.output_tokens == output_tokens) return;  // a token a piece
  timing.output_tokens = output_tokens;
  flight.gaps_ms.clear();  // between pieces, not tokens
  const bool told = flight.first_counted > 0 && flight.counted >= flight.first_counted;
  const std::uint64_t whole = told ? flight.counted : flight.bytes;
  const std::uint64_t first = told ? flight.first_counted : flight.first_bytes;
  timing.first_tokens = 0;
  if (whole == 0 || first == 0 || output_tokens == 0) return;
  const double share = static_cast<double>(first) / static_cast<double>(whole);
  timing.first_tokens = std::max(1U, static_cast<std::uint32_t>(std::lround(share * output_tokens)));
}

void take_gaps(Flight& flight) {
  if (flight.gaps_ms.empty()) return;
  const std::vector<double> gaps(flight.gaps_ms.begin(), flight.gaps_ms.end());
  flight.timing.gap_p50_ms = median(gaps);
  flight.timing.gap_p99_ms = percentile99(gaps);
  flight.timing.gap_max_ms = std::ranges::max(gaps);
}

// Takes what one poll gave. What is not in flight is left alone: the rest of something cancelled.
Result<void> take_events(Engine& engine, std::span<Flight> flights, std::int64_t deadline_ns) {
  std::array<Event, 64> events;
  const auto count = engine.poll(events, deadline_ns);
  if (!count) return std::unexpected(count.error());
  for (const Event& event : std::span(events).first(*count)) {
    const auto at = std::ranges::find_if(flights, [&](const Flight& f) { return f.live && f.id == event.request; });
    if (at == flights.end()) continue;
    Timing& timing = at->timing;
    const EventDetail detail = engine.detail(event);
    switch (event.kind) {
      case Event::Kind::token:
        take_token(*at, event, detail);
        break;
      case Event::Kind::failed:
        at->live = false;
        // A lost engine has said by its own name what became of it.
        at->error = Error{event.error, 0,
                          (event.error == Errc::engine_lost ? "" : "request failed: ") +
                              std::string(without_sentence(event.error, detail.reason))};
        break;
      case Event::Kind::finished:
        at->live = false;
        timing.prompt_tokens = detail.usage.prompt_tokens;
        timing.cached_tokens = detail.usage.cached_tokens;
        if (engine.facts().text_only && timing.output_tokens > 0) take_pieces(*at, detail.usage.output_tokens);
        take_gaps(*at);
        if (timing.output_tokens == 0 && event.finish != Finish::cancelled) {
          at->error = Error{Errc::engine_lost, 0, "the engine finished without a token"};
        }
        break;
    }
  }
  return {};
}

bool any_live(std::span<const Flight> flights) { return std::ranges::any_of(flights, &Flight::live); }

// Cancels what runs and takes its last events, for a bounded time.
void cancel_all(Engine& engine, const Clock& clock, std::span<Flight> flights) {
  for (const Flight& flight : flights) {
    if (flight.live) engine.cancel(flight.id);
  }
  const std::int64_t deadline = clock.now_ns() + cancel_ns;
  while (any_live(flights) && clock.now_ns() < deadline) {
    if (!take_events(engine, flights, deadline)) return;
  }
}

Error no_end(std::int64_t timeout_ns, const Timing& timing) {
  return {Errc::timeout, 0,
          "no end after " + std::to_string(timeout_ns / 1'000'000'000) + " s and " +
              std::to_string(timing.output_tokens) + " tokens"};
}

}  // namespace

Result<std::vector<Timing>> time_requests(Engine& engine, const Clock& clock, std::span<const Request> requests,
                                          std::int64_t timeout_ns, Beside* beside, const Stop* stop) {
  std::vector<Flight> flights(requests.size());
  const std::int64_t deadline = clock.now_ns() + timeout_ns;
  std::optional<Error> error;
  bool spoke = false;  // a token has come
  for (std::size_t i = 0; i < requests.size() && !error; ++i) {
    flights[i].id = requests[i].id;
    flights[i].timing.sent_ns = clock.now_ns();
    const auto sent = engine.submit(requests[i]);
    flights[i].live = sent.has_value();
    if (!sent) error = sent.error();
  }
  while (!error && any_live(flights)) {
    const std::int64_t until = std::min(deadline, clock.now_ns() + look_for_stop_ns);
    if (const auto taken = take_events(engine, flights, until); !taken) error = taken.error();
    if (asked(stop)) return stopped();
    const bool began = std::ranges::any_of(flights, [](const Flight& f) { return f.timing.output_tokens > 0; });
    if (began && !std::exchange(spoke, true) && beside != nullptr && beside->on_first_token) beside->on_first_token();
    for (const Flight& flight : flights) {
      if (flight.error && !error) error = flight.error;
    }
    const auto late = std::ranges::find_if(flights, &Flight::live);
    if (!error && late != flights.end() && clock.now_ns() >= deadline) error = no_end(timeout_ns, late->timing);
  }
  if (error) {
    cancel_all(engine, clock, flights);
    return std::unexpected(std::move(*error));
  }
  std::vector<Timing> out;
  out.reserve(flights.size());
  for (const Flight& flight : flights) {
    out.push_back(flight.timing);
    if (beside != nullptr) {
      beside->gaps_ms.insert(beside->gaps_ms.end(), flight.gaps_ms.begin(), flight.gaps_ms.end());
    }
  }
  return out;
}

Result<Timing> time_request(Engine& engine, const Clock& clock, const Request& request, std::int64_t timeout_ns) {
  const auto timings = time_requests(engine, clock, {&request, 1}, timeout_ns);
  if (!timings) return std::unexpected(timings.error());
  return timings->front();
}

Result<std::vector<Sent>> time_open_loop(Engine& engine, const Clock& clock, std::span<const Planned> plan,
                                         std::int64_t timeout_ns, const std::function<void(std::int64_t)>& rest,
                                         const Stop* stop) {
  std::vector<Flight> flights(plan.size());
  std::vector<Sent> out(plan.size());
  const std::int64_t start = clock.now_ns();
  const std::int64_t deadline = start + (plan.empty() ? 0 : plan.back().after_ns) + timeout_ns;
  std::size_t next = 0;
  bool cut = false;
  while (next < plan.size() || any_live(flights)) {
    const std::int64_t now = clock.now_ns();
    if (now >= deadline) break;
    if (next < plan.size() && now >= start + plan[next].after_ns) {
      Flight& flight = flights[next];
      flight.id = plan[next].request.id;
      flight.timing.sent_ns = start + plan[next].after_ns;
      out[next].late_ns = now - flight.timing.sent_ns;
      const auto sent = engine.submit(plan[next].request);
      flight.live = sent.has_value();
      if (!sent) flight.error = sent.error();
      ++next;
      continue;
    }
    if (asked(stop)) {
      cut = true;
      break;
    }
    const std::int64_t until =
        std::min(next < plan.size() ? start + plan[next].after_ns : deadline, now + look_for_stop_ns);
    if (!any_live(flights)) {
      rest(until - now);
    } else if (const auto taken = take_events(engine, flights, std::min(until, deadline)); !taken) {
      if (!asked(stop)) return std::unexpected(taken.error());
      cut = true;
      break;
    }
  }
  for (Flight& flight : flights) {
    if (flight.live) flight.error = cut ? stopped().error() : no_end(timeout_ns, flight.timing);
  }
  cancel_all(engine, clock, flights);
  out.resize(next);
  for (std::size_t i = 0; i < next; ++i) {
    if (flights[i].error) {
      out[i].error = std::move(flights[i].error);
    } else if (flights[i].timing.output_tokens > 0) {
      out[i].timing = flights[i].timing;
    }
  }
  return out;
}

}  // namespace assay::measure
