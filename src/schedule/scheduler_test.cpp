#include "schedule/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "schedule/fake_backend.h"

namespace assay::schedule {
namespace {

using testing::HasSubstr;
constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max();

struct Told {
  std::vector<Event> events;
  std::vector<Token> tokens;
  std::string text;
  std::string reason;
  Usage usage;
  std::vector<float> embedding;
};

// A backend, a clock and a scheduler with a page size of 4 and a context of 64, and short ways to use them.
class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() { options.prefix_min = 4; }

  void start() {
    told.clear();
    scheduler.reset();
    backend = std::make_unique<FakeBackend>(shape, clock);
    backend->orders.forward_ns = 1;
    scheduler = std::make_unique<Scheduler>(*backend, clock, &text, options);
  }
  Result<void> submit(RequestId id, std::size_t prompt_tokens, std::uint32_t output, Token first = 0) {
    prompt.assign(prompt_tokens, 3);
    for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<Token>((first + i) % shape.vocab);
    request.id = id;
    request.prompt = prompt;
    request.output_tokens_max = output;
    return scheduler->submit(request);
  }
  void step() {
    const auto steps = scheduler->counts().steps;
    while (scheduler->counts().steps == steps) poll(clock.now_ns() + 1);
  }
  std::size_t poll(std::int64_t deadline) {
    std::vector<Event> events(64);
    const std::size_t n = scheduler->poll(events, deadline).value();
    for (std::size_t i = 0; i < n; ++i) {
      Told& t = told[events[i].request];
      const auto detail = scheduler->detail(events[i]);
      t.events.push_back(events[i]);
      if (events[i].kind == Event::Kind::token) t.tokens.push_back(events[i].token);
      t.text += detail.text;
      t.reason = detail.reason;
      t.usage = detail.usage;
      t.embedding.assign(detail.embedding.begin(), detail.embedding.end());
    }
    return n;
  }
  void drain() {
    while (scheduler->waiting() + scheduler->running() > 0) poll(for_ever);
    while (poll(for_ever) > 0) {
    }
  }

  FakeShape shape;
  FakeClock clock;
  FakeText text;
  SchedulerOptions options;
  std::unique_ptr<FakeBackend> backend;
  std::unique_ptr<Scheduler> scheduler;
  std::vector<Token> prompt;
  Request request;
  std::map<RequestId, Told> told;
};

TEST_F(SchedulerTest, refuses_a_prompt_over_the_context_with_both_numbers) {
  start();
  const auto met = submit(1, 90, 5);
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, Errc::bad_value);
  EXPECT_EQ(met.error().detail, "prompt has 90 tokens, context holds 64");
  EXPECT_EQ(submit(1, 64, 5).error().detail, "prompt has 64 tokens, context holds 64: no room for an answer");
  EXPECT_TRUE(submit(1, 63, 5));
  drain();
  EXPECT_EQ(told[1].tokens.size(), 1U);
  EXPECT_EQ(told[1].events.back().finish, Finish::context);
}

TEST_F(SchedulerTest, refuses_wrong_requests_by_name) {
  start();
  EXPECT_THAT(submit(1, 0, 5).error().detail, HasSubstr("prompt: met no tokens"));
  EXPECT_THAT(submit(1, 3, 0).error().detail, HasSubstr("output_tokens_max: met 0, expected 1 or more"));
  const std::vector<Token> unknown = {3, 40};
  request.prompt = unknown;
  request.output_tokens_max = 5;
  EXPECT_EQ(scheduler->submit(request).error().detail, "prompt: met token 40 at 1, expected 0 to 39");
  request.output_tokens_min = 6;
  EXPECT_THAT(submit(1, 3, 5).error().detail,
              HasSubstr("output_tokens_min: met 6, expected at most output_tokens_max, 5"));
  request.output_tokens_min = 0;
  request.stop_tokens = {40};
  EXPECT_THAT(submit(1, 3, 5).error().detail, HasSubstr("stop_tokens: met token 40 at 0, expected 0 to 39"));
  request.stop_tokens = {};
  request.stop_texts = {"x", ""};
  EXPECT_THAT(submit(1, 3, 5).error().detail, HasSubstr("stop_texts 1: met 0, expected 1 to 1024 bytes"));
  request.stop_texts = {};
  request.sampling.top_p = 7;
  EXPECT_THAT(submit(1, 3, 5).error().detail, HasSubstr("sampling top_p: met 7"));
  request.sampling.top_p = 1;
  ASSERT_TRUE(submit(1, 3, 5));
  EXPECT_THAT(submit(1, 3, 5).error().detail, HasSubstr("request id 1: met one that is live"));
}

