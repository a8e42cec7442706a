#include "tokenizer/chat_encode.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace assay {
namespace {

// Texts of the control tokens that encode() would read as such.
std::vector<std::string> control_texts(const Tokenizer& tokenizer) {
  std::vector<std::string> out;
  for (Token token = 0; static_cast<std::size_t>(token) < tokenizer.size(); ++token) {
    const std::string_view text = tokenizer.text(token);
    if (text.size() > 1 && tokenizer.is_special(token)) out.emplace_back(text);
  }
  return out;
}

// A mark that no message contains: a noncharacter (U+FDD0) between counters.
std::string unused_mark(const Json& document) {
  const std::string all = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (int i = 0;; ++i) {
    std::string mark = "\xEF\xB7\x90" + std::to_string(i) + "\xEF\xB7\x90";
    if (all.find(mark) == std::string::npos) return mark;
  }
}

// Puts `mark` behind the first character of every control text inside strings; object keys are the caller's own.
bool break_controls(Json& value, const std::vector<std::string>& controls, const std::string& mark) {
  bool broken = false;
  if (value.is_string()) {
    std::string& text = value.get_ref<std::string&>();
    for (const std::string& control : controls) {
      for (std::size_t at = 0; (at = text.find(control, at)) != std::string::npos; at += control.size() + mark.size()) {
        std::size_t first = 1;  // bytes of the first character
        while (first < control.size() && (static_cast<unsigned char>(control[first]) & 0xC0U) == 0x80U) ++first;
        text.insert(at + first, mark);
        broken = true;
      }
    }
  } else if (value.is_structured()) {
    for (Json& child : value) broken = break_controls(child, controls, mark) || broken;
  }
  return broken;
}

}  // namespace

ChatTemplate::Tokens template_tokens(const Tokenizer& tokenizer) {
  const SpecialTokens& special = tokenizer.special();
  return {.bos = special.bos ? std::string(tokenizer.text(*special.bos)) : "",
          .eos = special.eos ? std::string(tokenizer.text(*special.eos)) : ""};
}

Result<std::vector<Token>> encode_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                       const ChatInput& input, std::optional<std::int64_t> now_seconds) {
  ChatInput guarded = input;
  const auto controls = control_texts(tokenizer);
  const std::string mark = unused_mark(Json::array({input.messages, input.tools, input.documents}));
  bool broken = break_controls(guarded.messages, controls, mark);
  broken = break_controls(guarded.tools, controls, mark) || broken;
  broken = break_controls(guarded.documents, controls, mark) || broken;
  auto text = chat_template.render(guarded, now_seconds);
  if (!text) return std::unexpected(std::move(text.error()));

  const EncodeOptions options{.add = AddSpecial::no, .parse = ParseSpecial::as_tokens};
  std::vector<Token> tokens;
  const auto begin = tokenizer.begin_tokens();
  std::string_view rest = *text;
  while (true) {
    const std::size_t end = broken ? rest.find(mark) : std::string_view::npos;
    ASSAY_TRY(tokenizer.encode(rest.substr(0, end), options, tokens));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + mark.size());
  }
  if (!begin.empty() && !(tokens.size() >= begin.size() && std::equal(begin.begin(), begin.end(), tokens.begin()))) {
    tokens.insert(tokens.begin(), begin.begin(), begin.end());
  }
  return tokens;
}

}  // namespace assay
