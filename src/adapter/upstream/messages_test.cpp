#include "adapter/upstream/messages.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assay::adapter::upstream {
namespace {

Json body_of(Kind kind, const Ask& request) {
  const auto asked = ask(kind, request);
  EXPECT_TRUE(asked) << asked.error().detail;
  return asked ? Json::parse(asked->body) : Json();
}

Ask text_ask(const Sampling& sampling) {
  Ask request;
  request.text = "Once";
  request.sampling = &sampling;
  request.output_tokens_max = 7;
  request.model = "m";
  request.context = 512;
  request.keep_alive = "5m";
  return request;
}

TEST(UpstreamAsk, LlamaServerGetsTokenIdsAndEverySettingThatDecidesTheAnswer) {
  Sampling sampling;
  sampling.temperature = 0.7F;
  sampling.seed = 5;
  sampling.penalty_window = 0;
  sampling.logit_bias = {{3, 1.5F}, {4, -INFINITY}};
  Ask request = text_ask(sampling);
  const std::vector<Token> tokens{1, 2, 3};
  request.text = {};
  request.tokens = tokens;
  request.no_early_end = true;
  const Json body = body_of(Kind::llama_server, request);
  EXPECT_EQ(body["prompt"], Json::parse("[1,2,3]"));
  EXPECT_EQ(body["n_predict"], 7);
  EXPECT_EQ(body["temperature"], 0.7);
  EXPECT_EQ(body["top_k"], 0);
  EXPECT_EQ(body["min_p"], 0);
  EXPECT_EQ(body["repeat_penalty"], 1);
  EXPECT_EQ(body["repeat_last_n"], INT32_MAX);
  EXPECT_EQ(body["seed"], 5);
  EXPECT_EQ(body["ignore_eos"], true);
  EXPECT_EQ(body["return_tokens"], true);
  EXPECT_EQ(body["logit_bias"], Json::parse("[[3,1.5],[4,false]]"));
}

TEST(UpstreamAsk, OllamaIsToldNotToCutThePromptAndWhichContextToUse) {
  const Sampling sampling;
  const auto asked = ask(Kind::ollama, text_ask(sampling));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->path, "/api/generate");
  EXPECT_EQ(asked->format, StreamFormat::lines);
  const Json body = Json::parse(asked->body);
  EXPECT_EQ(body["truncate"], false);
  EXPECT_EQ(body["shift"], false);
  EXPECT_EQ(body["raw"], true);
  EXPECT_EQ(body["options"]["num_ctx"], 512);
  EXPECT_EQ(body["options"]["num_predict"], 7);
  EXPECT_EQ(body["options"]["repeat_penalty"], 1);
  EXPECT_EQ(body["keep_alive"], "5m");
}

TEST(UpstreamAsk, OpenaiIsAskedForUsageInTheStream) {
  const Sampling sampling;
  const auto asked = ask(Kind::openai, text_ask(sampling));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->path, "/v1/completions");
  const Json body = Json::parse(asked->body);
  EXPECT_EQ(body["stream_options"]["include_usage"], true);
  EXPECT_FALSE(body.contains("top_k"));
  EXPECT_FALSE(body.contains("seed"));  // greedy: it decides nothing
}

TEST(UpstreamAsk, AConversationGoesToTheChatEndpoint) {
  const Sampling sampling;
  const Json chat = Json::parse(R"([{"role":"user","content":"hi"}])");
  for (const auto& [kind, path] : {std::pair{Kind::ollama, "/api/chat"},
                                   {Kind::mlx_lm, "/v1/chat/completions"},
                                   {Kind::llama_server, "/v1/chat/completions"}}) {
    Ask request = text_ask(sampling);
    request.text = {};
    request.chat = &chat;
    const auto asked = ask(kind, request);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->path, path);
    EXPECT_EQ(Json::parse(asked->body)["messages"], chat);
  }
}

