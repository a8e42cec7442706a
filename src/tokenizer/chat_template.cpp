#include "tokenizer/chat_template.h"

#include <algorithm>
#include <array>

namespace assay {
namespace {

constexpr std::string_view probe_word = "assayprobe";

// Kinds of parts that carry no text, by the names that clients give them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> media = {{{"image", "image"},
                                                                                  {"image_url", "image"},
                                                                                  {"input_image", "image"},
                                                                                  {"audio", "audio"},
                                                                                  {"audio_url", "audio"},
                                                                                  {"input_audio", "audio"},
                                                                                  {"video", "video"},
                                                                                  {"video_url", "video"},
                                                                                  {"file", "file"},
                                                                                  {"input_file", "file"}}};

std::string place(std::size_t message) { return "message " + std::to_string(message + 1); }

Result<void> check_part(const Json& part, const std::string& where) {
  if (!part.is_object()) return fail(Errc::bad_value, where + ": expected an object, met " + part.type_name());
  const auto type = part.find("type");
  if (type == part.end() || !type->is_string()) return fail(Errc::bad_value, where + ": has no text named \"type\"");
  const auto& name = type->get_ref<const std::string&>();
  for (const auto& [kind, shown] : media) {
    if (name != kind) continue;
    return fail(Errc::unsupported,
                where + ": " + std::string(shown) + " content is not supported by this model: text expected");
  }
  // What a model thought comes as parts of its own in some clients; templates that know them read them.
  const bool thought = name == "thinking" || name == "reasoning";
  if (!thought && name != "text") {
    return fail(Errc::unsupported, where + ": content of type \"" + name + "\" is not supported: text expected");
  }
  if (!thought && (!part.contains("text") || !part["text"].is_string())) {
    return fail(Errc::bad_value, where + ": has no text named \"text\"");
  }
  return {};
}

Result<void> check_message(const Json& message, const std::string& where) {
  if (!message.is_object()) return fail(Errc::bad_value, where + ": expected an object, met " + message.type_name());
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string()) return fail(Errc::bad_value, where + ": has no text named \"role\"");
  const auto content = message.find("content");
  if (content != message.end() && content->is_array()) {
    for (std::size_t i = 0; i < content->size(); ++i) {
      ASSAY_TRY(check_part((*content)[i], where + " part " + std::to_string(i + 1)));
    }
  } else if (content != message.end() && !content->is_string() && !content->is_null()) {
    return fail(Errc::bad_value, where + ": content is a text or a list of parts, met " + content->type_name());
  }
  const auto calls = message.find("tool_calls");
  if (calls != message.end() && !calls->is_array() && !calls->is_null()) {
    return fail(Errc::bad_value, where + ": tool_calls is a list, met " + std::string(calls->type_name()));
  }
  return {};
}

Result<void> check(const ChatInput& input) {
  if (!input.messages.is_array() || input.messages.empty()) {
    return fail(Errc::bad_value, "a conversation is a list of at least one message");
  }
  for (std::size_t i = 0; i < input.messages.size(); ++i) ASSAY_TRY(check_message(input.messages[i], place(i)));
  for (const auto& [name, list] : {std::pair{"tools", &input.tools}, std::pair{"documents", &input.documents}}) {
    if (!list->is_array() && !list->is_null()) {
      return fail(Errc::bad_value, std::string(name) + " is a list or null, met " + list->type_name());
    }
  }
  if (!input.extra.is_object()) {
    return fail(Errc::bad_value, std::string("extra variables are an object, met ") + input.extra.type_name());
  }
  return {};
}

// The text of a list of parts, one line break between them; nothing when a part is not plain text.
std::optional<std::string> joined(const Json& parts) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].value("type", std::string()) != "text") return std::nullopt;
    out += (i > 0 ? "\n" : "") + parts[i].value("text", std::string());
  }
  return out;
}

Json user(Json content) { return Json{{"role", "user"}, {"content", std::move(content)}}; }

Json caller(Json content, Json arguments) {
  Json call{{"id", "call00001"},
            {"type", "function"},
            {"function", {{"name", "probe"}, {"arguments", std::move(arguments)}}}};
  return Json{{"role", "assistant"}, {"content", std::move(content)}, {"tool_calls", Json::array({std::move(call)})}};
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, Tokens tokens) {
  if (source.empty()) return fail(Errc::not_found, "the model has no chat template");
  auto parsed = jinja::Template::parse(source);
  if (!parsed) return std::unexpected(with_context("chat template", std::move(parsed.error())));
  ChatTemplate out(std::move(*parsed), std::move(tokens));
  if (auto habits = out.probe()) {
    out.habits_ = *habits;
    return out;
  }
  // A template for tools only may go over `tools` without asking whether there are any.
  out.habits_.null_lists = false;
  if (auto habits = out.probe()) {
    out.habits_ = *habits;
  } else {
    out.habits_ = Habits{};
  }
  return out;
}

