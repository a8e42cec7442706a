#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapter/worker/fake_options.h"
#include "adapter/worker/worker_backend.h"
#include "base/clock.h"

namespace assay::adapter {
namespace {

using testing::HasSubstr;

std::vector<Slot> tokens_from(SeqId seq, Position from, std::uint32_t count, bool all_logits = false) {
  std::vector<Slot> slots;
  slots.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    slots.push_back({seq, from + i, static_cast<Token>((from + i) % 37), all_logits || i + 1 == count});
  }
  return slots;
}

class Worker : public testing::Test {
 protected:
  std::unique_ptr<WorkerBackend> start(const std::string& orders) { return start(fake_options(orders)); }
  std::unique_ptr<WorkerBackend> start(const WorkerOptions& options) {
    auto backend = start_worker(options, clock_);
    EXPECT_TRUE(backend) << (backend ? "" : to_string(backend.error()));
    return backend ? std::move(*backend) : nullptr;
  }

  const NothingLeft nothing_left_;
  const SteadyClock clock_;
  Logits logits_;
};

TEST_F(Worker, tells_the_facts_of_the_loaded_model) {
  const auto backend = start("vocab=50");
  ASSERT_NE(backend, nullptr);
  const BackendFacts& facts = backend->facts();
  EXPECT_EQ(facts.name, "fake");
  EXPECT_EQ(facts.device, "cpu");
  EXPECT_EQ(facts.context, 256U);
  EXPECT_EQ(facts.sequences, 4U);
  EXPECT_EQ(facts.batch, 64U);
  EXPECT_EQ(facts.vocab, 50U);
  EXPECT_EQ(facts.notes, std::vector<std::string>{"computes a hash"});
  EXPECT_TRUE(facts.deterministic);
  EXPECT_EQ(backend->memory().weights, 1000U);
  EXPECT_GT(backend->process_id(), 0);
}

TEST_F(Worker, computes_forgets_and_shares_as_in_one_process) {
  const auto backend = start("");
  ASSERT_NE(backend, nullptr);
  ASSERT_TRUE(backend->forward(tokens_from(0, 0, 10), logits_));
  ASSERT_EQ(logits_.rows(), 1U);
  ASSERT_EQ(logits_.vocab, 40U);
  const std::vector<float> first(logits_.values);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(backend->memory().kv, 10U);
  // Sequence 1 continues a share of sequence 0 where that was cut and computed again: the same logits.
  ASSERT_TRUE(backend->share(0, 1, 9));
  ASSERT_TRUE(backend->forward(tokens_from(1, 9, 1), logits_));
  EXPECT_EQ(logits_.values, first);
  ASSERT_TRUE(backend->forget(0, 9, 256));
  ASSERT_TRUE(backend->forward(tokens_from(0, 9, 1), logits_));
  EXPECT_EQ(logits_.values, first);
  EXPECT_EQ(backend->memory().kv, 20U);
}

TEST_F(Worker, logits_come_in_the_order_of_the_slots_that_asked) {
  const auto backend = start("");
  ASSERT_NE(backend, nullptr);
  ASSERT_TRUE(backend->forward(tokens_from(0, 0, 8, /*all_logits=*/true), logits_));
  ASSERT_EQ(logits_.rows(), 8U);
  const Logits all = logits_;
  for (std::uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(backend->forward(tokens_from(1, i, 1), logits_));
    EXPECT_TRUE(std::ranges::equal(logits_.row(0), all.row(i))) << i;
  }
}

TEST_F(Worker, an_engine_that_writes_rows_itself_gives_the_same) {
  const auto one = start("");
  const auto two = start("in-place");
  ASSERT_TRUE(one != nullptr && two != nullptr);
  for (const bool all_logits : {true, false}) {
    const Position from = all_logits ? 0 : 6;
    ASSERT_TRUE(one->forward(tokens_from(0, from, 6, all_logits), logits_));
    const Logits expected = logits_;
    ASSERT_TRUE(two->forward(tokens_from(0, from, 6, all_logits), logits_));
    EXPECT_EQ(logits_.values, expected.values);
  }
  EXPECT_EQ(two->forward(tokens_from(0, 100, 1), logits_).error().code, Errc::bad_value);
}

TEST_F(Worker, a_batch_without_logits_gives_no_rows) {
  const auto backend = start("");
  ASSERT_NE(backend, nullptr);
  const std::vector<Slot> slots{{0, 0, 1, false}, {0, 1, 2, false}};
  ASSERT_TRUE(backend->forward(slots, logits_));
  EXPECT_EQ(logits_.rows(), 0U);
}

// 64 MiB hold 3 rows of 5 million logits.
TEST_F(Worker, more_rows_than_the_shared_memory_holds_come_in_parts) {
  const auto backend = start("vocab=5000000");
  ASSERT_NE(backend, nullptr);
  std::vector<Slot> slots = tokens_from(0, 0, 8, /*all_logits=*/true);
  slots[1].wants_logits = false;
  ASSERT_TRUE(backend->forward(slots, logits_));
  ASSERT_EQ(logits_.rows(), 7U);
  const Logits all = logits_;
  ASSERT_TRUE(backend->forward(tokens_from(1, 0, 8), logits_));
  EXPECT_TRUE(std::ranges::equal(logits_.row(0), all.row(6)));
  EXPECT_EQ(backend->memory().kv, 16U);
}

TEST_F(Worker, parts_that_were_computed_are_dropped_when_a_later_one_is_refused) {
  const auto backend = start("vocab=5000000,idle,full-at-forward=2");
  ASSERT_NE(backend, nullptr);
  const auto result = backend->forward(tokens_from(0, 0, 8, /*all_logits=*/true), logits_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::full);
  EXPECT_EQ(backend->memory().kv, 0U);
  EXPECT_TRUE(backend->forward(tokens_from(0, 0, 8), logits_));
}

TEST_F(Worker, refusals_of_the_engine_are_errors_that_lose_nothing) {
  const auto backend = start("full-at-forward=0");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->forward(tokens_from(0, 0, 2), logits_).error().code, Errc::full);
  EXPECT_EQ(backend->forward(tokens_from(0, 5, 2), logits_).error().code, Errc::bad_value);
  EXPECT_EQ(backend->forward(tokens_from(9, 0, 2), logits_).error().code, Errc::bad_value);
  EXPECT_EQ(backend->forward(tokens_from(0, 0, 65), logits_).error().code, Errc::bad_value);
  EXPECT_EQ(backend->forward({}, logits_).error().code, Errc::bad_value);
  const std::vector<Slot> outside{{0, 0, 40, true}};
  EXPECT_EQ(backend->forward(outside, logits_).error().code, Errc::bad_value);
  EXPECT_EQ(backend->share(0, 0, 1).error().code, Errc::bad_value);
  ASSERT_TRUE(backend->forward(tokens_from(0, 0, 3), logits_));
  EXPECT_EQ(backend->forget(0, 0, 1).error().code, Errc::unsupported);
  EXPECT_TRUE(backend->forward(tokens_from(0, 3, 3), logits_));
}

