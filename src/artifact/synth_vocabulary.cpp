#include "artifact/synth_vocabulary.h"

#include <string>
#include <unordered_set>
#include <vector>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace assay::artifact {
namespace {

// Every beginning of each becomes a token, so a word is one token and its pairs never compete.
constexpr std::string_view words[] = {
    "the",   "of",     "and",    "to",    "in",    "is",    "that",  "it",     "was",      "for",   "on",     "with",
    "as",    "are",    "be",     "this",  "have",  "from",  "or",    "had",    "by",       "not",   "but",    "what",
    "all",   "were",   "when",   "your",  "can",   "said",  "there", "use",    "each",     "which", "she",    "do",
    "how",   "their",  "if",     "will",  "other", "about", "many",  "then",   "them",     "these", "some",   "her",
    "would", "make",   "like",   "him",   "into",  "time",  "has",   "look",   "more",     "write", "number", "way",
    "could", "people", "than",   "first", "water", "been",  "call",  "who",    "now",      "find",  "long",   "down",
    "day",   "did",    "get",    "come",  "made",  "may",   "part",  "answer", "question", "model", "text",   "light",
    "house", "story",  "little", "old",   "world", "good",
};

constexpr std::string_view chat_template =
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

}  // namespace

Result<void> set_synth_vocabulary(GgufWriter& writer, std::uint32_t tokens) {
  if (tokens < synth_vocabulary_min) {
    return fail(Errc::bad_value, "a vocabulary of " + std::to_string(tokens) + " tokens, expected at least " +
                                     std::to_string(synth_vocabulary_min) +
                                     ": 256 bytes, three control tokens and a merged one");
  }
  std::vector<std::string> texts;
  std::vector<std::int32_t> types;
  const auto add = [&](std::string text, VocabularyData::TokenType type) {
    texts.push_back(std::move(text));
    types.push_back(type);
    return static_cast<std::uint32_t>(texts.size() - 1);
  };
  for (int byte = 0; byte < 256; ++byte)
    add(bytes_to_letters(std::string(1, static_cast<char>(byte))), VocabularyData::normal);
  const std::uint32_t end_of_text = add("<|endoftext|>", VocabularyData::control);
  add("<|im_start|>", VocabularyData::control);
  const std::uint32_t end_of_turn = add("<|im_end|>", VocabularyData::control);
  std::vector<std::string> merges;
  std::unordered_set<std::string> made;
  for (const std::string_view word : words) {
    std::string left = bytes_to_letters(" ");
    for (const char letter : word) {
      if (texts.size() == tokens) break;
      std::string both = left + letter;
      if (made.insert(both).second) {
        merges.push_back(left + " " + letter);
        add(both, VocabularyData::normal);
      }
      left = std::move(both);
    }
  }
  while (texts.size() < tokens) add("<|unused_" + std::to_string(texts.size()) + "|>", VocabularyData::unused);

  writer.set("tokenizer.ggml.model", "gpt2");
  writer.set("tokenizer.ggml.pre", "qwen2");
  writer.set("tokenizer.ggml.tokens", texts);
  writer.set("tokenizer.ggml.token_type", types);
  writer.set("tokenizer.ggml.merges", merges);
  writer.set("tokenizer.ggml.bos_token_id", end_of_text);
  writer.set("tokenizer.ggml.eos_token_id", end_of_turn);
  writer.set("tokenizer.ggml.padding_token_id", end_of_text);
  writer.set("tokenizer.ggml.add_bos_token", false);
  writer.set("tokenizer.chat_template", chat_template);
  return {};
}

}  // namespace assay::artifact
