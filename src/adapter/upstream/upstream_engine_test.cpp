// Every kind of server and every way to misbehave, played by tests/upstream_server.py.
#include "adapter/upstream/upstream_engine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "adapter/upstream/test_server.h"

namespace assay::adapter::upstream {
namespace {

constexpr std::array kinds{Kind::llama_server, Kind::mlx_lm, Kind::ollama, Kind::lm_studio, Kind::openai};

class UpstreamServer : public testing::Test {
 public:
  static void SetUpTestSuite() { server_ = TestServer::start(); }
  static void TearDownTestSuite() { server_.reset(); }

 protected:
  void SetUp() override { ASSERT_NE(server_, nullptr); }

  static UpstreamOptions options(Kind kind, const std::string& order) {
    UpstreamOptions out;
    out.kind = kind;
    out.http.url = *parse_url(server_->url(order));
    out.http.first_byte_timeout_ns = 400 * ms;
    out.http.stall_timeout_ns = 400 * ms;
    out.model = kind == Kind::ollama ? "fake" : "";
    if (kind == Kind::ollama) out.context = 64;
    return out;
  }

  Result<std::unique_ptr<UpstreamEngine>> open(Kind kind, const std::string& order) {
    return open_upstream(options(kind, order), clock_, &text_, count_words);
  }

  // One greedy request of `tokens` prompt tokens and 5 output tokens to its end.
  Answer answer(Kind kind, const std::string& order, std::size_t tokens = 10) {
    auto engine = open(kind, order);
    if (!engine) {
      ADD_FAILURE() << engine.error().detail;
      return {};
    }
    return answer(**engine, tokens);
  }
  Answer answer(Engine& engine, std::size_t tokens = 10, RequestId id = 1) {
    const std::vector<Token> prompt(tokens, 3);
    Request request;
    request.id = id;
    request.prompt = prompt;
    request.output_tokens_max = 5;
    const auto submitted = engine.submit(request);
    EXPECT_TRUE(submitted) << submitted.error().detail;
    return submitted ? pull(engine, id) : Answer{};
  }

  // The failure that an order brings, for every kind.
  void expect_failure(const std::string& order, Errc code, std::string_view words) {
    for (const Kind kind : kinds) {
      const Answer got = answer(kind, order);
      EXPECT_EQ(got.last.kind, Event::Kind::failed) << name(kind) << " " << order;
      EXPECT_EQ(got.last.error, code) << name(kind) << " " << order << ": " << got.reason;
      EXPECT_NE(got.reason.find(words), std::string::npos) << name(kind) << " " << order << ": " << got.reason;
    }
  }

