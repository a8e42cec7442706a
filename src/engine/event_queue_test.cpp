#include "engine/event_queue.h"

#include <gtest/gtest.h>

#include <array>

namespace assay {
namespace {

// Each look at it takes a millisecond.
class TickingClock final : public Clock {
 public:
  std::int64_t now_ns() const override { return now_ns_ += 1'000'000; }

 private:
  mutable std::int64_t now_ns_ = 0;
};

constexpr auto nothing_to_do = [] { return false; };

void emit_token(EventQueue& queue, RequestId request, const char* text) {
  queue.emit(request, Event::Kind::token, 5).text = text;
}

TEST(EventQueue, events_come_out_in_order_with_their_details) {
  EventQueue queue;
  emit_token(queue, 1, "a");
  QueuedEvent& failed = queue.emit(2, Event::Kind::failed, 7);
  failed.event.error = Errc::engine_lost;
  failed.reason = "gone";
  failed.usage.output_tokens = 3;
  failed.alternatives = {{4, -1.5F}};
  std::array<Event, 4> events{};
  ASSERT_EQ(queue.deliver(events), 2U);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(events[0].request, 1U);
  EXPECT_EQ(events[0].at_ns, 5);
  EXPECT_EQ(queue.detail(events[0]).text, "a");
  EXPECT_EQ(events[1].request, 2U);
  EXPECT_EQ(events[1].error, Errc::engine_lost);
  const EventDetail detail = queue.detail(events[1]);
  EXPECT_EQ(detail.reason, "gone");
  EXPECT_EQ(detail.usage.output_tokens, 3U);
  ASSERT_EQ(detail.alternatives.size(), 1U);
  EXPECT_EQ(detail.alternatives[0].token, 4);
}

TEST(EventQueue, what_finds_no_room_waits_for_the_next_delivery) {
  EventQueue queue;
  for (const char* text : {"a", "b", "c"}) emit_token(queue, 1, text);
  std::array<Event, 2> events{};
  ASSERT_EQ(queue.deliver(events), 2U);
  EXPECT_FALSE(queue.empty());
  ASSERT_EQ(queue.deliver(events), 1U);
  EXPECT_EQ(queue.detail(events[0]).text, "c");
  EXPECT_EQ(queue.deliver(events), 0U);
}

TEST(EventQueue, poll_works_until_there_is_an_event) {
  EventQueue queue;
  const TickingClock clock;
  std::array<Event, 1> events{};
  int steps = 0;
  const auto count = queue.poll(events, 1'000'000'000, clock, [&] {
    if (++steps == 3) emit_token(queue, 1, "a");
    return true;
  });
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, 1U);
  EXPECT_EQ(steps, 3);
}

TEST(EventQueue, poll_gives_what_is_there_without_working) {
  EventQueue queue;
  const TickingClock clock;
  emit_token(queue, 1, "a");
  std::array<Event, 1> events{};
  EXPECT_EQ(queue.poll(events, 1'000'000'000, clock,
                       []() -> bool {
                         ADD_FAILURE() << "worked";
                         return false;
                       }),
            1U);
}

TEST(EventQueue, poll_ends_at_its_deadline) {
  EventQueue queue;
  const TickingClock clock;
  std::array<Event, 1> events{};
  int steps = 0;
  const auto work = [&] {
    ++steps;
    return true;
  };
  EXPECT_EQ(queue.poll(events, 10'000'000, clock, work), 0U);
  EXPECT_EQ(steps, 10);
}

TEST(EventQueue, poll_with_a_past_deadline_still_looks_once) {
  EventQueue queue;
  const TickingClock clock;
  std::array<Event, 1> events{};
  const auto work = [&] {
    emit_token(queue, 1, "a");
    return true;
  };
  EXPECT_EQ(queue.poll(events, 0, clock, work), 1U);
}

TEST(EventQueue, poll_returns_at_once_where_there_is_nothing_to_wait_for) {
  EventQueue queue;
  const TickingClock clock;
  std::array<Event, 1> events{};
  EXPECT_EQ(queue.poll(events, 1'000'000'000, clock, nothing_to_do), 0U);
  EXPECT_EQ(clock.now_ns(), 1'000'000);  // nobody asked for the time before
}

TEST(EventQueue, poll_refuses_to_run_without_room_for_an_event) {
  EventQueue queue;
  const TickingClock clock;
  emit_token(queue, 1, "a");
  const auto count = queue.poll({}, 0, clock, nothing_to_do);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Errc::bad_value);
  EXPECT_FALSE(queue.empty());
}

TEST(EventQueue, take_gives_one_requests_events_and_leaves_the_others_in_order) {
  EventQueue queue;
  emit_token(queue, 1, "a");
  emit_token(queue, 9, "mine");
  emit_token(queue, 2, "b");
  queue.emit(9, Event::Kind::finished, 6);
  EXPECT_TRUE(queue.take(7).empty());
  const auto mine = queue.take(9);
  ASSERT_EQ(mine.size(), 2U);
  EXPECT_EQ(mine[0].text, "mine");
  EXPECT_EQ(mine[1].event.kind, Event::Kind::finished);
  std::array<Event, 4> events{};
  ASSERT_EQ(queue.deliver(events), 2U);
  EXPECT_EQ(queue.detail(events[0]).text, "a");
  EXPECT_EQ(queue.detail(events[1]).text, "b");
}

TEST(EventQueueDeathTest, the_detail_of_an_event_of_an_earlier_delivery_is_not_given) {
  EventQueue queue;
  emit_token(queue, 1, "a");
  std::array<Event, 1> events{};
  ASSERT_EQ(queue.deliver(events), 1U);
  const Event old = events[0];
  ASSERT_EQ(queue.deliver(events), 0U);
  EXPECT_DEATH((void)queue.detail(old), "");
}

}  // namespace
}  // namespace assay
