#include "tokenizer/end_tokens.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace assay {
namespace {

// Texts that end a turn or the text in published vocabularies.
constexpr std::array<std::string_view, 22> end_texts{"<|eot_id|>",
                                                     "<|im_end|>",
                                                     "<|end|>",
                                                     "<|return|>",
                                                     "<|call|>",
                                                     "<|flush|>",
                                                     "<|calls|>",
                                                     "<end_of_turn>",
                                                     "<|endoftext|>",
                                                     "</s>",
                                                     "<|eom_id|>",
                                                     "<EOT>",
                                                     "_<EOT>",
                                                     "[EOT]",
                                                     "[EOS]",
                                                     "<eos>",
                                                     "<|end_of_text|>",
                                                     "<turn|>",
                                                     "<end_of_utterance>",
                                                     "<|tool_response>",
                                                     "[e~[",
                                                     "<｜end▁of▁sentence｜>"};

// Texts of an end-of-turn token where no key names one; the first found counts.
constexpr std::array<std::string_view, 11> eot_texts{
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>",         "<|endoftext|>",     "<|end_of_text|>",
    "<EOT>",      "_<EOT>",     "[EOT]",   "<｜end▁of▁sentence｜>", "<end_of_utterance>"};

// Marks of gpt-oss's channel format: part of the answer, not of the frame around it.
constexpr std::array<std::string_view, 4> channel_texts{"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};

}  // namespace

EndTokens find_end_tokens(const TokenTable& by_text, SpecialTokens& special, std::span<const Token> named) {
  EndTokens out;
  const auto find = [&](std::string_view text) -> std::optional<Token> {
    const Token t = by_text.find(text);
    return t == TokenTable::absent ? std::nullopt : std::optional(t);
  };
  for (const std::string_view text : eot_texts) {
    if (special.eot) break;
    special.eot = find(text);
  }
  for (const Token token : named) {
    if (!special.eot && token != special.eos) special.eot = token;
  }
  if (!special.eom) special.eom = find("<|eom_id|>");
  for (const std::string_view text : end_texts) {
    if (const auto t = find(text)) out.ends.push_back(*t);
  }
  for (const auto& role : {special.eos, special.eot, special.eom}) {
    if (role) out.ends.push_back(*role);
  }
  for (const std::string_view text : channel_texts) {
    if (const auto t = find(text)) out.shown.push_back(*t);
  }
  std::sort(out.ends.begin(), out.ends.end());
  out.ends.erase(std::unique(out.ends.begin(), out.ends.end()), out.ends.end());
  const auto ends = [&](std::string_view text) {
    const auto t = find(text);
    return t && std::binary_search(out.ends.begin(), out.ends.end(), *t);
  };
  // A format with its own end of turn writes <|end|> between the parts of one answer.
  const bool calls = ends("<|call|>") || ends("<|calls|>");
  if (calls && (ends("<|return|>") || ends("<|flush|>")) && ends("<|end|>")) {
    std::erase(out.ends, *find("<|end|>"));
    out.shown.push_back(*find("<|end|>"));
  }
  // Gemma 4 keeps </s> as an ordinary token.
  if (ends("<|tool_response>") && ends("</s>")) {
    std::erase(out.ends, *find("</s>"));
    out.normal.push_back(*find("</s>"));
  }
  // What a file names is an end, whatever was taken back above.
  out.ends.insert(out.ends.end(), named.begin(), named.end());
  std::sort(out.ends.begin(), out.ends.end());
  out.ends.erase(std::unique(out.ends.begin(), out.ends.end()), out.ends.end());
  return out;
}

}  // namespace assay