  static std::unique_ptr<TestServer> server_;
  SteadyClock clock_;
  NumberText text_;
};
std::unique_ptr<TestServer> UpstreamServer::server_;

// As mlx_lm.server does on a machine without a Hugging Face cache.
TEST_F(UpstreamServer, MlxMayAnswerItsListOfModelsWithNothing) {
  const Answer got = answer(Kind::mlx_lm, "no_cache");
  EXPECT_EQ(got.last.kind, Event::Kind::finished) << got.reason;
  EXPECT_FALSE(open(Kind::openai, "no_cache"));
}

TEST_F(UpstreamServer, EveryKindAnswersWithTheServersOwnCounts) {
  for (const std::string order : {"ok", "dribble", "http10", "close_idle"}) {
    for (const Kind kind : kinds) {
      SCOPED_TRACE(std::string(name(kind)) + " " + order);
      const Answer got = answer(kind, order);
      ASSERT_EQ(got.last.kind, Event::Kind::finished) << got.reason;
      EXPECT_EQ(got.last.finish, Finish::length);
      EXPECT_EQ(got.text, " 0 1 2 3 4");
      EXPECT_EQ(got.usage.prompt_tokens, 10U);
      EXPECT_EQ(got.usage.output_tokens, 5U);
      EXPECT_EQ(got.usage.cached_tokens, kind == Kind::ollama ? 0U : 1U);
      if (kind == Kind::llama_server) {
        EXPECT_EQ(got.tokens, (std::vector<Token>{100, 101, 102, 103, 104}));
      } else {
        EXPECT_EQ(got.tokens, (std::vector<Token>{-1, -1, -1, -1, -1}));
      }
    }
  }
}

TEST_F(UpstreamServer, ChunksAreNotCountedAsTokens) {
  const Answer got = answer(Kind::openai, "two_per_chunk");
  EXPECT_EQ(got.tokens.size(), 3U);
  EXPECT_EQ(got.usage.output_tokens, 5U);
}

TEST_F(UpstreamServer, WithoutUsageTheAnswerIsCountedByOurTokenizerOrNotAtAll) {
  EXPECT_EQ(answer(Kind::openai, "no_usage").usage.output_tokens, 5U);
  auto engine = open_upstream(options(Kind::openai, "no_usage"), clock_, &text_);
  ASSERT_TRUE(engine);
  const Answer got = answer(**engine);
  EXPECT_EQ(got.last.kind, Event::Kind::failed);
  EXPECT_NE(got.reason.find("no usage"), std::string::npos);
}

TEST_F(UpstreamServer, AnEndTokenIsNoOutput) {
  const Answer got = answer(Kind::llama_server, "eos");
  EXPECT_EQ(got.tokens, (std::vector<Token>{100, 101}));
  EXPECT_EQ(got.last.finish, Finish::stop_token);
  EXPECT_EQ(got.last.token, 2);
  EXPECT_EQ(got.usage.output_tokens, 2U);
}

TEST_F(UpstreamServer, TokensOfAnUnfinishedCharacterAreCountedWithoutTheirIds) {
  const Answer got = answer(Kind::llama_server, "half_character");
  EXPECT_EQ(got.tokens, (std::vector<Token>{100, -1, 102, 103, 104}));
  EXPECT_EQ(got.usage.output_tokens, 5U);
  EXPECT_EQ(answer(Kind::llama_server, "half_at_end").tokens, (std::vector<Token>{100, 101, 102, 103, -1}));
}

TEST_F(UpstreamServer, StopTokensEndTheAnswerWhereIdsAreKnown) {
  auto engine = open(Kind::llama_server, "slow");
  ASSERT_TRUE(engine);
  const std::vector<Token> prompt(4, 3);
  Request request;
  request.id = 9;
  request.prompt = prompt;
  request.output_tokens_max = 5;
  request.stop_tokens = {102};
  ASSERT_TRUE((*engine)->submit(request));
  const Answer got = pull(**engine, 9);
  EXPECT_EQ(got.tokens, (std::vector<Token>{100, 101}));
  EXPECT_EQ(got.last.finish, Finish::stop_token);
  EXPECT_EQ(got.last.token, 102);
  auto text_only = open(Kind::openai, "ok");
  ASSERT_TRUE(text_only);
  const auto refused = (*text_only)->submit(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "openai does not take stop tokens");
  request.stop_tokens = {};
  request.kind = RequestKind::embed;
  EXPECT_EQ((*text_only)->submit(request).error().detail, "openai does not take kind embed");
}

TEST_F(UpstreamServer, ACutPromptIsAnErrorThatNamesBothCounts) {
  expect_failure("cut_prompt", Errc::bad_value, "the prompt was cut: 10 tokens were sent, the server counted 4");
  // Without a tokenizer of the server's vocabulary, a prompt that lost more than half is still noticed.
  auto engine = open_upstream(options(Kind::openai, "cut_prompt"), clock_, &text_);
  ASSERT_TRUE(engine);
  EXPECT_NE(answer(**engine).reason.find("the prompt was cut"), std::string::npos);
}

TEST_F(UpstreamServer, APromptOverTheContextNamesBothNumbers) {
  expect_failure("over_context", Errc::bad_value,
                 "the prompt is over the context: 99 tokens, the server's context holds 64");
  auto engine = open(Kind::llama_server, "ok");
  ASSERT_TRUE(engine);
  const std::vector<Token> prompt(64, 3);
  Request request;
  request.prompt = prompt;
  request.output_tokens_max = 1;
  const auto refused = (*engine)->submit(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "the prompt has 64 tokens, the server's context holds 64");
}

TEST_F(UpstreamServer, MisbehaviourIsNamed) {
  expect_failure("redirect", Errc::bad_value, "it redirects to \"http://198.51.100.1/steal\"");
  expect_failure("html", Errc::engine_lost, "a reply of type \"text/html\" where a stream was expected");
  expect_failure("status500", Errc::engine_lost,
                 "status 500: the server failed; it says \"CUDA error: out of memory\"");
  expect_failure("status503", Errc::full, "\"Loading model\"");
  expect_failure("hang_up", Errc::truncated, "closed the connection without a reply");
  expect_failure("not_http", Errc::engine_lost, "no HTTP reply");
  expect_failure("big_headers", Errc::full, "headers over 65536 bytes");
}

TEST_F(UpstreamServer, TroubleWithinAStreamIsNamed) {
  expect_failure("early_close", Errc::truncated, "closed the connection within its reply");
  expect_failure("malformed", Errc::engine_lost, "a message of the stream is no JSON");
  expect_failure("wrong_shape", Errc::engine_lost, "expected");
  expect_failure("error_in_stream", Errc::engine_lost, "the server ended the answer with an error: \"GPU lost\"");
  expect_failure("long_line", Errc::full, "a line of the stream is over 4194304 bytes");
  expect_failure("no_end", Errc::truncated, "the stream ended after 5 pieces of text without saying why");
}

TEST_F(UpstreamServer, SilenceAndStallsEndByTimeout) {
  expect_failure("silent", Errc::timeout, "no reply after 0.4 s");
  expect_failure("stall", Errc::timeout, "the reply stalled after 0.4 s");
}

TEST_F(UpstreamServer, AFailedRequestDoesNotTouchTheNextOne) {
  auto engine = open(Kind::openai, "malformed");
  ASSERT_TRUE(engine);
  for (RequestId id = 1; id <= 3; ++id) {
    EXPECT_EQ(answer(**engine, 10, id).last.kind, Event::Kind::failed);
  }
}

TEST_F(UpstreamServer, RequestsRunBesideEachOtherAndAreBounded) {
  UpstreamOptions bounded = options(Kind::llama_server, "slow");
  bounded.requests_max = 3;
  auto engine = open_upstream(bounded, clock_, &text_, count_words);
  ASSERT_TRUE(engine);
  const std::vector<Token> prompt(4, 3);
  Request request;
  request.prompt = prompt;
  request.output_tokens_max = 5;
  const std::int64_t began = clock_.now_ns();
  for (request.id = 1; request.id <= 3; ++request.id) ASSERT_TRUE((*engine)->submit(request));
  EXPECT_EQ((*engine)->submit(request).error().code, Errc::full);
  request.id = 2;
  EXPECT_EQ((*engine)->submit(request).error().code, Errc::bad_value);  // still live
  std::set<RequestId> finished;
  std::array<Event, 4> events;
  while (finished.size() < 3) {
    const auto count = (*engine)->poll(events, clock_.now_ns() + 5000 * ms);
    ASSERT_TRUE(count);
    ASSERT_NE(*count, 0U);
    for (std::size_t i = 0; i < *count; ++i) {
      ASSERT_NE(events[i].kind, Event::Kind::failed);
      if (events[i].kind == Event::Kind::finished) finished.insert(events[i].request);
    }
  }
  EXPECT_LT(clock_.now_ns() - began, 850 * ms);                                     // each takes 300 ms
  EXPECT_EQ((*engine)->poll(events, clock_.now_ns() + 5000 * ms).value_or(9), 0U);  // nothing waits
}

TEST_F(UpstreamServer, ACancelledRequestEndsAtOnceAndFreesItsPlace) {
  auto engine = open(Kind::ollama, "stall");
  ASSERT_TRUE(engine);
  const std::vector<Token> prompt(4, 3);
  Request request;
  request.id = 5;
  request.prompt = prompt;
  request.output_tokens_max = 5;
  ASSERT_TRUE((*engine)->submit(request));
  std::array<Event, 1> events;
  ASSERT_EQ((*engine)->poll(events, clock_.now_ns() + 5000 * ms).value_or(0), 1U);
  (*engine)->cancel(5);
  (*engine)->cancel(77);  // unknown
  const Answer got = pull(**engine, 5);
  EXPECT_EQ(got.last.kind, Event::Kind::finished);
  EXPECT_EQ(got.last.finish, Finish::cancelled);
  ASSERT_TRUE((*engine)->submit(request));
}

TEST_F(UpstreamServer, TimesAreThoseOfTheWire) {
  auto engine = open(Kind::openai, "slow");
  ASSERT_TRUE(engine);
  const Answer got = answer(**engine);
  const auto times = (*engine)->wire_times(1);
  ASSERT_TRUE(times);
  ASSERT_EQ(got.at_ns.size(), 5U);
  EXPECT_LT(times->sent_ns, times->content_ns);
  EXPECT_EQ(times->content_ns, got.at_ns.front());
  EXPECT_EQ(times->last_ns, got.at_ns.back());
  EXPECT_GT(got.at_ns[2] - got.at_ns[1], 250 * ms);  // the pause is between the second token and the third
  EXPECT_FALSE((*engine)->wire_times(2));
}

TEST_F(UpstreamServer, HealthIsATokenAndNotAPage) {
  for (const Kind kind : kinds) {
    auto well = open(kind, "ok");
    ASSERT_TRUE(well);
    const auto token = (*well)->probe(5000 * ms);
    EXPECT_TRUE(token) << token.error().detail;
    // /health of this one says ok all the time.
    auto wedged = open(kind, "silent");
    ASSERT_TRUE(wedged);
    const auto none = (*wedged)->probe(200 * ms);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::timeout);
    EXPECT_NE(none.error().detail.find("takes requests and does not answer"), std::string::npos);
  }
}

TEST_F(UpstreamServer, AConversationIsPassedOn) {
  for (const Kind kind : kinds) {
    auto engine = open(kind, "ok");
    ASSERT_TRUE(engine);
    const Json chat = Json::parse(R"([{"role":"user","content":"one two three"}])");
    TextRequest request;
    request.id = 3;
    request.chat = &chat;
    request.output_tokens_max = 4;
    const auto sent = (*engine)->submit_text(request);
    ASSERT_TRUE(sent) << sent.error().detail;
    const Answer got = pull(**engine, 3);
    EXPECT_EQ(got.text, " 0 1 2 3") << name(kind) << got.reason;
    EXPECT_EQ(got.usage.output_tokens, 4U) << name(kind);
  }
}

TEST_F(UpstreamServer, AKeyIsSentAndItsRefusalNamed) {
  for (const Kind kind : kinds) {
    UpstreamOptions with = options(kind, "key");
    with.http.key = "sk-test";
    auto engine = open_upstream(with, clock_, &text_, count_words);
    ASSERT_TRUE(engine) << engine.error().detail;
    EXPECT_EQ(answer(**engine).last.kind, Event::Kind::finished);
    const auto without = open(kind, "key");
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, Errc::bad_value);
    EXPECT_NE(without.error().detail.find("the key is missing or refused"), std::string::npos);
  }
}

