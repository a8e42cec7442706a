// Real servers on the shipped model: llama-server ($ASSAY_LLAMA_SERVER names the program) and mlx_lm.server
// ($ASSAY_MLX_LM_SERVER names it, $ASSAY_MLX_MODEL an MLX folder). What is not there is skipped by name.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "adapter/upstream/test_server.h"
#include "artifact/texts.h"
#include "checkpoint/checkpoint.h"
#include "direct/cpu_backend.h"
#include "model/weights.h"
#include "schedule/scheduler.h"

namespace assay {
namespace {

using adapter::upstream::Answer;
using adapter::upstream::Kind;
using adapter::upstream::ms;
using adapter::upstream::pull;
using adapter::upstream::UpstreamEngine;
using adapter::upstream::UpstreamOptions;

constexpr const char* model_path = ASSAY_SOURCE_DIR "/models/assay-small-q4_0.gguf";

// One answer's text, token by token.
class Texts final : public schedule::Detokenize {
 public:
  explicit Texts(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::unique_ptr<schedule::TextStream> start() const override {
    struct Stream final : schedule::TextStream {
      explicit Stream(const Tokenizer& tokenizer) : detokenizer(tokenizer) {}
      void push(Token token, std::string& text) override { EXPECT_TRUE(detokenizer.push(token, text)); }
      void finish(std::string& text) override { detokenizer.finish(text); }
      Detokenizer detokenizer;
    };
    return std::make_unique<Stream>(tokenizer_);
  }

 private:
  const Tokenizer& tokenizer_;
};

// A port that was free a moment ago.
std::uint16_t free_port() {
  const auto python = process::find_program(ASSAY_PYTHON);
  if (!python) return 0;
  process::ProcessOrder order;
  order.program = *python;
  order.arguments = {"-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"};
  auto child = process::ChildProcess::start(order);
  if (!child || !child->wait(20'000 * ms)) return 0;
  return static_cast<std::uint16_t>(std::atoi(child->output_end().c_str()));
}

struct RealServer {
  process::ChildProcess child;
  std::unique_ptr<UpstreamEngine> engine;
};

// Starts the server and waits until it gives a token.
std::optional<RealServer> start(const char* variable, std::vector<std::string> arguments, Kind kind, const Clock& clock,
                                const schedule::Detokenize& texts, adapter::upstream::CountTokens count,
                                std::uint32_t context) {
  const char* program = std::getenv(variable);
  if (program == nullptr) return std::nullopt;
  const std::uint16_t port = free_port();
  process::ProcessOrder order;
  order.program = program;
  order.arguments = std::move(arguments);
  for (const std::string& argument :
       {std::string("--host"), std::string("127.0.0.1"), std::string("--port"), std::to_string(port)}) {
    order.arguments.push_back(argument);
  }
  auto child = process::ChildProcess::start(order);
  if (!child) {
    ADD_FAILURE() << child.error().detail;
    return std::nullopt;
  }
  UpstreamOptions options;
  options.kind = kind;
  options.http.url = {false, "127.0.0.1", port, ""};
  options.context = context;
  const std::int64_t deadline = clock.now_ns() + 60'000 * ms;
  std::string why;
  while (clock.now_ns() < deadline) {
    if (child->wait(100 * ms)) break;
    auto engine = open_upstream(options, clock, &texts, count);
    if (engine) {
      const auto alive = (*engine)->probe(20'000 * ms);
      if (alive) return RealServer{std::move(*child), std::move(*engine)};
      why = alive.error().detail;
    } else {
      why = engine.error().detail;
    }
  }
  ADD_FAILURE() << program << " did not come up: " << why << "\n" << child->output_end();
  return std::nullopt;
}

class RealUpstream : public testing::Test {
 protected:
  void SetUp() override {
    auto checkpoint = Checkpoint::open(model_path);
    ASSERT_TRUE(checkpoint) << checkpoint.error().detail;
    checkpoint_.emplace(std::move(*checkpoint));
    auto tokenizer = artifact::load_tokenizer(*checkpoint_);
    ASSERT_TRUE(tokenizer);
    tokenizer_.emplace(std::move(*tokenizer));
    texts_.emplace(*tokenizer_);
  }

  adapter::upstream::CountTokens counter() const {
    return [this](std::string_view text) -> Result<std::size_t> {
      const auto tokens = tokenizer_->encode(text, {.add = AddSpecial::no, .parse = ParseSpecial::as_tokens});
      if (!tokens) return std::unexpected(tokens.error());
      return tokens->size();
    };
  }

  Request story(std::vector<Token>& prompt) const {
    prompt = *tokenizer_->encode("Once upon a time there was a fox who lived by a river and");
    Request request;
    request.id = 1;
    request.prompt = prompt;
    request.output_tokens_max = 24;
    request.output_tokens_min = 24;
    return request;
  }

  SteadyClock clock_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<Texts> texts_;
};

TEST_F(RealUpstream, LlamaServerGivesTheTokensThatDirectGives) {
  auto server = start("ASSAY_LLAMA_SERVER",
                      {"-m", model_path, "-c", "2048", "-np", "2", "-t", "1", "--no-warmup", "--offline", "--no-ui"},
                      Kind::llama_server, clock_, *texts_, counter(), 1024);
  if (!server && std::getenv("ASSAY_LLAMA_SERVER") == nullptr) {
    GTEST_SKIP() << "ASSAY_LLAMA_SERVER names no llama-server";
  }
  ASSERT_TRUE(server);
  UpstreamEngine& engine = *server->engine;
  EXPECT_EQ(engine.facts().backend.context, 1024U);
  EXPECT_EQ(engine.facts().backend.sequences, 2U);
  EXPECT_EQ(engine.facts().backend.vocab, tokenizer_->size());
  EXPECT_FALSE(engine.facts().backend.version.empty());

  std::vector<Token> prompt;
  Request request = story(prompt);
  request.sampling.wants_logprob = true;
  request.sampling.logprobs = 5;
  ASSERT_TRUE(engine.submit(request));
  const Answer theirs = pull(engine, 1);
  ASSERT_EQ(theirs.last.kind, Event::Kind::finished) << theirs.reason;
  EXPECT_EQ(theirs.usage.prompt_tokens, prompt.size());
  ASSERT_EQ(theirs.usage.output_tokens, 24U);
  ASSERT_EQ(theirs.tokens.size(), 24U);

  auto weights = model::bind(checkpoint_->config(), [&](std::string_view name) { return checkpoint_->tensor(name); });
  ASSERT_TRUE(weights);
  direct::CpuOptions cpu;
  cpu.context = 1024;
  cpu.threads = 2;
  auto backend = direct::make_cpu_backend(*weights, cpu, [](std::uint64_t) { return true; });
  ASSERT_TRUE(backend) << backend.error().detail;
  schedule::Scheduler direct(**backend, clock_, &*texts_, {});
  // llama-server forbids every end token for the whole answer; here the least length does, of those that are named.
  request.stop_tokens.assign(tokenizer_->end_tokens().begin(), tokenizer_->end_tokens().end());
  ASSERT_TRUE(direct.submit(request));
  const Answer ours = pull(direct, 1);
  ASSERT_EQ(ours.last.kind, Event::Kind::finished) << ours.reason;
  // The same integers: equal until two tokens are nearly as likely, and then the log-probabilities say so.
  std::size_t same = 0;
  while (same < 24 && ours.tokens[same] == theirs.tokens[same]) {
    EXPECT_NEAR(ours.logprobs[same], theirs.logprobs[same], 0.1) << same;
    ++same;
  }
  if (same < 24) {
    const auto& near = theirs.alternatives[same];
    const auto mine = std::ranges::find(near, ours.tokens[same], &TokenLogprob::token);
    ASSERT_NE(mine, near.end()) << ours.text << "\n" << theirs.text;
    EXPECT_NEAR(mine->logprob, theirs.logprobs[same], 0.1) << ours.text << "\n" << theirs.text;
  }
  std::printf("llama-server %s: %zu of 24 tokens as direct\n", engine.facts().backend.version.c_str(), same);
}

TEST_F(RealUpstream, LlamaServerRefusesAnOverlongPromptAndGoesOn) {
  auto server = start("ASSAY_LLAMA_SERVER",
                      {"-m", model_path, "-c", "256", "-np", "1", "-t", "1", "--no-warmup", "--offline", "--no-ui"},
                      Kind::llama_server, clock_, *texts_, counter(), 0);
  if (!server && std::getenv("ASSAY_LLAMA_SERVER") == nullptr) {
    GTEST_SKIP() << "ASSAY_LLAMA_SERVER names no llama-server";
  }
  ASSERT_TRUE(server);
  UpstreamEngine& engine = *server->engine;
  std::string text;
  for (int i = 0; i < 400; ++i) text += " river";
  adapter::upstream::TextRequest long_one;
  long_one.id = 1;
  long_one.text = text;
  long_one.output_tokens_max = 4;
  ASSERT_TRUE(engine.submit_text(long_one));
  const Answer refused = pull(engine, 1);
  EXPECT_EQ(refused.last.kind, Event::Kind::failed);
  EXPECT_EQ(refused.last.error, Errc::bad_value);
  EXPECT_NE(refused.reason.find("the server's context holds 256"), std::string::npos) << refused.reason;

  // Two at once in one slot, one of them cancelled: the other is whole.
  std::vector<Token> prompt;
  Request request = story(prompt);
  ASSERT_TRUE(engine.submit(request));
  request.id = 2;
  ASSERT_TRUE(engine.submit(request));
  engine.cancel(1);
  EXPECT_EQ(pull(engine, 1).last.finish, Finish::cancelled);
  const Answer whole = pull(engine, 2);
  EXPECT_EQ(whole.last.kind, Event::Kind::finished) << whole.reason;
  EXPECT_EQ(whole.usage.output_tokens, 24U);

  // A dead server is a named error, for the request under way and for the next.
  request.id = 3;
  request.output_tokens_max = request.output_tokens_min = 200;
  ASSERT_TRUE(engine.submit(request));
  std::array<Event, 1> events;
  ASSERT_EQ(engine.poll(events, clock_.now_ns() + 60'000 * ms).value_or(0), 1U);
  server->child.kill();
  const Answer killed = pull(engine, 3);
  EXPECT_EQ(killed.last.kind, Event::Kind::failed);
  EXPECT_NE(killed.reason.find("closed the connection"), std::string::npos) << killed.reason;
  const auto dead = engine.probe(2000 * ms);
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, Errc::io) << dead.error().detail;
}

TEST_F(RealUpstream, MlxServerAnswersAsText) {
  const char* folder = std::getenv("ASSAY_MLX_MODEL");
  if (folder == nullptr || std::getenv("ASSAY_MLX_LM_SERVER") == nullptr) {
    GTEST_SKIP() << "ASSAY_MLX_LM_SERVER and ASSAY_MLX_MODEL name no mlx_lm.server and MLX folder";
  }
  auto server = start("ASSAY_MLX_LM_SERVER", {"--model", folder}, Kind::mlx_lm, clock_, *texts_, {}, 0);
  ASSERT_TRUE(server);
  std::vector<Token> prompt;
  Request request = story(prompt);
  request.output_tokens_max = 8;
  ASSERT_TRUE(server->engine->submit(request));
  const Answer got = pull(*server->engine, 1, 120'000 * ms);
  ASSERT_EQ(got.last.kind, Event::Kind::finished) << got.reason;
  EXPECT_GE(got.usage.output_tokens, 1U);
  EXPECT_LE(got.usage.output_tokens, 8U);
  EXPECT_GT(got.usage.prompt_tokens, 4U);
  std::printf("mlx_lm.server: %s\n", got.text.c_str());
}

}  // namespace
}  // namespace assay