TEST(UpstreamAsk, ASettingThatAServerDoesNotTakeIsRefusedByName) {
  const auto refused = [](Kind kind, const Sampling& sampling) {
    const auto asked = ask(kind, text_ask(sampling));
    return asked ? std::string("taken") : asked.error().detail;
  };
  Sampling s;
  s.top_k = 5;
  EXPECT_EQ(refused(Kind::openai, s), "openai does not take top_k");
  s = {};
  s.xtc_probability = 0.5F;
  EXPECT_EQ(refused(Kind::ollama, s), "ollama does not take xtc_probability");
  s = {};
  s.wants_logprob = true;
  EXPECT_EQ(refused(Kind::mlx_lm, s), "mlx_lm.server does not take logprobs");
  s = {};
  s.mirostat = 2;
  EXPECT_EQ(refused(Kind::llama_server, s), "taken");
}

TEST(UpstreamAsk, ABrokenCharacterInAPromptDoesNotBreakTheJson) {
  const Sampling sampling;
  Ask request = text_ask(sampling);
  request.text = "a\xFF";
  EXPECT_EQ(body_of(Kind::openai, request)["prompt"], "a\xEF\xBF\xBD");
}

TEST(UpstreamMessage, LlamaServerNamesItsTokens) {
  const auto part =
      read_message(Kind::llama_server,
                   R"({"content":" a","tokens":[11],"stop":false,"tokens_predicted":3,"completion_probabilities":
                                 [{"id":11,"logprob":-0.5,"top_logprobs":[{"id":11,"logprob":-0.5},{"id":12,"logprob":-2}]}]})");
  ASSERT_TRUE(part) << part.error().detail;
  EXPECT_EQ(part->text, " a");
  ASSERT_EQ(part->tokens.size(), 1U);
  EXPECT_EQ(part->tokens[0].token, 11);
  EXPECT_EQ(part->tokens[0].logprob, -0.5F);
  ASSERT_EQ(part->tokens[0].alternatives.size(), 2U);
  EXPECT_EQ(part->so_far, 3U);
  EXPECT_FALSE(part->last);
  const auto end = read_message(Kind::llama_server,
                                R"({"content":"","tokens":[],"stop":true,"tokens_predicted":3,"tokens_evaluated":9,
                                "truncated":true,"stop_type":"limit","timings":{"cache_n":4}})");
  ASSERT_TRUE(end) << end.error().detail;
  EXPECT_TRUE(end->last);
  EXPECT_EQ(end->finish, Finish::context);
  EXPECT_EQ(end->usage.prompt_tokens, 9U);
  EXPECT_EQ(end->usage.cached_tokens, 4U);
  EXPECT_EQ(end->usage.output_tokens, 3U);
}

TEST(UpstreamMessage, OpenaisUsageComesAfterTheReasonAndReasoningCounts) {
  const auto first =
      read_message(Kind::openai, R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "");  // a role is no token
  const auto thought =
      read_message(Kind::openai, R"({"choices":[{"delta":{"reasoning_content":"hm"},"finish_reason":null}]})");
  ASSERT_TRUE(thought);
  EXPECT_EQ(thought->text, "hm");
  const auto reason = read_message(Kind::openai, R"({"choices":[{"text":"","finish_reason":"length"}],"usage":null})");
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->finish, Finish::length);
  const auto usage = read_message(
      Kind::openai,
      R"({"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->usage.prompt_tokens, 5U);
  EXPECT_EQ(usage->usage.output_tokens, 2U);
  EXPECT_EQ(usage->usage.cached_tokens, 1U);
  const auto done = read_message(Kind::openai, "[DONE]");
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->last);
}

TEST(UpstreamMessage, OllamaSaysAllOnItsLastLine) {
  const auto part = read_message(Kind::ollama, R"({"model":"m","response":"x","done":false})");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->text, "x");
  const auto end = read_message(
      Kind::ollama, R"({"response":"","done":true,"done_reason":"stop","prompt_eval_count":8,"eval_count":2})");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->finish, Finish::stop_token);
  EXPECT_EQ(end->usage.prompt_tokens, 8U);
  EXPECT_EQ(end->usage.output_tokens, 2U);
}

