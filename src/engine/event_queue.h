// The events of an engine between the moment they happen and the poll() that gives them out: the second half of every
// Engine::poll().
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/engine.h"

namespace assay {

// An event with what EventDetail shows of it.
struct QueuedEvent {
  Event event;
  std::string text;
  std::vector<TokenLogprob> alternatives;
  std::string reason;
  Usage usage;
  std::vector<float> embedding;
};

class EventQueue final {
 public:
  // Appends an event, to be filled in further; the reference holds until the next poll(), deliver() or take().
  QueuedEvent& emit(RequestId request, Event::Kind kind, std::int64_t at_ns);
  void append(QueuedEvent event) { waiting_.push_back(std::move(event)); }
  bool empty() const { return waiting_.empty(); }  // nothing is waiting to be given out

  // Engine::poll(): calls work() while there is no event, until it says false (there is nothing to wait for) or the
  // deadline has passed; it is called at least once, so that a past deadline still takes what is there. Then deliver().
  // Errc::bad_value: no room for an event.
  template <typename Work>  // bool work()
  Result<std::size_t> poll(std::span<Event> events, std::int64_t deadline_ns, const Clock& clock, Work&& work) {
    if (events.empty()) return fail(Errc::bad_value, "poll: met room for 0 events, expected at least 1");
    while (waiting_.empty() && work() && waiting_.empty() && clock.now_ns() < deadline_ns) {
    }
    return deliver(events);
  }

  // Writes the oldest events, as many as there is room for, and says how many. Details of the earlier ones are gone.
  std::size_t deliver(std::span<Event> events);

  // Engine::detail(). The event is one that the latest delivery wrote (asserted); views hold until the next.
  EventDetail detail(const Event& event) const;

  // The waiting events of one request, in order; they are given out to nobody else.
  std::vector<QueuedEvent> take(RequestId request);

 private:
  std::deque<QueuedEvent> waiting_;
  std::vector<QueuedEvent> delivered_;  // by the latest delivery; Event::detail is an index
};

}  // namespace assay