TEST_F(UpstreamServer, AnotherContextThanAskedForIsRefused) {
  const auto refused = [&](Kind kind, const std::string& order, std::uint32_t context) {
    UpstreamOptions wanted = options(kind, order);
    wanted.context = context;
    const auto engine = open_upstream(wanted, clock_, &text_, count_words);
    return engine ? std::string("opened") : engine.error().detail;
  };
  EXPECT_NE(refused(Kind::llama_server, "small_context", 64)
                .find("the server's context holds 32 positions, 64 were asked for"),
            std::string::npos);
  EXPECT_NE(refused(Kind::ollama, "small_context", 64).find("with a context of 32 where 64 was asked for"),
            std::string::npos);
  EXPECT_NE(refused(Kind::lm_studio, "small_context", 64).find("loaded with a context of 32, 64 was asked for"),
            std::string::npos);
  EXPECT_NE(refused(Kind::lm_studio, "untold", 64).find("does not say with which context"), std::string::npos);
  EXPECT_EQ(refused(Kind::lm_studio, "ok", 64), "opened");
  EXPECT_EQ(refused(Kind::lm_studio, "v0", 64), "opened");
  UpstreamOptions other = options(Kind::llama_server, "ok");
  other.vocabulary = 999;
  const auto engine = open_upstream(other, clock_, &text_, count_words);
  ASSERT_FALSE(engine);
  EXPECT_NE(engine.error().detail.find("has 1000 tokens, ours 999"), std::string::npos);
}