TEST_F(SchedulerTest, refuses_stop_texts_without_a_tokenizer) {
  start();
  scheduler = std::make_unique<Scheduler>(*backend, clock, nullptr, options);
  request.stop_texts = {"x"};
  EXPECT_EQ(submit(1, 3, 5).error().code, Errc::unsupported);
}

TEST_F(SchedulerTest, a_full_queue_is_an_answer_with_the_numbers) {
  options.queue_max = 2;
  options.streams_max = 1;
  start();
  ASSERT_TRUE(submit(1, 4, 20));
  step();
  ASSERT_TRUE(submit(2, 4, 5));
  ASSERT_TRUE(submit(3, 4, 5));
  const auto met = submit(4, 4, 5);
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, Errc::full);
  EXPECT_EQ(met.error().detail, "queue: 2 requests wait, it holds 2; 1 are running");
  drain();
  EXPECT_EQ(told[3].tokens.size(), 5U);
  EXPECT_EQ(told.count(4), 0U);
}

TEST_F(SchedulerTest, a_cancelled_request_frees_its_pages_at_once_and_still_finishes) {
  start();
  ASSERT_TRUE(submit(1, 20, 20));
  step();
  step();
  EXPECT_GT(backend->pages_used(), 0U);
  scheduler->cancel(1);
  EXPECT_EQ(backend->pages_used(), 0U);
  drain();
  EXPECT_EQ(told[1].events.back().finish, Finish::cancelled);
}

TEST_F(SchedulerTest, cancels_what_waits_and_ignores_unknown_ids) {
  options.streams_max = 1;
  start();
  ASSERT_TRUE(submit(1, 4, 5));
  ASSERT_TRUE(submit(2, 4, 5));
  scheduler->cancel(2);
  scheduler->cancel(77);
  drain();
  EXPECT_EQ(told[2].events.size(), 1U);
  EXPECT_EQ(told[2].events[0].finish, Finish::cancelled);
  EXPECT_EQ(told[1].events.back().finish, Finish::length);
}

TEST_F(SchedulerTest, a_long_prompt_does_not_stop_those_that_write) {
  shape.batch = 16;
  options.prefill_beside_decode = 8;
  start();
  ASSERT_TRUE(submit(1, 4, 30));
  step();
  ASSERT_TRUE(submit(2, 40, 5, 20));
  for (int i = 0; i < 5; ++i) {
    const auto before = told[1].tokens.size();
    step();
    EXPECT_EQ(told[1].tokens.size(), before + 1) << "one token in every step beside the prompt";
    EXPECT_LE(backend->most_slots, 9U);
  }
  EXPECT_EQ(told[2].tokens.size(), 1U) << "40 prompt tokens, 8 in each of 5 steps";
}

TEST_F(SchedulerTest, poll_ends_at_its_deadline_and_at_once_when_there_is_nothing_to_do) {
  start();
  EXPECT_EQ(poll(for_ever), 0U);
  backend->orders.forward_ns = 1000;
  shape.batch = 4;
  ASSERT_TRUE(submit(1, 60, 3));
  EXPECT_EQ(poll(clock.now_ns() + 1500), 0U);
  EXPECT_EQ(clock.now_ns(), 2000);
  EXPECT_EQ(poll(clock.now_ns()), 0U);
  EXPECT_EQ(clock.now_ns(), 2000);
  std::vector<Event> none;
  EXPECT_FALSE(scheduler->poll(none, for_ever));
}