Result<std::string> ChatTemplate::render_messages(const Json& messages, const ChatInput& input,
                                                  std::optional<std::int64_t> now_seconds) const {
  Json context = Json::object();
  context["messages"] = messages;
  if (!input.tools.is_null() || habits_.null_lists) context["tools"] = input.tools;
  if (!input.documents.is_null() || habits_.null_lists) context["documents"] = input.documents;
  context["add_generation_prompt"] = input.add_generation_prompt;
  if (!tokens_.bos.empty()) context["bos_token"] = tokens_.bos;
  if (!tokens_.eos.empty()) context["eos_token"] = tokens_.eos;
  for (const auto& [name, value] : input.extra.items()) context[name] = value;
  jinja::RenderOptions options;
  options.now_seconds = now_seconds;
  return template_.render(context, options);
}

Result<std::string> ChatTemplate::render(const ChatInput& input, std::optional<std::int64_t> now_seconds) const {
  ASSAY_TRY(check(input));
  Json messages = input.messages;
  for (Json& message : messages) adapt(message);
  auto out = render_messages(messages, input, now_seconds);
  if (!out) return std::unexpected(with_context("chat template", std::move(out.error())));
  return out;
}

// Renders what the template may or may not understand. A probe that fails for another reason (a template that wants a system
// message, say) fails in both forms, and then the conversation is left as it is.
std::optional<ChatTemplate::Habits> ChatTemplate::probe() const {
  const std::string word(probe_word);
  const auto shows = [&](const Json& messages) -> std::optional<std::string> {
    auto out = render_messages(messages, ChatInput{}, 0);
    if (!out || out->find(probe_word) == std::string::npos) return std::nullopt;
    return std::move(*out);
  };
  const Json part{{"type", "text"}, {"text", word}};
  Habits habits = habits_;

  const auto as_text = shows(Json::array({user(word)}));
  const auto as_parts = shows(Json::array({user(Json::array({part}))}));
  // a list that was printed, not read, shows its own syntax
  const bool parts = as_parts && (as_text ? *as_parts == *as_text : as_parts->find("type") == std::string::npos);
  if (!as_text && !parts) return std::nullopt;
  habits.text = as_text.has_value();
  habits.parts = parts;

  const Json question = user(habits.text ? Json("q") : Json::array({Json{{"type", "text"}, {"text", "q"}}}));
  const Json empty = habits.text ? Json("") : Json::array();
  const auto call = [&](Json content, Json arguments) {
    return shows(Json::array({question, caller(std::move(content), std::move(arguments))}));
  };
  const auto object = call(empty, Json{{word, "v"}});
  const auto text = call(empty, "{\"" + word + "\": \"v\"}");
  const bool reads_object = object && object->find("{'" + word) == std::string::npos;  // not as Python prints it
  const bool reads_text = text && text->find("\\\"" + word) == std::string::npos;      // not encoded a second time
  if (reads_object || reads_text) {
    habits.object_arguments = reads_object;
    habits.text_arguments = reads_text;
    const Json arguments = reads_object ? Json{{word, "v"}} : Json("{\"" + word + "\": \"v\"}");
    const auto with_null = call(nullptr, arguments);
    habits.null_content = with_null && with_null->find("None") == std::string::npos;
  }
  return habits;
}

void ChatTemplate::adapt(Json& message) const {
  Json& content = message["content"];  // absent: null, as clients that leave it out mean
  if (content.is_array() && !habits_.parts) {
    if (auto text = joined(content)) content = std::move(*text);
  } else if (content.is_string() && !habits_.text) {
    content = Json::array({Json{{"type", "text"}, {"text", content}}});
  } else if (content.is_null() && !habits_.null_content) {
    content = habits_.text ? Json("") : Json::array();
  }
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || !calls->is_array()) return;
  for (Json& call : *calls) {
    Json* function = call.is_object() && call.contains("function") ? &call["function"] : &call;
    if (!function->is_object() || !function->contains("arguments")) continue;
    Json& arguments = (*function)["arguments"];
    if (arguments.is_string() && !habits_.text_arguments) {
      auto parsed = parse_json(arguments.get_ref<const std::string&>(), "arguments");
      if (parsed && parsed->is_object()) arguments = std::move(*parsed);
    } else if (arguments.is_object() && !habits_.object_arguments) {
      arguments = arguments.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
  }
}

}  // namespace assay