TEST_F(Worker, nan_logits_arrive_as_they_are) {
  const auto backend = start("nan-at-forward=0");
  ASSERT_NE(backend, nullptr);
  ASSERT_TRUE(backend->forward(tokens_from(0, 0, 2), logits_));
  EXPECT_TRUE(std::isnan(logits_.values[1]));
  EXPECT_FALSE(std::isnan(logits_.values[0]));
}

TEST_F(Worker, progress_of_loading_rises_to_the_caller) {
  std::vector<double> shares;
  auto backend = start_worker(fake_options("slow-load=600"), clock_, [&](double share) {
    shares.push_back(share);
    return true;
  });
  ASSERT_TRUE(backend) << to_string(backend.error());
  ASSERT_GE(shares.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_EQ(shares.back(), 1);
}

TEST_F(Worker, loading_may_take_longer_than_its_timeout_while_it_goes_on) {
  WorkerOptions options = fake_options("slow-load=3000");
  options.load_timeout_ns = 2'000'000'000;
  EXPECT_NE(start(options), nullptr);
}

TEST_F(Worker, loading_stops_on_request) {
  for (const char* orders : {"slow-load=20000", "silent-load=20000", "slow-load=120"}) {
    const std::int64_t start_ns = clock_.now_ns();
    const auto backend =
        start_worker(fake_options(orders), clock_, [&](double) { return clock_.now_ns() - start_ns < 60'000'000; });
    ASSERT_FALSE(backend);
    EXPECT_EQ(backend.error().code, Errc::cancelled);
    EXPECT_LT(clock_.now_ns() - start_ns, 5'000'000'000);
  }
}

TEST_F(Worker, the_cost_of_the_border_is_told_and_counted_anew) {
  const auto backend = start("slow-forward=20");
  ASSERT_NE(backend, nullptr);
  ASSERT_TRUE(backend->forward(tokens_from(0, 0, 1), logits_));
  ASSERT_TRUE(backend->forward(tokens_from(0, 1, 1), logits_));
  const BorderCost cost = backend->border_cost();
  EXPECT_EQ(cost.calls, 2U);
  EXPECT_GE(cost.engine_ns, 40'000'000);
  EXPECT_GE(cost.total_ns, cost.engine_ns);
  EXPECT_EQ(backend->border_cost().calls, 0U);
}

TEST_F(Worker, two_live_side_by_side) {
  const auto one = start("");
  const auto two = start("crash-at-forward=0");
  ASSERT_TRUE(one != nullptr && two != nullptr);
  EXPECT_EQ(two->forward(tokens_from(0, 0, 1), logits_).error().code, Errc::engine_lost);
  EXPECT_TRUE(one->forward(tokens_from(0, 0, 1), logits_));
}

TEST_F(Worker, one_that_is_started_by_a_thread_outlives_that_thread) {
  std::unique_ptr<WorkerBackend> backend;
  std::thread([&] { backend = start(""); }).join();
  ASSERT_NE(backend, nullptr);
  EXPECT_TRUE(backend->forward(tokens_from(0, 0, 1), logits_));
}

TEST_F(Worker, a_program_started_by_hand_says_what_it_is) {
  const std::string command = std::string(ASSAY_FAKE_WORKER) + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said(1000, '\0');
  said.resize(std::fread(said.data(), 1, said.size(), pipe));
  const int status = ::pclose(pipe);
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_THAT(said, HasSubstr("a worker of assay"));
  EXPECT_THAT(said, HasSubstr("fake 1 (of the tests)"));
}

}  // namespace
}  // namespace assay::adapter