TEST_F(SchedulerTest, the_same_prompt_again_is_computed_from_its_last_token_on) {
  start();
  ASSERT_TRUE(submit(1, 30, 4));
  drain();
  const auto computed = backend->computed;
  ASSERT_TRUE(submit(2, 30, 4));
  drain();
  EXPECT_EQ(told[1].usage.cached_tokens, 0U);
  EXPECT_EQ(told[2].usage.cached_tokens, 29U);
  EXPECT_EQ(backend->computed - computed, 4U);
  EXPECT_EQ(told[1].tokens, told[2].tokens);
}

TEST_F(SchedulerTest, a_conversation_goes_on_in_its_kept_sequence) {
  start();
  ASSERT_TRUE(submit(1, 20, 4));
  drain();
  auto longer = prompt;
  longer.insert(longer.end(), told[1].tokens.begin(), told[1].tokens.end());
  longer.push_back(7);
  request.id = 2;
  request.prompt = longer;
  ASSERT_TRUE(scheduler->submit(request));
  drain();
  EXPECT_EQ(told[2].usage.cached_tokens, 23U) << "all but the last token of the answer, which was never computed";
  EXPECT_EQ(scheduler->counts().sequences.continued, 1U);
}

TEST_F(SchedulerTest, shares_the_prefix_of_a_request_that_still_runs) {
  start();
  ASSERT_TRUE(submit(1, 16, 30));
  step();
  step();
  ASSERT_TRUE(submit(2, 16, 4));
  drain();
  EXPECT_EQ(told[2].usage.cached_tokens, 15U);
}

TEST_F(SchedulerTest, several_answers_to_one_prompt_compute_it_once_and_others_may_pass) {
  options.prefix_worth_waiting = 16;
  shape.batch = 8;
  start();
  ASSERT_TRUE(submit(1, 40, 6));
  ASSERT_TRUE(submit(2, 40, 6));
  ASSERT_TRUE(submit(3, 40, 6));
  ASSERT_TRUE(submit(4, 5, 2, 20));
  step();
  step();
  EXPECT_EQ(scheduler->running(), 2U) << "the first and the one that has nothing to wait for";
  drain();
  EXPECT_EQ(told[2].usage.cached_tokens, 39U);
  EXPECT_EQ(told[3].usage.cached_tokens, 39U);
  EXPECT_EQ(told[1].tokens, told[3].tokens);
}

TEST_F(SchedulerTest, one_that_was_taken_back_gives_the_same_text_afterwards) {
  shape.pages = 12;  // 48 tokens
  options.keep_finished = false;
  start();
  request.sampling.temperature = 1;
  ASSERT_TRUE(submit(1, 10, 20));
  ASSERT_TRUE(submit(2, 10, 20, 20));
  drain();
  EXPECT_GT(scheduler->counts().taken_back, 0U);
  EXPECT_EQ(told[1].usage.recomputed, 0U) << "the older one keeps its pages";
  EXPECT_EQ(told[2].usage.recomputed, 1U);
  const auto crowded = told[2].tokens;
  const auto crowded_text = told[2].text;
  told.clear();
  ASSERT_TRUE(submit(2, 10, 20, 20));
  drain();
  EXPECT_EQ(told[2].tokens, crowded);
  EXPECT_EQ(told[2].text, crowded_text);
  EXPECT_EQ(told[2].usage.recomputed, 0U);
}

