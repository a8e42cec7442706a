// The adapter against a library of our own (tests/metalrt_fake), well behaved and broken in every way that it knows.
#include "adapter/metalrt/metalrt_engine.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "process/process.h"

namespace assay::adapter::metalrt {
namespace {

constexpr std::int64_t ms = 1'000'000;

// Token 7 is " w7".
class WordText final : public schedule::Detokenize {
 public:
  explicit WordText(std::string instead = "") : instead_(std::move(instead)) {}
  std::unique_ptr<schedule::TextStream> start() const override {
    struct Stream final : schedule::TextStream {
      explicit Stream(const std::string& text) : instead(text) {}
      void push(Token token, std::string& text) override {
        if (instead.empty()) text += " w" + std::to_string(token);
      }
      void finish(std::string& text) override { text += instead; }
      const std::string& instead;
    };
    return std::make_unique<Stream>(instead_);
  }

 private:
  std::string instead_;
};

struct Answer {
  std::string text;
  std::vector<Event> tokens;
  Event last;
  std::string reason;
  Usage usage;
};

class Metalrt : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"METALRT_FAKE_ORDER", "METALRT_FAKE_PROGRAM", "METALRT_FAKE_MODEL"}) unsetenv(name);
  }

  static MetalrtOptions options() {
    MetalrtOptions out;
    out.worker = ASSAY_METALRT_WORKER;
    out.library = METALRT_FAKE;
    out.model = ASSAY_SOURCE_DIR "/models";
    out.open_timeout_ns = 3000 * ms;
    out.first_piece_timeout_ns = 1500 * ms;
    out.stall_timeout_ns = 1500 * ms;
    out.cancel_timeout_ns = 300 * ms;
    return out;
  }
  Result<std::unique_ptr<MetalrtEngine>> open(const char* order = "", const MetalrtOptions& given = options()) {
    setenv("METALRT_FAKE_ORDER", order, 1);
    return open_metalrt(given, clock_, text_);
  }

  static Request request(RequestId id, std::span<const Token> prompt, std::uint32_t tokens = 4) {
    Request out;
    out.id = id;
    out.prompt = prompt;
    out.output_tokens_max = tokens;
    return out;
  }

  Answer pull(Engine& engine, RequestId id) {
    const std::int64_t deadline = clock_.now_ns() + 20'000 * ms;
    Answer out;
    std::array<Event, 8> events;
    while (clock_.now_ns() < deadline) {
      const auto count = engine.poll(events, deadline);
      if (!count || *count == 0) break;
      for (std::size_t i = 0; i < *count; ++i) {
        if (events[i].request != id) continue;
        const EventDetail detail = engine.detail(events[i]);
        out.text += detail.text;
        out.last = events[i];
        out.reason = detail.reason;
        out.usage = detail.usage;
        if (events[i].kind != Event::Kind::token) return out;
        out.tokens.push_back(events[i]);
      }
    }
    ADD_FAILURE() << "no last event";
    return out;
  }
  Answer answer(Engine& engine, RequestId id = 1) {
    const auto submitted = engine.submit(request(id, prompt_));
    EXPECT_TRUE(submitted) << submitted.error().detail;
    return submitted ? pull(engine, id) : Answer{};
  }

  const SteadyClock clock_;
  const WordText text_;
  const std::vector<Token> prompt_{1, 2, 3};
};

TEST_F(Metalrt, AnswersAsTextWithTheLibrarysCounts) {
  auto engine = open();
  ASSERT_TRUE(engine) << engine.error().detail;
  for (RequestId id = 1; id <= 2; ++id) {
    const Answer got = answer(**engine, id);
    ASSERT_EQ(got.last.kind, Event::Kind::finished) << got.reason;
    EXPECT_EQ(got.text, " 0 1 2 3");
    EXPECT_EQ(got.tokens.size(), 4U);
    EXPECT_EQ(got.tokens[0].token, -1);
    EXPECT_EQ(got.usage.prompt_tokens, 3U);
    EXPECT_EQ(got.usage.output_tokens, 4U);
    EXPECT_EQ(got.last.finish, Finish::length);
  }
  EXPECT_EQ((*engine)->count_tokens("a b c d").value_or(0), 4U);
}

TEST_F(Metalrt, FactsSayWhatItCannotDo) {
  auto engine = open();
  ASSERT_TRUE(engine);
  const Facts& facts = (*engine)->facts();
  EXPECT_TRUE(facts.text_only);
  EXPECT_FALSE(facts.has_seed);
  EXPECT_FALSE(facts.has_logits);
  EXPECT_EQ(facts.backend.context, 4096U);
  EXPECT_EQ(facts.backend.device, "fake device");
  EXPECT_EQ(facts.backend.notes.at(0), "text only: token counts are estimates, no parity");
  EXPECT_EQ(facts.backend.build.find('\x1b'), std::string::npos);  // a name cannot move the cursor
}

