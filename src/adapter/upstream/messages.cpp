#include "adapter/upstream/messages.h"

#include <algorithm>
#include <array>
#include <limits>

#include "adapter/upstream/json_fields.h"
#include "base/text.h"

namespace assay::adapter::upstream {
namespace {

constexpr std::size_t words_bytes_max = 300;  // of a server's own message that an error repeats
constexpr std::size_t tokens_per_message_max = 4096;
constexpr std::size_t alternatives_max = 1024;

// What an error object of any of the servers says; empty where it says nothing.
struct Complaint {
  std::string words;
  std::string type;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t context = 0;
};

std::string text_or_nothing(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t count_or_nothing(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// {"error": "words"}, {"error": {"message", "type" or "code"}}, {"message"}, {"detail"}.
Complaint complaint(const Json& body) {
  Complaint out;
  if (!body.is_object()) return out;
  const auto error = body.find("error");
  const Json& object = error != body.end() && error->is_object() ? *error : body;
  if (error != body.end() && error->is_string()) {
    out.words = error->get<std::string>();
  } else {
    out.words = text_or_nothing(object, "message");
    if (out.words.empty()) out.words = text_or_nothing(object, "detail");
    out.type = text_or_nothing(object, "type");
    if (const std::string code = text_or_nothing(object, "code"); !code.empty()) out.type += " " + code;
  }
  out.prompt_tokens = count_or_nothing(object, "n_prompt_tokens");
  out.context = count_or_nothing(object, "n_ctx");
  return out;
}

bool is_over_context(const Complaint& said) {
  if (said.type.find("exceed_context_size") != std::string::npos) return true;
  if (said.type.find("context_length_exceeded") != std::string::npos) return true;
  std::string words = said.words;
  std::ranges::transform(words, words.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  constexpr std::array phrases{
      "exceeds the available context size",
      "maximum context length",
      "longer than the context",
      "exceed context window",
      "exceeds the context",
      "context length exceeded",
      "context overflow",
      "greater than the context length",
      "input length exceeds",
  };
  return std::ranges::any_of(phrases, [&](const char* phrase) { return words.find(phrase) != std::string::npos; });
}

Error over_context(const Complaint& said, std::uint64_t sent) {
  const std::uint64_t tokens = said.prompt_tokens != 0 ? said.prompt_tokens : sent;
  std::string detail = "the prompt is over the context: ";
  detail += tokens != 0 ? std::to_string(tokens) + " tokens" : "an unknown count of tokens";
  detail += said.context != 0 ? ", the server's context holds " + std::to_string(said.context)
                              : ", the server does not say what its context holds";
  if (!said.words.empty()) detail += "; it says " + in_quotes(said.words, words_bytes_max);
  return {Errc::bad_value, 0, std::move(detail)};
}

// An error in the middle of a stream: there is no status any more.
Error error_in_stream(const Json& body) {
  const Complaint said = complaint(body);
  if (is_over_context(said)) return over_context(said, 0);
  return {Errc::engine_lost, 0, "the server ended the answer with an error: " + in_quotes(said.words, words_bytes_max)};
}

Result<Finish> finish_of(const std::string& reason, std::string_view where) {
  if (reason == "length") return Finish::length;
  if (reason == "stop" || reason == "tool_calls" || reason == "function_call") return Finish::stop_token;
  if (reason == "content_filter") {
    return fail(Errc::engine_lost, "the server ended the answer by its content filter");
  }
  return fail(Errc::engine_lost, std::string(where) + " is " + in_quotes(reason, 60) +
                                     ", expected stop, length, tool_calls or function_call");
}

// Appends a text field where it is there.
Result<void> add_text(const Json& object, const char* key, std::string_view where, std::string& out) {
  auto text = text_field(object, key, where);
  if (!text) return std::unexpected(std::move(text.error()));
  if (*text) out += **text;
  return {};
}

Result<void> read_count(const Json& object, const char* key, std::string_view where,
                        std::optional<std::uint32_t>& out) {
  auto count = count_field(object, key, where);
  if (!count) return std::unexpected(std::move(count.error()));
  if (*count) out = **count;
  return {};
}

Result<void> read_openai_usage(const Json& body, SeenUsage& out) {
  const auto usage = object_field(body, "usage", "");
  if (!usage) return std::unexpected(usage.error());
  if (*usage == nullptr) return {};
  ASSAY_TRY(read_count(**usage, "prompt_tokens", "usage.", out.prompt_tokens));
  ASSAY_TRY(read_count(**usage, "completion_tokens", "usage.", out.output_tokens));
  const auto details = object_field(**usage, "prompt_tokens_details", "usage.");
  if (!details) return std::unexpected(details.error());
  if (*details == nullptr) return {};
  return read_count(**details, "cached_tokens", "usage.prompt_tokens_details.", out.cached_tokens);
}

Result<Message> read_openai(const Json& body) {
  Message out;
  const auto choices = array_field(body, "choices", "");
  if (!choices) return std::unexpected(choices.error());
  if (*choices != nullptr && !(*choices)->empty()) {
    const Json& choice = (**choices)[0];
    if (!choice.is_object()) {
      return fail(Errc::engine_lost, "choices[0] is " + shown(choice) + ", expected an object");
    }
    ASSAY_TRY(add_text(choice, "text", "choices[0].", out.text));
    const auto delta = object_field(choice, "delta", "choices[0].");
    if (!delta) return std::unexpected(delta.error());
    if (*delta != nullptr) {
      for (const char* key : {"reasoning_content", "reasoning", "content"}) {
        ASSAY_TRY(add_text(**delta, key, "choices[0].delta.", out.text));
      }
    }
    auto reason = text_field(choice, "finish_reason", "choices[0].");
    if (!reason) return std::unexpected(std::move(reason.error()));
    if (*reason) {
      const auto finish = finish_of(**reason, "choices[0].finish_reason");
      if (!finish) return std::unexpected(finish.error());
      out.finish = *finish;
    }
  }
  ASSAY_TRY(read_openai_usage(body, out.usage));
  return out;
}

Result<Token> token_id(const Json& value, std::string_view where) {
  constexpr std::int64_t most = std::numeric_limits<Token>::max();
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > most) {
    return fail(Errc::engine_lost, std::string(where) + " is " + shown(value) + ", expected a token id");
  }
  return static_cast<Token>(value.get<std::int64_t>());
}

Result<void> read_probabilities(const Json& list, std::vector<SeenToken>& tokens) {
  if (list.size() != tokens.size()) {
    return fail(Errc::engine_lost, "completion_probabilities has " + std::to_string(list.size()) + " entries for " +
                                       std::to_string(tokens.size()) + " tokens");
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& entry = list[i];
    const auto logprob = entry.is_object() ? entry.find("logprob") : entry.end();
    if (!entry.is_object() || logprob == entry.end() || !logprob->is_number()) {
      return fail(Errc::engine_lost, "completion_probabilities has an entry without a logprob");
    }
    tokens[i].logprob = logprob->get<float>();
    const auto top = array_field(entry, "top_logprobs", "completion_probabilities.");
    if (!top) return std::unexpected(top.error());
    if (*top == nullptr) continue;
    for (const Json& other : **top) {
      if (tokens[i].alternatives.size() == alternatives_max) break;
      if (!other.is_object() || !other.contains("id") || !other.contains("logprob") || !other["logprob"].is_number()) {
        return fail(Errc::engine_lost, "top_logprobs has an entry without id and logprob");
      }
      const auto id = token_id(other["id"], "top_logprobs.id");
      if (!id) return std::unexpected(id.error());
      tokens[i].alternatives.push_back({*id, other["logprob"].get<float>()});
    }
  }
  return {};
}

Result<void> read_llama_end(const Json& body, Message& out) {
  const auto truncated = bool_field(body, "truncated", "");
  if (!truncated) return std::unexpected(truncated.error());
  const auto type = text_field(body, "stop_type", "");
  if (!type) return std::unexpected(type.error());
  const std::string reason = type->value_or("");
  if (reason == "eos") {
    out.finish = Finish::stop_token;
  } else if (reason == "word") {
    out.finish = Finish::stop_text;
  } else if (reason == "limit") {
    out.finish = truncated->value_or(false) ? Finish::context : Finish::length;
  } else {
    return fail(Errc::engine_lost, "stop_type is " + in_quotes(reason, 60) + ", expected eos, word or limit");
  }
  out.usage.output_tokens = out.so_far;
  ASSAY_TRY(read_count(body, "tokens_evaluated", "", out.usage.prompt_tokens));
  const auto timings = object_field(body, "timings", "");
  if (!timings) return std::unexpected(timings.error());
  if (*timings != nullptr) ASSAY_TRY(read_count(**timings, "cache_n", "timings.", out.usage.cached_tokens));
  out.last = true;
  return {};
}

Result<Message> read_llama(const Json& body) {
  Message out;
  ASSAY_TRY(add_text(body, "content", "", out.text));
  const auto tokens = array_field(body, "tokens", "");
  if (!tokens) return std::unexpected(tokens.error());
  if (*tokens != nullptr) {
    if ((*tokens)->size() > tokens_per_message_max) {
      return fail(Errc::engine_lost, "tokens has " + std::to_string((*tokens)->size()) + " entries, expected at most " +
                                         std::to_string(tokens_per_message_max));
    }
    for (const Json& value : **tokens) {
      const auto id = token_id(value, "tokens[]");
      if (!id) return std::unexpected(id.error());
      out.tokens.emplace_back().token = *id;
    }
  }
  const auto probabilities = array_field(body, "completion_probabilities", "");
  if (!probabilities) return std::unexpected(probabilities.error());
  if (*probabilities != nullptr) ASSAY_TRY(read_probabilities(**probabilities, out.tokens));
  ASSAY_TRY(read_count(body, "tokens_predicted", "", out.so_far));
  const auto stop = bool_field(body, "stop", "");
  if (!stop) return std::unexpected(stop.error());
  if (stop->value_or(false)) ASSAY_TRY(read_llama_end(body, out));
  return out;
}

Result<Message> read_ollama(const Json& body) {
  Message out;
  for (const char* key : {"thinking", "response"}) ASSAY_TRY(add_text(body, key, "", out.text));
  const auto message = object_field(body, "message", "");
  if (!message) return std::unexpected(message.error());
  if (*message != nullptr) {
    for (const char* key : {"thinking", "content"}) ASSAY_TRY(add_text(**message, key, "message.", out.text));
  }
  const auto done = bool_field(body, "done", "");
  if (!done) return std::unexpected(done.error());
  if (!*done) return fail(Errc::engine_lost, "a line without \"done\", expected Ollama's own format");
  if (!**done) return out;
  const auto reason = text_field(body, "done_reason", "");
  if (!reason) return std::unexpected(reason.error());
  const auto finish = finish_of(reason->value_or("stop"), "done_reason");
  if (!finish) return std::unexpected(finish.error());
  out.finish = *finish;
  ASSAY_TRY(read_count(body, "prompt_eval_count", "", out.usage.prompt_tokens));
  ASSAY_TRY(read_count(body, "eval_count", "", out.usage.output_tokens));
  out.last = true;
  return out;
}

std::string said_by(const Complaint& said, std::string_view body) {
  if (!said.words.empty()) return in_quotes(said.words, words_bytes_max);
  return body.empty() ? "nothing" : in_quotes(body, words_bytes_max);
}

}  // namespace

Result<Message> read_message(Kind kind, std::string_view message) {
  const bool native = kind == Kind::ollama;
  if (!native && message == "[DONE]") {
    Message end;
    end.last = true;
    return end;
  }
  auto body = parse_object(message, "a message of the stream");
  if (!body) return std::unexpected(std::move(body.error()));
  if (const auto error = body->find("error"); error != body->end() && !error->is_null()) {
    return std::unexpected(error_in_stream(*body));
  }
  if (native) return read_ollama(*body);
  // llama-server answers /completion in its own format and the rest in OpenAI's.
  if (kind == Kind::llama_server && !body->contains("choices")) return read_llama(*body);
  return read_openai(*body);
}

Error error_of(int status, std::string_view content_type, std::string_view location, std::string_view body,
               std::uint64_t prompt_tokens) {
  const std::string code = "status " + std::to_string(status);
  if (status >= 300 && status < 400) {
    return {Errc::bad_value, 0,
            code + ": it redirects to " + in_quotes(location) +
                "; redirects are not followed, give that URL if it is meant"};
  }
  const auto json = parse_json(body, "reply");
  const Complaint said = json ? complaint(*json) : Complaint{};
  if (is_over_context(said)) return over_context(said, prompt_tokens);
  const std::string words = "; it says " + said_by(said, body);
  switch (status) {
    case 401:
    case 403:
      return {Errc::bad_value, 0, code + ": the key is missing or refused" + words};
    case 404:
      return {Errc::not_found, 0, code + ": no such model or endpoint" + words};
    case 408:
    case 504:
      return {Errc::timeout, 0, code + ": the server itself waited too long" + words};
    case 429:
    case 503:
      return {Errc::full, 0, code + ": the server is loading, full or over its quota" + words};
    default:
      break;
  }
  if (status >= 400 && status < 500) return {Errc::bad_value, 0, code + ": the request is refused" + words};
  if (status >= 500) return {Errc::engine_lost, 0, code + ": the server failed" + words};
  if (status == 200) {
    return {Errc::engine_lost, 0,
            "a reply of type " + in_quotes(content_type) + " where a stream was expected" + words};
  }
  return {Errc::engine_lost, 0, code + ", expected 200" + words};
}

}  // namespace assay::adapter::upstream