TEST_F(SchedulerTest, one_that_was_taken_back_goes_on_before_younger_ones_start) {
  shape.pages = 12;
  options.keep_finished = false;
  options.streams_max = 2;
  start();
  ASSERT_TRUE(submit(1, 10, 20));
  ASSERT_TRUE(submit(2, 10, 20, 20));
  step();
  ASSERT_TRUE(submit(3, 10, 2, 30));
  while (told[3].tokens.empty()) step();
  EXPECT_EQ(told[2].usage.recomputed, 1U);
  EXPECT_LT(told[2].events[10].at_ns, told[3].events[0].at_ns);
}

TEST_F(SchedulerTest, kept_sequences_go_before_anyone_is_taken_back) {
  shape.pages = 10;
  start();
  ASSERT_TRUE(submit(1, 20, 2));
  drain();
  EXPECT_GT(backend->pages_used(), 0U);
  ASSERT_TRUE(submit(2, 30, 5, 20));
  drain();
  EXPECT_EQ(told[2].events.back().finish, Finish::length);
  EXPECT_EQ(scheduler->counts().taken_back, 0U);
  EXPECT_EQ(scheduler->counts().sequences.evicted, 1U);
}

TEST_F(SchedulerTest, a_request_that_can_never_fit_fails_with_the_reason) {
  shape.pages = 4;  // 16 tokens
  start();
  ASSERT_TRUE(submit(1, 10, 30));
  drain();
  EXPECT_EQ(told[1].events.back().kind, Event::Kind::failed);
  EXPECT_EQ(told[1].events.back().error, Errc::full);
  EXPECT_EQ(told[1].reason,
            "full: request 1, alone in the engine, at 16 of 17 tokens: KV cache: 1 pages of 4 positions are needed, 0 "
            "of 4 are free");
  EXPECT_EQ(backend->pages_used(), 0U);
}

TEST_F(SchedulerTest, a_tail_that_cannot_be_dropped_costs_a_prompt_and_not_the_engine) {
  shape.sequences = 1;
  start();
  backend->orders.refuse_forget_chance = 1;
  ASSERT_TRUE(submit(1, 20, 2));
  drain();
  ASSERT_TRUE(submit(2, 10, 2));  // begins as the kept one did, and then goes its own way
  drain();
  EXPECT_EQ(told[2].events.back().finish, Finish::length);
  EXPECT_EQ(told[2].usage.cached_tokens, 0U);
  EXPECT_EQ(scheduler->counts().sequences.recomputed, 1U);
  EXPECT_TRUE(submit(3, 10, 2)) << "nothing was lost";
}

// All pages are taken, and the last of the elder's is read by the younger one too: to write on, it would have to copy it.
TEST_F(SchedulerTest, the_giver_of_a_prefix_gets_its_page_back_from_the_younger_request) {
  shape.pages = 3;
  start();
  ASSERT_TRUE(submit(1, 10, 2));
  step();
  ASSERT_TRUE(submit(2, 10, 2));
  drain();
  EXPECT_GE(scheduler->counts().sequences.shared, 1U);
  EXPECT_EQ(scheduler->counts().taken_back, 1U);
  EXPECT_EQ(told[2].usage.recomputed, 1U);
  for (const RequestId id : {1, 2}) EXPECT_EQ(told[id].events.back().finish, Finish::length) << id;
  EXPECT_EQ(told[1].tokens, told[2].tokens);
  EXPECT_TRUE(backend->violations.empty());
}

TEST_F(SchedulerTest, a_lost_engine_fails_everyone_with_events_and_refuses_the_next) {
  options.streams_max = 1;
  start();
  ASSERT_TRUE(submit(1, 4, 20));
  ASSERT_TRUE(submit(2, 4, 20));
  step();
  backend->orders.lost_at = 0;
  drain();
  for (const RequestId id : {1, 2}) {
    EXPECT_EQ(told[id].events.back().error, Errc::engine_lost) << id;
    EXPECT_THAT(told[id].reason, HasSubstr("fake 1 (cpu): "));
  }
  EXPECT_EQ(submit(3, 4, 5).error().code, Errc::engine_lost);
}

