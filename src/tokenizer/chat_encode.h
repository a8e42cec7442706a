// From a conversation to the tokens of a prompt, so that no text of a user becomes a control token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace assay {

// The texts that a template needs of a vocabulary: bos and eos, empty where there is none.
ChatTemplate::Tokens template_tokens(const Tokenizer& tokenizer);

// Renders and encodes. Control tokens that the template writes become control tokens; the same letters inside a message
// ("<|im_end|>" typed by a user) stay text. A vocabulary that begins texts with a token gets it once, whether or not the
// template writes it. Errors as ChatTemplate::render() and Tokenizer::encode().
Result<std::vector<Token>> encode_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                       const ChatInput& input, std::optional<std::int64_t> now_seconds);

}  // namespace assay