TEST_F(Metalrt, WhatTheLibraryCannotDoIsRefusedByName) {
  auto engine = open();
  ASSERT_TRUE(engine);
  const auto refused = [&](auto change) {
    Request asked = request(1, prompt_);
    change(asked);
    const auto submitted = (*engine)->submit(asked);
    return submitted ? std::string("taken") : submitted.error().detail;
  };
  EXPECT_EQ(refused([](Request& r) { r.sampling.top_p = 0.9F; }), "metalrt does not take top_p");
  EXPECT_EQ(refused([](Request& r) { r.stop_texts = {"x"}; }), "metalrt does not take stop texts");
  EXPECT_EQ(refused([](Request& r) { r.stop_tokens = {1}; }), "metalrt does not take stop tokens");
  EXPECT_EQ(refused([](Request& r) { r.sampling.logprobs = 1; }), "metalrt does not take logprobs");
  EXPECT_EQ(refused([](Request& r) { r.kind = RequestKind::embed; }), "metalrt does not take kind embed");
  EXPECT_EQ(refused([](Request& r) { r.prompt = {}; }), "the prompt is empty");
  EXPECT_EQ(refused([](Request& r) { r.output_tokens_max = 0; }), "output_tokens_max is 0, expected at least 1");
}

TEST_F(Metalrt, RealTextOfOurOwnEngineComesThrough) {
  if (!std::filesystem::exists(ASSAY_PROGRAM)) GTEST_SKIP() << ASSAY_PROGRAM << " is not built";
  const std::string model = ASSAY_SOURCE_DIR "/models/assay-small-q4_0.gguf";
  const std::string prompt = "Once upon a time there was a";
  setenv("METALRT_FAKE_PROGRAM", ASSAY_PROGRAM, 1);
  setenv("METALRT_FAKE_MODEL", model.c_str(), 1);
  const WordText text(prompt);
  setenv("METALRT_FAKE_ORDER", "", 1);
  MetalrtOptions patient = options();
  patient.first_piece_timeout_ns = 60'000 * ms;
  patient.stall_timeout_ns = 60'000 * ms;
  auto engine = open_metalrt(patient, clock_, text);
  ASSERT_TRUE(engine);
  ASSERT_TRUE((*engine)->submit(request(1, prompt_, 16)));
  const Answer got = pull(**engine, 1);
  ASSERT_EQ(got.last.kind, Event::Kind::finished) << got.reason;
  auto child = process::ChildProcess::start(
      {ASSAY_PROGRAM, {"run", "--raw", "--json", "-m", model, "-n", "16", prompt}, {}, {}});
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->wait(60'000 * ms));
  // The text of the JSON has the answer's beginning.
  ASSERT_GT(got.text.size(), 10U);
  EXPECT_NE(child->output_end().find(got.text.substr(0, 10)), std::string::npos) << got.text << child->output_end();
}

TEST_F(Metalrt, AWrongAbiAMissingFunctionAndAFailedLoadAreNamed) {
  const auto refused = [&](const char* order, const MetalrtOptions& given = options()) {
    const auto engine = open(order, given);
    return engine ? std::string("opened") : engine.error().detail;
  };
  EXPECT_NE(refused("abi").find("its ABI is number 3, this program speaks number 2"), std::string::npos);
  EXPECT_NE(refused("no_load").find("MetalRT could not load it"), std::string::npos);
  MetalrtOptions half = options();
  half.library = METALRT_FAKE_HALF_THERE;
  EXPECT_NE(refused("", half).find("metalrt_generate_raw_stream is missing"), std::string::npos);
  MetalrtOptions nowhere = options();
  nowhere.library = "/nonexistent/libmetalrt.dylib";
  EXPECT_EQ(refused("", nowhere), "/nonexistent/libmetalrt.dylib: no MetalRT library there");
  nowhere = options();
  nowhere.model = "/nonexistent";
  EXPECT_NE(refused("", nowhere).find("/nonexistent: no such folder"), std::string::npos);
  nowhere = options();
  nowhere.worker = "/nonexistent/worker";
  EXPECT_EQ(open("", nowhere).error().code, Errc::not_found);
}

TEST_F(Metalrt, WhereTheLibraryWasLookedForIsSaid) {
  const char* home = std::getenv("HOME");
  const std::string kept = home != nullptr ? home : "";
  setenv("HOME", "/nonexistent/home", 1);
  const auto nowhere = find_library("");
  setenv("ASSAY_METALRT_LIBRARY", "/somewhere/lib.dylib", 1);
  const auto by_variable = find_library("");
  const auto by_option = find_library("/here.dylib");
  unsetenv("ASSAY_METALRT_LIBRARY");
  setenv("HOME", kept.c_str(), 1);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().detail,
            "no MetalRT library: looked at /nonexistent/home/Library/RCLI/engines/libmetalrt.dylib and "
            "$ASSAY_METALRT_LIBRARY (not set)");
  EXPECT_EQ(by_variable.value_or(""), "/somewhere/lib.dylib");
  EXPECT_EQ(by_option.value_or(""), "/here.dylib");
}