TEST_F(SchedulerTest, a_logit_that_is_no_number_fails_its_request_alone_and_names_the_engine) {
  start();
  ASSERT_TRUE(submit(1, 4, 3));
  backend->orders.nan_chance = 1;
  drain();
  EXPECT_EQ(told[1].events.back().error, Errc::engine_lost);
  EXPECT_THAT(told[1].reason, HasSubstr("engine fake 1 (cpu): logit of token 20: met NaN"));
  backend->orders.nan_chance = 0;
  ASSERT_TRUE(submit(2, 4, 3));
  drain();
  EXPECT_EQ(told[2].events.back().finish, Finish::length);
}

TEST_F(SchedulerTest, a_stop_token_is_told_but_is_no_part_of_the_answer) {
  start();
  ASSERT_TRUE(submit(1, 4, 10));
  drain();
  request.stop_tokens = {told[1].tokens[3]};
  ASSERT_TRUE(submit(2, 4, 10));
  drain();
  EXPECT_LE(told[2].tokens.size(), 3U);
  EXPECT_EQ(told[2].events.back().finish, Finish::stop_token);
  EXPECT_EQ(told[2].events.back().token, request.stop_tokens[0]);
  request.output_tokens_min = 8;
  ASSERT_TRUE(submit(3, 4, 10));
  drain();
  EXPECT_GE(told[3].tokens.size(), 8U);
}

TEST_F(SchedulerTest, streams_may_be_reduced_while_it_runs) {
  options.sleep = [](std::int64_t) {};
  start();
  scheduler->set_streams_max(0);
  ASSERT_TRUE(submit(1, 4, 3));
  EXPECT_EQ(poll(for_ever), 0U);
  EXPECT_EQ(scheduler->waiting(), 1U);
  scheduler->set_streams_max(1);
  drain();
  EXPECT_EQ(told[1].tokens.size(), 3U);
}

