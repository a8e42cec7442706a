#include "engine/event_queue.h"

#include <algorithm>
#include <utility>

namespace assay {

QueuedEvent& EventQueue::emit(RequestId request, Event::Kind kind, std::int64_t at_ns) {
  QueuedEvent& out = waiting_.emplace_back();
  out.event.request = request;
  out.event.kind = kind;
  out.event.at_ns = at_ns;
  return out;
}

std::size_t EventQueue::deliver(std::span<Event> events) {
  delivered_.clear();
  const std::size_t count = std::min(events.size(), waiting_.size());
  for (std::size_t i = 0; i < count; ++i) {
    delivered_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    delivered_.back().event.detail = static_cast<std::uint32_t>(i);
    events[i] = delivered_.back().event;
  }
  return count;
}

EventDetail EventQueue::detail(const Event& event) const {
  ASSAY_ASSERT(event.detail < delivered_.size() && delivered_[event.detail].event.request == event.request);
  const QueuedEvent& out = delivered_[event.detail];
  return {.text = out.text,
          .alternatives = out.alternatives,
          .reason = out.reason,
          .usage = out.usage,
          .embedding = out.embedding};
}

std::vector<QueuedEvent> EventQueue::take(RequestId request) {
  std::vector<QueuedEvent> out;
  std::deque<QueuedEvent> rest;
  for (QueuedEvent& one : waiting_) {
    if (one.event.request == request) {
      out.push_back(std::move(one));
    } else {
      rest.push_back(std::move(one));
    }
  }
  waiting_ = std::move(rest);
  return out;
}

}  // namespace assay