TEST_F(Metalrt, ChipsThatItRefusesAreNamed) {
  for (const char* chip : {"Apple M1", "Apple M1 Pro", "Apple M2 Ultra"}) {
    const auto refused = check_chip(chip);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unsupported);
  }
  for (const char* chip : {"", "Apple M3 Pro", "Apple M4", "Apple M10", "AMD EPYC"})
    EXPECT_TRUE(check_chip(chip)) << chip;
  MetalrtOptions old = options();
  old.chip = "Apple M1 Max";
  EXPECT_EQ(open("", old).error().code, Errc::unsupported);
}

TEST_F(Metalrt, ACrashAtLoadCostsTheEngineAndNothingElse) {
  const auto crashed = open("crash_load");
  ASSERT_FALSE(crashed);
  EXPECT_EQ(crashed.error().code, Errc::engine_lost);
  EXPECT_NE(crashed.error().detail.find("signal 11"), std::string::npos) << crashed.error().detail;
  MetalrtOptions hurried = options();
  hurried.open_timeout_ns = 300 * ms;
  const auto hung = open("hang_load", hurried);
  ASSERT_FALSE(hung);
  EXPECT_EQ(hung.error().code, Errc::timeout);
  EXPECT_TRUE(open());
}

TEST_F(Metalrt, ACrashInAnAnswerFailsEveryRequestByName) {
  for (const auto& [order, words] :
       {std::pair{"crash", "signal 11"}, {"crash_late", "signal 6"}, {"exit", "exit code 3"}}) {
    auto engine = open(order);
    ASSERT_TRUE(engine);
    ASSERT_TRUE((*engine)->submit(request(1, prompt_)));
    ASSERT_TRUE((*engine)->submit(request(2, prompt_)));
    const Answer first = pull(**engine, 1);
    EXPECT_EQ(first.last.kind, Event::Kind::failed);
    EXPECT_EQ(first.last.error, Errc::engine_lost);
    EXPECT_NE(first.reason.find(words), std::string::npos) << order << ": " << first.reason;
    if (order == std::string("crash")) {
      EXPECT_NE(first.reason.find("it printed last: MetalRT: assertion failed: command buffer 7"), std::string::npos)
          << first.reason;
    }
    EXPECT_EQ((*engine)->process_id(), -1);
    const auto next = (*engine)->submit(request(3, prompt_));
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, Errc::engine_lost);
  }
}

TEST_F(Metalrt, AKilledWorkerIsNamed) {
  auto engine = open("slow");
  ASSERT_TRUE(engine);
  ASSERT_TRUE((*engine)->submit(request(1, prompt_, 50)));
  std::array<Event, 1> events;
  ASSERT_EQ((*engine)->poll(events, clock_.now_ns() + 5000 * ms).value_or(0), 1U);
  const auto worker = static_cast<pid_t>((*engine)->process_id());
  ASSERT_GT(worker, 1) << "kill() of -1 reaches every process there is";
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  const Answer got = pull(**engine, 1);
  EXPECT_EQ(got.last.error, Errc::engine_lost);
  EXPECT_NE(got.reason.find("signal 9"), std::string::npos) << got.reason;
}

TEST_F(Metalrt, AHangEndsByTimeout) {
  MetalrtOptions hurried = options();
  hurried.first_piece_timeout_ns = 300 * ms;
  auto engine = open("hang", hurried);
  ASSERT_TRUE(engine);
  ASSERT_TRUE((*engine)->submit(request(1, prompt_)));
  ASSERT_TRUE((*engine)->submit(request(2, prompt_)));
  const Answer got = pull(**engine, 1);
  EXPECT_EQ(got.last.error, Errc::engine_lost);
  EXPECT_NE(got.reason.find("it gave nothing for 300 ms and was killed: a hang"), std::string::npos) << got.reason;
  EXPECT_EQ((*engine)->process_id(), -1);
}