TEST_F(SchedulerTest, while_nobody_may_start_it_sleeps_to_the_deadline_and_does_not_spin) {
  std::vector<std::int64_t> slept;
  options.sleep = [&](std::int64_t ns) {
    slept.push_back(ns);
    clock.advance(ns);
  };
  start();
  scheduler->set_streams_max(0);
  submit(1, 4, 1).value();
  EXPECT_EQ(poll(clock.now_ns() + 700), 0U);
  EXPECT_EQ(poll(for_ever), 0U) << "a caller without a deadline gets its turn";
  EXPECT_EQ(poll(clock.now_ns()), 0U);
  EXPECT_THAT(slept, testing::ElementsAre(700, 1'000'000'000));
  EXPECT_EQ(backend->forwards, 0U);
  scheduler->set_streams_max(1);
  drain();
  EXPECT_EQ(told[1].tokens.size(), 1U);
  EXPECT_EQ(poll(for_ever), 0U) << "with nothing there it returns at once";
  EXPECT_EQ(slept.size(), 2U);
}

TEST_F(SchedulerTest, an_owner_with_one_request_does_not_wait_for_all_of_another_owner) {
  options.streams_max = 1;
  start();
  for (RequestId id = 1; id <= 5; ++id) submit(id, 10, 3, static_cast<Token>(id)).value();
  request.owner = 2;
  submit(6, 10, 3, 20).value();
  submit(7, 10, 3, 30).value();
  request.owner = 3;
  request.priority = 1;
  submit(8, 10, 3, 35).value();
  drain();
  std::vector<std::pair<std::int64_t, RequestId>> ends;
  ends.reserve(told.size());
  for (const auto& [id, t] : told) ends.emplace_back(t.events.back().at_ns, id);
  std::ranges::sort(ends);
  std::vector<RequestId> order;
  order.reserve(ends.size());
  for (const auto& [at, id] : ends) order.push_back(id);
  EXPECT_THAT(order, testing::ElementsAre(8, 1, 6, 2, 7, 3, 4, 5));
}

TEST_F(SchedulerTest, one_owner_cannot_fill_the_queue_for_the_others) {
  options.owner_queue_max = 2;
  start();
  submit(1, 4, 2).value();
  submit(2, 4, 2).value();
  const auto met = submit(3, 4, 2);
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, Errc::full);
  EXPECT_EQ(met.error().detail, "queue: 2 requests of owner 0 wait, it holds 2 of each");
  request.owner = 1;
  EXPECT_TRUE(submit(4, 4, 2));
  drain();
  EXPECT_EQ(told[4].tokens.size(), 2U);
}

// A server's loop: it looks where other threads leave things, and polls. What is left there while a step computes is seen
// behind that step and not behind the whole prompt.
TEST_F(SchedulerTest, a_wake_in_the_middle_of_a_long_prompt_ends_poll_behind_that_step) {
  const auto wake = Wake::make().value();
  options.wake = wake.get();
  shape.batch = 4;
  start();
  backend->orders.forward_ns = 1000;
  submit(1, 60, 3).value();
  backend->orders.during = [&] {
    if (backend->forwards == 2) wake->notify();  // the third
  };
  EXPECT_EQ(poll(for_ever), 0U);
  EXPECT_EQ(backend->forwards, 3U);
  scheduler->cancel(1);  // what the other thread wanted
  EXPECT_EQ(poll(for_ever), 1U);
  EXPECT_EQ(told[1].events.back().finish, Finish::cancelled);
  EXPECT_EQ(backend->forwards, 3U);
}

TEST_F(SchedulerTest, with_a_wake_an_idle_poll_waits_for_it_until_the_deadline) {
  const auto wake = Wake::make().value();
  std::vector<std::int64_t> slept;
  bool notifies = false;
  options.wake = wake.get();
  options.sleep = [&](std::int64_t ns) {
    slept.push_back(ns);
    clock.advance(ns);
    if (notifies) wake->notify();
  };
  start();
  EXPECT_EQ(poll(clock.now_ns() + 2'500'000'000), 0U);
  EXPECT_THAT(slept, testing::ElementsAre(1'000'000'000, 1'000'000'000, 500'000'000));
  notifies = true;
  EXPECT_EQ(poll(for_ever), 0U);
  EXPECT_EQ(slept.size(), 4U);
  wake->notify();  // before the poll
  EXPECT_EQ(poll(for_ever), 0U);
  EXPECT_EQ(slept.size(), 4U);
  scheduler->set_streams_max(0);
  submit(1, 4, 1).value();
  EXPECT_EQ(poll(for_ever), 0U) << "nobody may start";
  EXPECT_EQ(slept.size(), 5U);
  scheduler->set_streams_max(1);
  EXPECT_GT(poll(for_ever), 0U);
}

TEST_F(SchedulerTest, another_thread_wakes_an_idle_poll) {
  const auto wake = Wake::make().value();
  options.wake = wake.get();
  start();
  std::thread other([&] { wake->notify(); });
  EXPECT_EQ(poll(for_ever), 0U);  // by a fake clock the deadline never comes
  other.join();
}

TEST_F(SchedulerTest, a_step_takes_no_longer_than_it_may) {
  shape.batch = 512;
  shape.context = 4096;
  shape.pages = 2000;
  options.step_ns = 100'000;
  start();
  backend->orders.forward_ns = 20'000;
  backend->orders.slot_ns = 1000;
  std::vector<std::int64_t> took;
  std::int64_t began = clock.now_ns();
  backend->orders.during = [&] {
    took.push_back(clock.now_ns() - began);
    began = clock.now_ns();
  };
  submit(1, 4000, 1).value();
  submit(2, 10, 40, 20).value();
  drain();
  ASSERT_GT(took.size(), 40U);
  for (const std::int64_t ns : took) EXPECT_LE(ns, 105'000);
  EXPECT_GT(took[took.size() / 2], 90'000) << "and uses what it may";
}

TEST_F(SchedulerTest, what_the_backend_refuses_of_one_request_fails_that_one_alone) {
  start();
  submit(1, 6, 5).value();
  submit(2, 7, 5, 10).value();
  submit(3, 5, 5, 20).value();
  drain();
  const auto right = std::move(told);
  for (const std::size_t beside : {0U, 2U}) {  // refused in its prompt, with others that begin, or that write already
    start();
    backend->orders.bad_token = 11;  // of request 2 alone
    submit(1, 6, 5).value();
    if (beside > 0) submit(3, 5, 5, 20).value();
    for (std::size_t i = 0; i < beside; ++i) step();
    submit(2, 7, 5, 10).value();
    if (beside == 0) submit(3, 5, 5, 20).value();
    drain();
    ASSERT_EQ(told[2].events.size(), 1U);
    EXPECT_EQ(told[2].events[0].kind, Event::Kind::failed);
    EXPECT_EQ(told[2].events[0].error, Errc::bad_value);
    EXPECT_THAT(told[2].reason, HasSubstr("a token that I do not like"));
    for (const RequestId id : {1U, 3U}) {
      EXPECT_EQ(told[id].tokens, right.at(id).tokens) << id;
      EXPECT_EQ(told[id].events.back().kind, Event::Kind::finished) << id;
    }
    EXPECT_EQ(scheduler->counts().apart, 1U);
    scheduler.reset();
    EXPECT_EQ(backend->pages_used(), 0U);
    EXPECT_TRUE(backend->violations.empty());
  }
}

TEST_F(SchedulerTest, an_engine_lost_while_requests_are_computed_apart_ends_each_once) {
  start();
  backend->orders.bad_token = 11;
  backend->orders.lost_at = 2;  // the batch, request 1 alone, and then
  submit(1, 6, 1).value();
  submit(2, 7, 5, 10).value();
  submit(3, 5, 5, 20).value();
  drain();
  EXPECT_EQ(told[1].events.back().kind, Event::Kind::finished);
  for (const RequestId id : {2U, 3U}) {
    ASSERT_EQ(told[id].events.size(), 1U);
    EXPECT_EQ(told[id].events[0].error, Errc::engine_lost);
  }
}

// Sharing takes no page; whoever writes first copies the last one. So the older of two may be the one that needs a page
// that is not there.
TEST_F(SchedulerTest, an_old_request_that_must_copy_what_a_young_one_shares_gets_its_page) {
  shape.pages = 2;  // 6 tokens and the 2 that follow
  options.keep_finished = false;
  start();
  submit(1, 6, 2).value();
  drain();
  const auto alone = told[1].tokens;
  start();
  submit(1, 6, 2).value();
  step();
  submit(2, 7, 1).value();  // begins with the same six
  drain();
  EXPECT_EQ(told[1].tokens, alone);
  EXPECT_EQ(told[2].events.back().kind, Event::Kind::finished);
  EXPECT_EQ(scheduler->counts().sequences.shared, 1U);
  EXPECT_EQ(scheduler->counts().taken_back, 1U);
  EXPECT_EQ(told[2].usage.recomputed, 1U);
}

TEST_F(SchedulerTest, events_that_do_not_fit_wait_for_the_next_poll_in_order) {
  start();
  ASSERT_TRUE(submit(1, 4, 2));
  ASSERT_TRUE(submit(2, 4, 2, 9));
  std::vector<Event> one(1);
  std::vector<std::pair<RequestId, Event::Kind>> order;
  while (scheduler->poll(one, for_ever).value() > 0) order.emplace_back(one[0].request, one[0].kind);
  ASSERT_EQ(order.size(), 6U);
  EXPECT_EQ(order[5].second, Event::Kind::finished);
}

}  // namespace
}  // namespace assay::schedule