TEST(UpstreamMessage, WhatAServerDoesNotSayIsNotGuessed) {
  struct Case {
    Kind kind;
    std::string_view message;
    std::string_view words;
  };
  for (const auto& [kind, message, words] : {
           Case{Kind::openai, "{\"choices\":", "is no JSON"},
           Case{Kind::openai, "[1]", "expected an object"},
           Case{Kind::openai, R"({"choices":{}})", "choices is an object, expected an array"},
           Case{Kind::openai, R"({"choices":[{"text":7}]})", "choices[0].text is 7, expected text"},
           Case{Kind::openai, R"({"choices":[],"usage":{"prompt_tokens":-1}})", "usage.prompt_tokens is -1"},
           Case{Kind::openai, R"({"choices":[],"usage":{"completion_tokens":4294967296}})",
                "4294967296, expected 0..2147483647"},
           Case{Kind::openai, R"({"choices":[],"usage":{"completion_tokens":1.5}})", "is 1.5"},
           Case{Kind::openai, R"({"choices":[{"finish_reason":"bored"}]})", "finish_reason is \"bored\""},
           Case{Kind::openai, R"({"choices":[{"finish_reason":"content_filter"}]})", "content filter"},
           Case{Kind::llama_server, R"({"content":"a","tokens":[-1]})", "tokens[] is -1"},
           Case{Kind::llama_server, R"({"content":"a","tokens":["a"]})", "tokens[] is \"a\""},
           Case{Kind::llama_server, R"({"content":"","stop":true,"stop_type":"none"})", "stop_type is \"none\""},
           Case{Kind::llama_server, R"({"tokens":[1,2],"completion_probabilities":[]})", "0 entries for 2 tokens"},
           Case{Kind::ollama, R"({"response":"x"})", "without \"done\""},
           Case{Kind::openai, R"({"error":{"message":"boom\u001b[2J","type":"server_error"}})", "boom\\x1b[2J"},
       }) {
    const auto read = read_message(kind, message);
    ASSERT_FALSE(read) << message;
    EXPECT_EQ(read.error().code, Errc::engine_lost) << message;
    EXPECT_NE(read.error().detail.find(words), std::string::npos) << read.error().detail;
  }
}

TEST(UpstreamError, APromptOverTheContextNamesBothNumbers) {
  const Error llama = error_of(
      400, "application/json", "",
      R"({"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":600,"n_ctx":512}})",
      600);
  EXPECT_EQ(llama.code, Errc::bad_value);
  EXPECT_EQ(llama.detail,
            "the prompt is over the context: 600 tokens, the server's context holds 512; it says \"too long\"");
  const Error openai = error_of(
      400, "application/json", "",
      R"({"error":{"message":"This model's maximum context length is 4096 tokens.","code":"context_length_exceeded"}})",
      5000);
  EXPECT_EQ(openai.code, Errc::bad_value);
  EXPECT_NE(openai.detail.find("5000 tokens"), std::string::npos);
  const Error ollama = error_of(400, "application/json", "",
                                R"({"error":"the prompt is longer than the context length currently available"})", 0);
  EXPECT_NE(ollama.detail.find("the prompt is over the context: an unknown count of tokens"), std::string::npos);
}

TEST(UpstreamError, EachStatusIsNamed) {
  EXPECT_EQ(error_of(302, "", "http://evil/", "", 0).code, Errc::bad_value);
  EXPECT_NE(error_of(302, "", "http://evil/", "", 0).detail.find("redirects to \"http://evil/\""), std::string::npos);
  EXPECT_EQ(error_of(401, "", "", "", 0).detail, "status 401: the key is missing or refused; it says nothing");
  EXPECT_EQ(error_of(404, "", "", R"({"error":"model 'x' not found"})", 0).code, Errc::not_found);
  EXPECT_EQ(error_of(429, "", "", "", 0).code, Errc::full);
  EXPECT_EQ(error_of(503, "", "", R"({"error":{"message":"Loading model"}})", 0).code, Errc::full);
  EXPECT_EQ(error_of(500, "", "", "<html>", 0).code, Errc::engine_lost);
  EXPECT_EQ(error_of(200, "text/html", "", "<html>", 0).detail,
            "a reply of type \"text/html\" where a stream was expected; it says \"<html>\"");
}

}  // namespace
}  // namespace assay::adapter::upstream
