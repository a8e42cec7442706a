#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapter/worker/fake_options.h"
#include "adapter/worker/worker_backend.h"
#include "base/clock.h"
#include "base/mapped_file.h"

namespace assay::adapter {
namespace {

using testing::HasSubstr;

std::vector<Slot> tokens_from(SeqId seq, Position from, std::uint32_t count, bool all_logits = false) {
  std::vector<Slot> slots;
  slots.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    slots.push_back({seq, from + i, static_cast<Token>((from + i) % 37), logits_if(all_logits || i + 1 == count)});
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

TEST_F(Worker, hidden_rows_embeddings_and_turns_cross_the_border) {
  const auto backend = start("extras");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->facts().hidden, 3U);
  EXPECT_EQ(backend->facts().embedding, 2U);
  EXPECT_EQ(backend->facts().kernel_path, "a hash");
  const std::vector<float> embeddings{0.5F, 1, -2, 4};
  const std::vector<Slot> slots{
      {0, 0, 1, Want::hidden}, {0, 1, 1, Want::logits, Source::embedding}, {0, 2, 0, Want::hidden, Source::embedding}};
  const std::vector<Turn3> turns{{0, 0, 0}, {1, 1, 1}, {1, 1, 2}};
  std::vector<float> logits(40);
  std::vector<float> hidden(6);
  const auto forward = [&](const Batch& batch) {
    const auto done = backend->forward(batch, Rows{.logits = logits, .hidden = hidden});
    EXPECT_TRUE(done) << to_string(done.error());
    EXPECT_TRUE(backend->forget(0, 0, 256));
    return std::pair(logits, hidden);
  };
  const auto first = forward({slots, embeddings, turns});
  EXPECT_NE(first.second[0], first.second[3]);
  EXPECT_EQ(forward({slots, embeddings, turns}), first);
  const std::vector<float> others{0.5F, 1, -2, 5};
  EXPECT_NE(forward({slots, others, turns}), first);
  const std::vector<Turn3> elsewhere{{0, 0, 0}, {1, 1, 1}, {1, 2, 2}};
  const auto turned = forward({slots, embeddings, elsewhere});
  EXPECT_EQ(turned.first, first.first) << "of the position before";
  EXPECT_NE(turned.second, first.second);
  const auto short_of_rows = backend->forward({slots, std::span(embeddings).first(2), turns}, {logits, hidden});
  ASSERT_FALSE(short_of_rows);
  EXPECT_THAT(short_of_rows.error().detail, HasSubstr("embedding 1 at position 1 of sequence 0: expected below 1"));
  const std::vector<float> large((64U << 20U) / sizeof(float) + 2);
  EXPECT_THAT(backend->forward({slots, large, turns}, {logits, hidden}).error().detail,
              HasSubstr("embeddings of 67108872 bytes, expected no more than the 67108864 of the shared memory"));
}

TEST_F(Worker, what_the_engine_lacks_is_refused_by_name) {
  const auto backend = start("");
  ASSERT_NE(backend, nullptr);
  const auto said = [&](const Batch& batch) { return to_string(backend->forward(batch, logits_).error()); };
  const std::vector<Slot> token{{0, 0, 1}};
  const std::vector<float> rows(2);
  const std::vector<Turn3> turns{{0, 0, 0}};
  EXPECT_EQ(said({token, rows}), "unsupported: rows of embeddings: fake has none");
  EXPECT_EQ(said({token, {}, turns}), "unsupported: positions of three numbers: fake has none");
  EXPECT_EQ(said(std::vector<Slot>{{0, 0, 0, Want::nothing, Source::embedding}}),
            "unsupported: slot 0 of sequence 0: rows of embeddings: fake has none");
  EXPECT_EQ(said(std::vector<Slot>{{0, 0, 1, Want::hidden}}),
            "unsupported: slot 0 of sequence 0: rows of hidden states: fake has none");
  std::vector<Drawn> drawn(1);
  EXPECT_EQ(to_string(backend->decode(std::vector<Draw>{{0, 0, 1}}, 1, drawn).error()),
            "unsupported: decode: fake draws no tokens by itself");
  EXPECT_TRUE(backend->forward(tokens_from(0, 0, 2), logits_)) << "nothing was lost by it";
}

TEST_F(Worker, an_engine_that_decodes_continues_its_sequences) {
  const auto backend = start("extras");
  ASSERT_NE(backend, nullptr);
  // By hand, the most likely token each time.
  std::vector<Token> text{3};
  for (Position p = 0; p < 4; ++p) {
    ASSERT_TRUE(backend->forward(std::vector<Slot>{{0, p, text.back(), Want::logits}}, logits_));
    text.push_back(static_cast<Token>(std::ranges::max_element(logits_.values) - logits_.values.begin()));
  }
  std::vector<Drawn> drawn(8);
  const std::vector<Token> stop{text[2]};
  const std::vector<Draw> draws{{.seq = 1, .pos = 0, .token = 3}, {.seq = 2, .pos = 0, .token = 3, .stop = stop}};
  const auto steps = backend->decode(draws, 4, drawn);
  ASSERT_TRUE(steps) << to_string(steps.error());
  EXPECT_EQ(*steps, 4U);
  EXPECT_EQ(drawn, (std::vector<Drawn>{{text[1]}, {text[2]}, {text[3]}, {text[4]}, {text[1]}, {text[2]}, {-1}, {-1}}));
  const auto alone =
      backend->decode(std::vector<Draw>{{.seq = 3, .pos = 0, .token = 3, .stop = stop}}, 4, std::span(drawn).first(4));
  EXPECT_EQ(alone.value(), 2U) << "all sequences had ended";
  const auto said = [&](std::uint32_t count, std::size_t memory, const std::vector<Draw>& all) {
    const auto result = backend->decode(all, count, std::span(drawn).first(memory));
    return result ? "done" : to_string(result.error());
  };
  EXPECT_THAT(said(4, 3, {{0, 4, 1}}), HasSubstr("memory for 3 tokens, expected 1 draws of 4"));
  EXPECT_THAT(said(0, 0, {{0, 4, 1}}), HasSubstr("steps is 0, expected 1..4096"));
  EXPECT_THAT(said(4, 0, {}), HasSubstr("draws is 0, expected 1..4096"));
  EXPECT_THAT(said(1, 1, {{9, 4, 1}}), HasSubstr("of sequence 9: expected below 40, 256, 4"));
  ASSERT_TRUE(backend->start(std::vector<Slot>{{0, 4, 1}}));
  EXPECT_THAT(said(1, 1, {{1, 4, 1}}), HasSubstr("decode: a pass is under way"));
  EXPECT_TRUE(backend->finish({}));
}

TEST_F(Worker, more_steps_than_were_asked_for_end_the_worker) {
  const auto backend = start("extras,steps-at-decode");
  ASSERT_NE(backend, nullptr);
  std::vector<Drawn> drawn(2);
  const auto result = backend->decode(std::vector<Draw>{{0, 0, 1}}, 2, drawn);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::engine_lost);
  EXPECT_THAT(result.error().detail, HasSubstr("the engine computed 3 steps, expected at most 2"));
}

// The worker says in its diary that it computes while the caller has not asked for the result.
TEST_F(Worker, computes_while_the_caller_does_something_else) {
  const std::string path = testing::TempDir() + "overlap_" + std::to_string(::getpid());
  ::unlink(path.c_str());
  ::setenv("ASSAY_FAKE_DIARY", path.c_str(), 1);
  const auto backend = start("");
  ::unsetenv("ASSAY_FAKE_DIARY");
  ASSERT_NE(backend, nullptr);
  const std::vector<Slot> slots = tokens_from(0, 0, 10);
  ASSERT_TRUE(backend->start(slots));
  std::string said;
  for (const std::int64_t begin_ns = clock_.now_ns(); said.find("forward 10") == std::string::npos;) {
    ASSERT_LT(clock_.now_ns() - begin_ns, 60'000'000'000) << "it waits for finish()";
    said = read_text_file(path, 4096).value_or("");
    std::this_thread::yield();
  }
  ::unlink(path.c_str());
  EXPECT_EQ(backend->memory().kv, 0U) << "as told last";
  EXPECT_THAT(backend->forget(0, 0, 1).error().detail, HasSubstr("forget: a pass is under way"));
  EXPECT_THAT(backend->share(0, 1, 1).error().detail, HasSubstr("share: a pass is under way"));
  EXPECT_THAT(backend->start(slots).error().detail, HasSubstr("start: a pass is under way"));
  std::vector<float> rows(40);
  ASSERT_TRUE(backend->finish({.logits = rows, .hidden = {}}));
  EXPECT_EQ(backend->memory().kv, 10U);
  EXPECT_THAT(backend->finish({}).error().detail, HasSubstr("finish: no pass is under way"));
  ASSERT_TRUE(backend->forward(tokens_from(1, 0, 10), logits_));
  EXPECT_EQ(rows, logits_.values);
  const BorderCost cost = backend->border_cost();
  EXPECT_EQ(cost.calls, 2U);
  EXPECT_GE(cost.total_ns, cost.engine_ns);
}

TEST_F(Worker, rows_of_another_size_change_nothing) {
  const auto backend = start("");
  ASSERT_NE(backend, nullptr);
  std::vector<float> rows(39);
  const auto result = backend->forward(tokens_from(0, 0, 10), Rows{.logits = rows, .hidden = {}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::bad_value);
  EXPECT_THAT(result.error().detail, HasSubstr("rows of logits: memory for 39 numbers, expected 1 rows of 40"));
  EXPECT_EQ(backend->memory().kv, 0U);
  EXPECT_TRUE(backend->forward(tokens_from(0, 0, 10), logits_));
}

TEST_F(Worker, one_that_cannot_drop_a_tail_says_so_and_is_not_lost) {
  const auto backend = start("rewind=2");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->facts().rewind, Rewind::none);
  ASSERT_TRUE(backend->forward(tokens_from(0, 0, 10), logits_));
  EXPECT_EQ(backend->forget(0, 4, 10).error().code, Errc::unsupported);
  EXPECT_EQ(backend->memory().kv, 10U);
  EXPECT_TRUE(backend->forget(0, 0, 10));
}

TEST_F(Worker, a_batch_without_logits_gives_no_rows) {
  const auto backend = start("");
  ASSERT_NE(backend, nullptr);
  const std::vector<Slot> slots{{0, 0, 1}, {0, 1, 2}};
  ASSERT_TRUE(backend->forward(slots, logits_));
  EXPECT_EQ(logits_.rows(), 0U);
}

// 64 MiB hold 3 rows of 5 million logits.
TEST_F(Worker, more_rows_than_the_shared_memory_holds_come_in_parts) {
  const auto backend = start("vocab=5000000");
  ASSERT_NE(backend, nullptr);
  std::vector<Slot> slots = tokens_from(0, 0, 8, /*all_logits=*/true);
  slots[1].want = Want::nothing;
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
  const std::vector<Slot> outside{{0, 0, 40, Want::logits}};
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