TEST_F(Metalrt, ACancelEndsTheAnswerAndTheNextOneRuns) {
  auto engine = open("slow");
  ASSERT_TRUE(engine);
  ASSERT_TRUE((*engine)->submit(request(1, prompt_, 1000)));
  ASSERT_TRUE((*engine)->submit(request(2, prompt_, 2)));
  ASSERT_TRUE((*engine)->submit(request(3, prompt_, 2)));
  std::array<Event, 1> events;
  ASSERT_EQ((*engine)->poll(events, clock_.now_ns() + 5000 * ms).value_or(0), 1U);
  (*engine)->cancel(3);  // it waits
  (*engine)->cancel(1);
  (*engine)->cancel(1);
  (*engine)->cancel(77);
  EXPECT_EQ(pull(**engine, 1).last.finish, Finish::cancelled);
  const Answer next = pull(**engine, 2);
  EXPECT_EQ(next.last.kind, Event::Kind::finished) << next.reason;
  EXPECT_EQ(next.text, " 0 1");
}

TEST_F(Metalrt, ALibraryThatIgnoresACancelIsKilled) {
  auto engine = open("ignore_cancel");
  ASSERT_TRUE(engine);
  ASSERT_TRUE((*engine)->submit(request(1, prompt_, 1000)));
  ASSERT_TRUE((*engine)->submit(request(2, prompt_, 2)));
  std::array<Event, 1> events;
  ASSERT_EQ((*engine)->poll(events, clock_.now_ns() + 5000 * ms).value_or(0), 1U);
  (*engine)->cancel(1);
  EXPECT_EQ(pull(**engine, 1).last.finish, Finish::cancelled);  // at once
  const Answer next = pull(**engine, 2);
  EXPECT_EQ(next.last.error, Errc::engine_lost);
  EXPECT_NE(next.reason.find("it went on 300 ms after it was cancelled, killed"), std::string::npos) << next.reason;
}

TEST_F(Metalrt, TheQueueIsBounded) {
  MetalrtOptions small = options();
  small.requests_max = 2;
  auto engine = open("slow", small);
  ASSERT_TRUE(engine);
  ASSERT_TRUE((*engine)->submit(request(1, prompt_)));
  EXPECT_EQ((*engine)->submit(request(1, prompt_)).error().code, Errc::bad_value);
  ASSERT_TRUE((*engine)->submit(request(2, prompt_)));
  EXPECT_EQ((*engine)->submit(request(3, prompt_)).error().code, Errc::full);
  EXPECT_EQ((*engine)->count_tokens("x").error().code, Errc::full);
}

TEST_F(Metalrt, NullTextsBrokenCharactersAndNoiseAreBorne) {
  auto nulls = open("null_texts");
  ASSERT_TRUE(nulls) << nulls.error().detail;
  EXPECT_EQ(answer(**nulls).text, " 0 1 2 3");
  auto broken = open("bad_utf8");
  ASSERT_TRUE(broken);
  EXPECT_EQ(answer(**broken).text, "\xC3\xA9\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD");
  auto noisy = open("chatter");
  ASSERT_TRUE(noisy);
  EXPECT_EQ(answer(**noisy).text, " 0 1 2 3");
}

TEST_F(Metalrt, ImpossibleCountsAndNoTextAreErrorsOfOneRequest) {
  auto engine = open("negative");
  ASSERT_TRUE(engine);
  const Answer negative = answer(**engine);
  EXPECT_EQ(negative.last.kind, Event::Kind::failed);
  EXPECT_NE(negative.reason.find("negative number of tokens"), std::string::npos);
  EXPECT_EQ((*engine)->count_tokens("x").error().code, Errc::engine_lost);
  EXPECT_EQ(answer(**engine, 2).last.kind, Event::Kind::failed);  // it still runs
  auto nothing = open("nothing");
  ASSERT_TRUE(nothing);
  EXPECT_NE(answer(**nothing).reason.find("gave no text at all"), std::string::npos);
}

TEST_F(Metalrt, ALibraryWithNothingButTheCoreAnswersInOnePiece) {
  MetalrtOptions smallest = options();
  smallest.library = METALRT_FAKE_SMALLEST;
  auto engine = open("", smallest);
  ASSERT_TRUE(engine) << engine.error().detail;
  const Answer got = answer(**engine);
  EXPECT_EQ(got.text, " 0 1 2 3");
  EXPECT_EQ(got.tokens.size(), 1U);
  EXPECT_EQ((*engine)->count_tokens("x").error().code, Errc::unsupported);
  EXPECT_EQ((*engine)->facts().backend.notes.size(), 4U);
}

}  // namespace
}  // namespace assay::adapter::metalrt