TEST_F(UpstreamServer, AModelThatIsNotThereIsNamedWithThoseThatAre) {
  UpstreamOptions wanted = options(Kind::ollama, "ok");
  wanted.model = "qwen3:4b";
  auto engine = open_upstream(wanted, clock_, &text_, count_words);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Errc::not_found);
  EXPECT_NE(engine.error().detail.find("no model \"qwen3:4b\": it has \"fake:latest\", \"other:1b\""),
            std::string::npos);
  wanted.model = "";
  engine = open_upstream(wanted, clock_, &text_, count_words);
  ASSERT_FALSE(engine);
  EXPECT_NE(engine.error().detail.find("several models, name one"), std::string::npos);
}

TEST_F(UpstreamServer, FactsThatAreNoneAreRefused) {
  for (const Kind kind : kinds) {
    for (const std::string order : {"facts_html", "facts_huge", "facts_500"}) {
      const auto engine = open(kind, order);
      ASSERT_FALSE(engine) << name(kind) << " " << order;
    }
  }
}

TEST_F(UpstreamServer, FactsSayWhatCannotBeDone) {
  auto exact = open(Kind::llama_server, "ok");
  ASSERT_TRUE(exact);
  EXPECT_FALSE((*exact)->facts().text_only);
  EXPECT_EQ((*exact)->facts().backend.context, 64U);
  EXPECT_EQ((*exact)->facts().backend.sequences, 4U);
  EXPECT_EQ((*exact)->facts().backend.version, "b1-fake");
  auto text = open(Kind::ollama, "ok");
  ASSERT_TRUE(text);
  EXPECT_TRUE((*text)->facts().text_only);
  EXPECT_FALSE((*text)->facts().has_logits);
  EXPECT_EQ((*text)->facts().backend.version, "0.99");
}

