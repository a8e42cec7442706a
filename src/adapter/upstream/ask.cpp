// Requests in the words of each kind of server. Every setting that decides the answer is sent, also where it is off: the
// servers' own defaults differ (Ollama and LM Studio penalise repetition unless told not to).
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "adapter/upstream/messages.h"

namespace assay::adapter::upstream {
namespace {

// 0.7F as 0.7, not as 0.699999988079071.
Json number(float value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size() - 1, value).ptr;
  *end = '\0';
  return std::strtod(digits.data(), nullptr);
}

Json texts(std::span<const std::string> list) {
  Json out = Json::array();
  for (const std::string& text : list) out.push_back(text);
  return out;
}

// A bias that forbids a token, as each server says it.
Json bias_of(float bias, const Json& never) { return std::isinf(bias) && bias < 0 ? never : number(bias); }

// Text that is no UTF-8 goes out as U+FFFD: JSON has no other way.
std::string written(const Json& body) { return body.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<void> check(Kind kind, const Ask& ask) {
  const Sampling& s = *ask.sampling;
  const Abilities can = abilities(kind);
  const Sampling off;
  const auto refuse = [&](std::string_view setting) {
    return fail(Errc::unsupported, std::string(name(kind)) + " does not take " + std::string(setting));
  };
  if (!ask.tokens.empty() && !can.token_ids) return refuse("token ids");
  if (ask.no_early_end && !can.min_output) return refuse("a least length");
  if (s.top_k != off.top_k && !can.top_k) return refuse("top_k");
  if (s.min_p != off.min_p && !can.min_p) return refuse("min_p");
  if (s.typical_p != off.typical_p && !can.typical_p) return refuse("typical_p");
  if (s.repetition_penalty != off.repetition_penalty && !can.repetition) return refuse("repetition_penalty");
  if (s.presence_penalty != 0 && !can.presence) return refuse("presence_penalty");
  if (s.frequency_penalty != 0 && !can.presence) return refuse("frequency_penalty");
  const bool penalises = s.repetition_penalty != 1 || s.presence_penalty != 0 || s.frequency_penalty != 0;
  if (penalises && s.penalty_window != 0 && !can.penalty_window) return refuse("penalty_window");
  if (s.dry_multiplier != 0 && !can.dry) return refuse("dry_multiplier");
  if (!s.dry_breakers.empty()) return refuse("dry_breakers as tokens");
  if (s.xtc_probability != 0 && !can.xtc) return refuse("xtc_probability");
  if (s.mirostat != 0 && !can.mirostat) return refuse("mirostat");
  if (!s.logit_bias.empty() && !can.logit_bias) return refuse("logit_bias");
  if ((s.wants_logprob || s.logprobs != 0) && !can.logprobs) return refuse("logprobs");
  return {};
}

// llama-server's /completion.
Asked ask_llama(const Ask& ask) {
  const Sampling& s = *ask.sampling;
  Json body = Json::object();
  if (!ask.model.empty()) body["model"] = ask.model;
  if (ask.tokens.empty()) {
    body["prompt"] = ask.text;
  } else {
    body["prompt"] = Json(std::vector<Token>(ask.tokens.begin(), ask.tokens.end()));
  }
  body["n_predict"] = ask.output_tokens_max;
  body["stream"] = true;
  body["return_tokens"] = true;
  body["cache_prompt"] = true;
  body["ignore_eos"] = ask.no_early_end;
  body["temperature"] = number(s.temperature);
  body["top_k"] = s.top_k;
  body["top_p"] = number(s.top_p);
  body["min_p"] = number(s.min_p);
  body["typical_p"] = number(s.typical_p);
  body["repeat_penalty"] = number(s.repetition_penalty);
  body["presence_penalty"] = number(s.presence_penalty);
  body["frequency_penalty"] = number(s.frequency_penalty);
  // 0 is "all" here and "none" there.
  body["repeat_last_n"] = s.penalty_window != 0 ? s.penalty_window : std::uint32_t{INT32_MAX};
  body["dry_multiplier"] = number(s.dry_multiplier);
  if (s.dry_multiplier != 0) {
    body["dry_base"] = number(s.dry_base);
    body["dry_allowed_length"] = s.dry_allowed_length;
    body["dry_penalty_last_n"] = s.dry_window != 0 ? Json(s.dry_window) : Json(-1);
  }
  body["xtc_probability"] = number(s.xtc_probability);
  if (s.xtc_probability != 0) body["xtc_threshold"] = number(s.xtc_threshold);
  body["mirostat"] = s.mirostat;
  if (s.mirostat != 0) {
    body["mirostat_tau"] = number(s.mirostat_tau);
    body["mirostat_eta"] = number(s.mirostat_eta);
  }
  if (s.temperature > 0)
    body["seed"] = static_cast<std::uint32_t>(s.seed % UINT32_MAX);  // UINT32_MAX is "random" there
  if (!s.logit_bias.empty()) {
    Json& list = body["logit_bias"] = Json::array();
    for (const auto& [token, bias] : s.logit_bias) list.push_back(Json::array({token, bias_of(bias, false)}));
  }
  if (s.wants_logprob || s.logprobs != 0) body["n_probs"] = std::max<std::uint32_t>(s.logprobs, 1);
  if (!ask.stop_texts.empty()) body["stop"] = texts(ask.stop_texts);
  return {"/completion", written(body), StreamFormat::events};
}

// /v1/completions or /v1/chat/completions, with what mlx_lm.server and LM Studio add.
Asked ask_openai(Kind kind, const Ask& ask) {
  const Sampling& s = *ask.sampling;
  const bool chat = ask.chat != nullptr;
  Json body = Json::object();
  if (!ask.model.empty()) body["model"] = ask.model;
  if (chat) {
    body["messages"] = *ask.chat;
  } else {
    body["prompt"] = ask.text;
  }
  body["max_tokens"] = ask.output_tokens_max;
  body["stream"] = true;
  body["stream_options"] = Json{{"include_usage", true}};
  body["temperature"] = number(s.temperature);
  body["top_p"] = number(s.top_p);
  if (s.presence_penalty != 0) body["presence_penalty"] = number(s.presence_penalty);
  if (s.frequency_penalty != 0) body["frequency_penalty"] = number(s.frequency_penalty);
  if (kind == Kind::mlx_lm) {
    body["top_k"] = s.top_k;
    body["min_p"] = number(s.min_p);
    if (s.repetition_penalty != 1) body["repetition_penalty"] = number(s.repetition_penalty);
    for (const char* key : {"repetition_context_size", "presence_context_size", "frequency_context_size"}) {
      if (s.penalty_window != 0) body[key] = s.penalty_window;
    }
    if (s.xtc_probability != 0) {
      body["xtc_probability"] = number(s.xtc_probability);
      body["xtc_threshold"] = number(s.xtc_threshold);
    }
  }
  if (kind == Kind::lm_studio) {
    body["top_k"] = s.top_k;
    body["repeat_penalty"] = number(s.repetition_penalty);
  }
  // A seed keeps mlx_lm.server from batching, and says nothing where the likeliest token is taken.
  if (s.temperature > 0) body["seed"] = static_cast<std::int64_t>(s.seed % INT32_MAX);
  if (!s.logit_bias.empty()) {
    Json& map = body["logit_bias"] = Json::object();
    for (const auto& [token, bias] : s.logit_bias) map[std::to_string(token)] = bias_of(bias, -100);
  }
  if (!ask.stop_texts.empty()) body["stop"] = texts(ask.stop_texts);
  return {chat ? "/v1/chat/completions" : "/v1/completions", written(body), StreamFormat::events};
}

// Ollama's own API: its /v1 ignores num_ctx, and both cut a long prompt unless told not to.
Asked ask_ollama(const Ask& ask) {
  const Sampling& s = *ask.sampling;
  const bool chat = ask.chat != nullptr;
  Json body = Json::object();
  body["model"] = ask.model;
  if (chat) {
    body["messages"] = *ask.chat;
  } else {
    body["prompt"] = ask.text;
    body["raw"] = true;
  }
  body["stream"] = true;
  body["truncate"] = false;
  body["shift"] = false;
  if (!ask.keep_alive.empty()) body["keep_alive"] = ask.keep_alive;
  Json& options = body["options"] = Json::object();
  options["num_ctx"] = ask.context;
  options["num_predict"] = ask.output_tokens_max;
  options["temperature"] = number(s.temperature);
  options["top_k"] = s.top_k;
  options["top_p"] = number(s.top_p);
  options["min_p"] = number(s.min_p);
  options["typical_p"] = number(s.typical_p);
  options["repeat_penalty"] = number(s.repetition_penalty);
  options["presence_penalty"] = number(s.presence_penalty);
  options["frequency_penalty"] = number(s.frequency_penalty);
  options["repeat_last_n"] = s.penalty_window != 0 ? Json(s.penalty_window) : Json(-1);
  options["seed"] = static_cast<std::int64_t>(s.seed % INT32_MAX);
  if (!ask.stop_texts.empty()) options["stop"] = texts(ask.stop_texts);
  return {chat ? "/api/chat" : "/api/generate", written(body), StreamFormat::lines};
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::llama_server:
      return "llama-server";
    case Kind::mlx_lm:
      return "mlx_lm.server";
    case Kind::ollama:
      return "ollama";
    case Kind::lm_studio:
      return "lm-studio";
    case Kind::openai:
      return "openai";
  }
  return "unknown";
}

Abilities abilities(Kind kind) {
  switch (kind) {
    case Kind::llama_server:
      return {.token_ids = true,
              .min_output = true,
              .top_k = true,
              .min_p = true,
              .typical_p = true,
              .repetition = true,
              .presence = true,
              .penalty_window = true,
              .dry = true,
              .xtc = true,
              .mirostat = true,
              .logit_bias = true,
              .logprobs = true};
    case Kind::mlx_lm:
      return {.top_k = true,
              .min_p = true,
              .repetition = true,
              .presence = true,
              .penalty_window = true,
              .xtc = true,
              .logit_bias = true};
    case Kind::ollama:
      return {.top_k = true,
              .min_p = true,
              .typical_p = true,
              .repetition = true,
              .presence = true,
              .penalty_window = true};
    case Kind::lm_studio:
      return {.top_k = true, .repetition = true, .presence = true, .logit_bias = true};
    case Kind::openai:
      return {.presence = true, .logit_bias = true};
  }
  return {};
}

Result<Asked> ask(Kind kind, const Ask& request) {
  ASSAY_TRY(check(kind, request));
  switch (kind) {
    case Kind::llama_server:
      if (request.chat == nullptr) return ask_llama(request);
      return ask_openai(kind, request);
    case Kind::ollama:
      return ask_ollama(request);
    case Kind::mlx_lm:
    case Kind::lm_studio:
    case Kind::openai:
      return ask_openai(kind, request);
  }
  return fail(Errc::bug, "a kind of server without requests");
}

}  // namespace assay::adapter::upstream
