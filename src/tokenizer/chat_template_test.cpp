#include "tokenizer/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace assay {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view plain =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";
constexpr std::string_view only_parts =
    "{% for m in messages %}{% for p in m.content %}{% if p.type == 'text' %}[{{ p.text }}]{% endif %}{% endfor %}{% "
    "endfor %}";
constexpr std::string_view either =
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}"
    "{% endfor %}{% endif %};{% endfor %}";

ChatTemplate parse(std::string_view source) { return std::move(*ChatTemplate::parse(source, {"<s>", "</s>"})); }

Json say(std::string_view role, Json content) { return Json{{"role", role}, {"content", std::move(content)}}; }

ChatInput talk(std::initializer_list<Json> messages) {
  ChatInput input;
  input.messages = Json(Json::array_t(messages));
  return input;
}

std::string text(const ChatTemplate& chat, const ChatInput& input) {
  const auto out = chat.render(input, std::nullopt);
  return out ? *out : "ERROR " + to_string(out.error());
}

Error error(const ChatTemplate& chat, const ChatInput& input) {
  const auto out = chat.render(input, std::nullopt);
  return out ? Error{Errc::bug, 0, "rendered: " + *out} : out.error();
}

Json call(Json arguments) {
  Json one{{"id", "1"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", std::move(arguments)}}}};
  return Json{{"role", "assistant"}, {"content", nullptr}, {"tool_calls", Json::array({one})}};
}

TEST(ChatTemplate, RendersTheConversationWithTheModelsTokens) {
  const auto chat = parse(plain);
  EXPECT_EQ(text(chat, talk({say("system", "Be kind."), say("user", "Hi")})),
            "<s><system>Be kind.</s><user>Hi</s><assistant>");
  auto input = talk({say("user", "Hi")});
  input.add_generation_prompt = false;
  EXPECT_EQ(text(chat, input), "<s><user>Hi</s>");
}

TEST(ChatTemplate, SaysThatAModelHasNone) {
  const auto none = ChatTemplate::parse("", {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_THAT(none.error().detail, HasSubstr("the model has no chat template"));
}

TEST(ChatTemplate, RefusesImagesAudioAndVideoByName) {
  const auto chat = parse(either);
  const Json hello{{"type", "text"}, {"text", "Look:"}};
  for (const auto& [type, shown] :
       {std::pair{"image_url", "image"}, std::pair{"input_audio", "audio"}, std::pair{"video", "video"}}) {
    const Error refused =
        error(chat, talk({say("user", "Hi"), say("user", Json::array({hello, Json{{"type", type}}}))}));
    EXPECT_EQ(refused.code, Errc::unsupported);
    EXPECT_EQ(refused.detail,
              std::string("message 2 part 2: ") + shown + " content is not supported by this model: text expected");
  }
}

TEST(ChatTemplate, RefusesWhatIsNoConversation) {
  const auto chat = parse(plain);
  EXPECT_THAT(error(chat, ChatInput{}).detail, HasSubstr("at least one message"));
  EXPECT_THAT(error(chat, talk({Json("x")})).detail, HasSubstr("message 1: expected an object, met string"));
  EXPECT_THAT(error(chat, talk({Json{{"content", "x"}}})).detail, HasSubstr("message 1: has no text named \"role\""));
  EXPECT_THAT(error(chat, talk({say("user", 5)})).detail, HasSubstr("met number"));
  EXPECT_THAT(error(chat, talk({say("user", Json::array({Json{{"type", "text"}}}))})).detail,
              HasSubstr("message 1 part 1: has no text named \"text\""));
  EXPECT_THAT(error(chat, talk({say("user", Json::array({Json{{"type", "hologram"}}}))})).detail,
              HasSubstr("hologram"));
}

TEST(ChatTemplate, GivesATextTemplateTheTextOfPartsAndAPartsTemplateParts) {
  const Json parts = Json::array({Json{{"type", "text"}, {"text", "a"}}, Json{{"type", "text"}, {"text", "b"}}});
  EXPECT_EQ(text(parse(plain), talk({say("user", parts)})), "<s><user>a\nb</s><assistant>");
  EXPECT_EQ(text(parse(only_parts), talk({say("user", "a")})), "[a]");
  EXPECT_EQ(text(parse(either), talk({say("user", parts), say("user", "c")})), "ab;c;");
}

TEST(ChatTemplate, GivesToolCallArgumentsInTheFormThatTheTemplateReads) {
  const auto objects = parse(
      "{% for m in messages %}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{% for k, v in "
      "c.function.arguments.items() %}"
      "{{ k }}={{ v }}{% endfor %}{% endfor %}{% endfor %}");
  const auto texts = parse(
      "{% for m in messages %}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ '<' + c.function.arguments + "
      "'>' }}"
      "{% endfor %}{% endfor %}");
  const auto encodes = parse(
      "{% for m in messages %}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}"
      "{% endfor %}{% endfor %}");
  for (const Json& arguments : {Json{{"x", 1}}, Json("{\"x\":1}")}) {
    EXPECT_EQ(text(objects, talk({call(arguments)})), "x=1");
    EXPECT_EQ(text(texts, talk({call(arguments)})), "<{\"x\":1}>");
    EXPECT_EQ(text(encodes, talk({call(arguments)})), "{\"x\": 1}");
  }
}

TEST(ChatTemplate, GivesAnEmptyTextWhereATemplateCannotReadNull) {
  const auto chat = parse(
      "{% for m in messages %}{{ '[' + m.content + ']' }}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}");
  EXPECT_THAT(text(chat, talk({call(Json{{"x", 1}})})), testing::StartsWith("[]"));
}

TEST(ChatTemplate, PassesToolsDocumentsReasoningAndOtherVariables) {
  const auto chat = parse(
      "{{ tools is none }}{{ documents|length if documents }}{{ enable_thinking }}"
      "{% for m in messages %}{{ m.content }}{{ m.reasoning_content }}{% endfor %}");
  auto input = talk({Json{{"role", "assistant"}, {"content", "c"}, {"reasoning_content", "r"}}});
  input.extra = Json{{"enable_thinking", false}};
  EXPECT_EQ(text(chat, input), "TrueFalsecr");
  input.tools = Json::array({Json{{"type", "function"}}});
  input.documents = Json::array({1, 2});
  EXPECT_EQ(text(chat, input), "False2Falsecr");
}

TEST(ChatTemplate, SaysWhatTheTemplateItselfRefuses) {
  const auto chat = parse(
      "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}{{ messages[0].content }}");
  const Error refused = error(chat, talk({say("system", "x")}));
  EXPECT_EQ(refused.code, Errc::bad_value);
  EXPECT_EQ(refused.detail, "chat template: line 1, column 39: TemplateError: user first");
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// What a template reads as it is given stays as it is; only conversations that it would fail on or print as Python are helped.
TEST(ChatTemplate, RendersRealTemplatesAsGivenAndHelpsWithPartsAndArguments) {
  const std::filesystem::path folder = std::filesystem::path(ASSAY_SHARED_DIR) / "chat-templates";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
  int same = 0;
  int helped = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    auto golden_path = entry.path();
    golden_path.replace_extension(".golden.json");
    const auto golden = parse_json(read(golden_path), golden_path.string());
    ASSERT_TRUE(golden);
    for (const Json& one : *golden) {
      const Json& context = one["context"];
      const auto chat = ChatTemplate::parse(
          read(entry.path()), {context.value("bos_token", std::string()), context.value("eos_token", std::string())});
      ASSERT_TRUE(chat) << entry.path();
      ChatInput input;
      input.add_generation_prompt = context.value("add_generation_prompt", false);
      for (const auto& [name, value] : context.items()) {
        if (name == "messages") {
          input.messages = value;
        } else if (name == "tools") {
          input.tools = value;
        } else if (name != "add_generation_prompt" && name != "bos_token" && name != "eos_token") {
          input.extra[name] = value;
        }
      }
      const std::string name = entry.path().filename().string() + " " + one["case"].get<std::string>();
      const auto out = chat->render(input, 1785067200);
      const bool helpful = one["case"] == "parts" || one["case"] == "tool_result" || one["case"] == "tool_result_str";
      if (one.contains("expected") && out && *out == one["expected"].get<std::string>()) {
        ++same;
      } else if (out && helpful) {
        ++helped;
        EXPECT_THAT(*out, testing::Not(HasSubstr("'type': 'text'"))) << name;
        if (std::getenv("ASSAY_SHOW_HELPED") != nullptr) std::printf("%s\n%s\n", name.c_str(), out->c_str());
      } else {
        EXPECT_FALSE(one.contains("expected")) << name << "\n" << (out ? *out : to_string(out.error()));
      }
    }
  }
  EXPECT_GT(same, 300);
  RecordProperty("same", same);
  RecordProperty("helped", helped);
}

}  // namespace
}  // namespace assay