TEST(UpstreamConnection, NobodyListeningIsNamed) {
  SteadyClock clock;
  UpstreamOptions options;
  options.kind = Kind::openai;
  options.http.url = *parse_url("http://127.0.0.1:1");
  const auto engine = open_upstream(options, clock, nullptr);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Errc::io);
  EXPECT_NE(engine.error().detail.find("openai at http://127.0.0.1:1: "), std::string::npos);
  EXPECT_NE(engine.error().detail.find("no connection"), std::string::npos);
}

TEST(UpstreamConnection, ACertificateIsCheckedByDefault) {
  const auto openssl = process::find_program("openssl");
  if (!openssl) GTEST_SKIP() << "no openssl program to make a certificate with";
  const std::string folder =
      testing::TempDir() + "assay_tls_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed());
  std::filesystem::create_directories(folder);
  const auto make = [&](const std::string& file, const std::string& names) {
    process::ProcessOrder order;
    order.program = *openssl;
    order.arguments = {"req",
                       "-x509",
                       "-newkey",
                       "rsa:2048",
                       "-nodes",
                       "-days",
                       "2",
                       "-subj",
                       "/CN=assay test",
                       "-addext",
                       "subjectAltName=" + names,
                       "-keyout",
                       folder + "/" + file + ".key",
                       "-out",
                       folder + "/" + file + ".pem"};
    auto child = process::ChildProcess::start(order);
    return child && child->wait(20'000 * ms) && child->ended()->number == 0;
  };
  ASSERT_TRUE(make("good", "IP:127.0.0.1"));
  ASSERT_TRUE(make("other", "DNS:elsewhere.example"));
  SteadyClock clock;
  const NumberText text;
  const auto open = [&](const TestServer& server, const std::string& ca, bool verify) {
    UpstreamOptions options;
    options.kind = Kind::openai;
    options.http.url = *parse_url("https://127.0.0.1:" + std::to_string(server.tls_port()) + "/ok");
    options.http.ca_file = ca;
    options.http.verify = verify;
    return open_upstream(options, clock, &text, count_words);
  };
  const auto good = TestServer::start({folder + "/good.pem", folder + "/good.key"});
  ASSERT_NE(good, nullptr);
  auto engine = open(*good, folder + "/good.pem", true);
  ASSERT_TRUE(engine) << engine.error().detail;
  const std::vector<Token> prompt(3, 3);
  for (RequestId id = 1; id <= 2; ++id) {  // the second one on the connection that is open
    Request request;
    request.id = id;
    request.prompt = prompt;
    request.output_tokens_max = 3;
    ASSERT_TRUE((*engine)->submit(request));
    EXPECT_EQ(pull(**engine, id).text, " 0 1 2");
  }
  const auto unknown = open(*good, "", true);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::bad_value);
  EXPECT_NE(unknown.error().detail.find("its certificate is refused"), std::string::npos) << unknown.error().detail;
  EXPECT_TRUE(open(*good, "", false));
  const auto other = TestServer::start({folder + "/other.pem", folder + "/other.key"});
  ASSERT_NE(other, nullptr);
  const auto wrong_name = open(*other, folder + "/other.pem", true);
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().code, Errc::bad_value) << wrong_name.error().detail;
  const auto no_file = open(*good, folder + "/none.pem", true);
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error().code, Errc::io);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace assay::adapter::upstream
