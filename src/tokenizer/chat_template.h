// From a conversation to the prompt text, by the template that a model brings.
//
// Templates are written for one of several habits: content as a text or as a list of parts, a tool call's arguments as an
// object or as JSON in a text, a missing content as null or as an empty text. parse() finds out by rendering small probes, and
// render() gives each template what it understands. Where both are understood the conversation stays as it was given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "tokenizer/jinja/template.h"

namespace assay {

// The variables that a template sees besides `extra`, with the names and defaults that transformers gives them.
struct ChatInput {
  Json messages;                      // array of {"role", "content", "tool_calls", "reasoning_content", ...}; not empty
  Json tools = nullptr;               // array of tool schemas, or null
  Json documents = nullptr;           // array, or null
  bool add_generation_prompt = true;  // end with the head of the answer
  Json extra = Json::object();        // more variables by name: enable_thinking, reasoning_effort, ...
};

class ChatTemplate final {
 public:
  // Texts of the special tokens; empty where the model has none.
  struct Tokens {
    std::string bos;
    std::string eos;
  };

  // source: the template as the model carries it. Errc::not_found when it is empty: there is no fallback, a prompt in the
  // wrong format makes a model stupid without saying so. Other errors as jinja::Template::parse.
  static Result<ChatTemplate> parse(std::string_view source, Tokens tokens);

  // The prompt. now_seconds: as jinja::RenderOptions; templates that print a date fail without it.
  // Errc::unsupported names a part that is not text ("message 2 part 1: image content is not supported by this model: text
  // expected", counted from 1); Errc::bad_value for what is no conversation, and for what the template itself refuses.
  Result<std::string> render(const ChatInput& input, std::optional<std::int64_t> now_seconds) const;

 private:
  struct Habits {
    bool text = true;              // content may be a text
    bool parts = true;             // content may be a list of parts
    bool null_content = true;      // content may be null beside tool calls
    bool object_arguments = true;  // a tool call's arguments may be an object
    bool text_arguments = true;    // ... or JSON in a text
    bool null_lists = true;        // tools and documents may be null; left out otherwise
  };

  ChatTemplate(jinja::Template parsed, Tokens tokens) : template_(std::move(parsed)), tokens_(std::move(tokens)) {}
  Result<std::string> render_messages(const Json& messages, const ChatInput& input,
                                      std::optional<std::int64_t> now_seconds) const;
  // Nothing: neither form of content came through.
  std::optional<Habits> probe() const;
  void adapt(Json& message) const;

  jinja::Template template_;
  Tokens tokens_;
  Habits habits_;
};

}  // namespace assay
