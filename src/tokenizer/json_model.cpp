// Models of tokenizer.json: BPE, Unigram, WordPiece, WordLevel.
#include <algorithm>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/json_parts.h"

namespace assay {
namespace {

// Very old files do not name their model.
std::string model_type(const Json& model) {
  const Json* type = json_find(model, "type");
  if (type != nullptr && type->is_string()) return type->get<std::string>();
  if (json_find(model, "merges") != nullptr) return "BPE";
  const Json* vocab = json_find(model, "vocab");
  if (vocab != nullptr && vocab->is_array()) return "Unigram";
  return json_find(model, "max_input_chars_per_word") != nullptr ? "WordPiece" : "WordLevel";
}

std::array<Token, 256> byte_tokens(const JsonVocabulary& vocabulary) {
  std::array<Token, 256> out{};
  out.fill(-1);
  for (const auto& [text, token] : vocabulary.entries) {
    const int value = byte_token_value(text);
    if (value >= 0) out[static_cast<std::size_t>(value)] = token;
  }
  return out;
}

Result<std::optional<Token>> read_unk(const Json& model, const JsonVocabulary& vocabulary) {
  if (json_find(model, "unk_token") == nullptr) return std::optional<Token>();
  const auto text = json_text(model, "unk_token", "model");
  if (!text) return std::unexpected(text.error());
  for (const auto& [known, token] : vocabulary.entries) {
    if (known == *text) return std::optional(token);
  }
  return json_wrong("model.unk_token '" + *text + "'", "a token of the vocabulary");
}

// "left right" or ["left", "right"].
Result<std::pair<std::string, std::string>> read_merge(const Json& merge, std::size_t index) {
  const std::string where = "model.merges[" + std::to_string(index) + "]";
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos && space > 0 && space + 1 < text.size() &&
        text.find(' ', space + 1) == std::string::npos) {
      return std::pair(text.substr(0, space), text.substr(space + 1));
    }
  }
  return json_wrong(where, "two texts");
}

Result<void> read_bpe(const Json& model, const JsonVocabulary& vocabulary, Tokenizer::Parts& parts) {
  if (const Json* dropout = json_find(model, "dropout"); dropout != nullptr && *dropout != 0) {
    return json_refuse("model.dropout", "random dropping of merges");
  }
  BpeOptions options;
  options.outside = BpeOptions::Outside::early;
  options.bytes = parts.bytes;
  const auto unk = read_unk(model, vocabulary);
  if (!unk) return std::unexpected(unk.error());
  options.unk = *unk;
  const auto fuse = json_bool(model, "fuse_unk", false, "model");
  const auto fallback = json_bool(model, "byte_fallback", false, "model");
  const auto ignore_merges = json_bool(model, "ignore_merges", false, "model");
  for (const auto* field : {&fuse, &fallback, &ignore_merges}) {
    if (!*field) return std::unexpected(field->error());
  }
  options.fuse_unk = *fuse;
  options.ignore_merges = *ignore_merges;
  options.byte_tokens.fill(-1);
  if (*fallback) options.byte_tokens = byte_tokens(vocabulary);
  if (json_find(model, "continuing_subword_prefix") != nullptr) {
    auto prefix = json_text(model, "continuing_subword_prefix", "model");
    if (!prefix) return std::unexpected(prefix.error());
    options.continuing_prefix = std::move(*prefix);
  }
  if (json_find(model, "end_of_word_suffix") != nullptr) {
    auto suffix = json_text(model, "end_of_word_suffix", "model");
    if (!suffix) return std::unexpected(suffix.error());
    options.word_suffix = std::move(*suffix);
  }
  // In the form that words have. A text outside the byte alphabet never occurs in a word of bytes.
  const bool letters = parts.bytes;
  TokenTable texts(vocabulary.entries.size());
  TokenTable known(vocabulary.entries.size());
  for (const auto& [text, token] : vocabulary.entries) {
    texts.insert(text, token);
    if (!letters) {
      known.insert(text, token);
    } else if (const auto word = letters_to_bytes(text)) {
      known.insert(*word, token);
    }
  }
  if (letters) {
    // The affixes are written to letters, so in bytes they must be bytes.
    const auto prefix = letters_to_bytes(options.continuing_prefix);
    const auto suffix = letters_to_bytes(options.word_suffix);
    if (!prefix || !suffix) return json_refuse("model", "an affix outside the byte alphabet");
    options.continuing_prefix = *prefix;
    options.word_suffix = *suffix;
  }
  const std::size_t prefix_bytes = options.continuing_prefix.size();
  Bpe bpe(options, std::move(known), parts.texts.size());
  std::uint32_t rank = 0;
  for (const auto& merge : vocabulary.merges) {
    const auto* pair = &merge;
    for (const std::string* side : {&pair->first, &pair->second}) {
      if (texts.find(*side) == TokenTable::absent) {
        return json_wrong("model.merges[" + std::to_string(rank) + "]: '" + *side + "'", "a token of the vocabulary");
      }
    }
    std::optional left(pair->first);
    std::optional right(pair->second);
    if (letters) {
      left = letters_to_bytes(pair->first);
      right = letters_to_bytes(pair->second);
    }
    if (left && right) {
      if (right->size() < prefix_bytes)
        return json_wrong("model.merges[" + std::to_string(rank) + "]", "the prefix of a continuing text");
      const std::string joined = *left + right->substr(prefix_bytes);
      if (bpe.whole(joined) == TokenTable::absent) {
        return json_wrong(
            "model.merges[" + std::to_string(rank) + "]: '" + pair->first + pair->second.substr(prefix_bytes) + "'",
            "a token of the vocabulary");
      }
      bpe.add_pair(*left, *right, joined, rank, false);
    }
    ++rank;
  }
  bpe.finish();
  // Without a pre-tokenizer a whole text is one word. Where no pair joins something with a mark after it, the text can
  // be cut there: the same tokens in less time, since words repeat.
  constexpr std::string_view mark = "\xE2\x96\x81";
  if (parts.pre.empty() && !letters && options.word_suffix.empty() && prefix_bytes == 0 && !options.fuse_unk &&
      bpe.may_cut_before(mark)) {
    parts.pre.emplace_back(MarkStep{std::string(mark)});
    parts.whole_first = options.ignore_merges;
  }
  parts.model = std::move(bpe);
  return {};
}

Result<void> read_unigram(const Json& model, const JsonVocabulary& vocabulary, Tokenizer::Parts& parts) {
  UnigramOptions options;
  const auto unk = json_integer(model, "unk_id", -1, "model");
  if (!unk) return std::unexpected(unk.error());
  if (*unk < 0 || *unk >= static_cast<std::int64_t>(vocabulary.entries.size())) {
    return json_wrong("model.unk_id " + std::to_string(*unk), "a token of the vocabulary");
  }
  options.unk = static_cast<Token>(*unk);
  const auto fallback = json_bool(model, "byte_fallback", false, "model");
  if (!fallback) return std::unexpected(fallback.error());
  options.byte_fallback = *fallback;
  options.byte_tokens = byte_tokens(vocabulary);
  if (vocabulary.entries.empty()) return json_wrong("model.vocab", "at least one token");
  std::vector<Unigram::Entry> entries;
  entries.reserve(vocabulary.entries.size());
  for (std::size_t i = 0; i < vocabulary.entries.size(); ++i) {
    entries.push_back({vocabulary.entries[i].first, vocabulary.scores[i], vocabulary.entries[i].second});
  }
  parts.model.emplace<Unigram>(options, entries, *std::min_element(vocabulary.scores.begin(), vocabulary.scores.end()));
  return {};
}

Result<void> read_word_piece(const Json& model, const JsonVocabulary& vocabulary, bool whole_words,
                             Tokenizer::Parts& parts) {
  WordPieceOptions options;
  const auto unk = read_unk(model, vocabulary);
  if (!unk) return std::unexpected(unk.error());
  if (!*unk) return json_wrong("model.unk_token", "a token of the vocabulary");
  options.unk = **unk;
  options.whole_words = whole_words;
  if (!whole_words) {
    const auto longest = json_integer(model, "max_input_chars_per_word", 100, "model");
    if (!longest) return std::unexpected(longest.error());
    if (*longest < 0) return json_wrong("model.max_input_chars_per_word", "a count");
    options.word_characters_max = static_cast<std::size_t>(*longest);
    if (json_find(model, "continuing_subword_prefix") != nullptr) {
      auto prefix = json_text(model, "continuing_subword_prefix", "model");
      if (!prefix) return std::unexpected(prefix.error());
      options.continuing_prefix = std::move(*prefix);
    }
  }
  TokenTable known(vocabulary.entries.size());
  for (const auto& [text, token] : vocabulary.entries) known.insert(text, token);
  parts.model.emplace<WordPiece>(std::move(options), std::move(known));
  return {};
}

}  // namespace

Result<JsonVocabulary> read_vocabulary(const Json& model) {
  JsonVocabulary out;
  const Json* vocab = json_find(model, "vocab");
  if (vocab == nullptr) return json_wrong("model.vocab", "a vocabulary");
  if (vocab->size() > vocabulary_max) {
    return json_wrong("model.vocab of " + std::to_string(vocab->size()) + " tokens",
                      "at most " + std::to_string(vocabulary_max));
  }
  const auto too_long = [](const std::string& text) { return text.size() > token_bytes_max; };
  if (model_type(model) == "Unigram") {
    if (!vocab->is_array()) return json_wrong("model.vocab", "a list of [text, score]");
    for (const Json& entry : *vocab) {
      const std::string where = "model.vocab[" + std::to_string(out.entries.size()) + "]";
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
        return json_wrong(where, "[text, score]");
      }
      out.entries.emplace_back(entry[0].get<std::string>(), static_cast<Token>(out.entries.size()));
      out.scores.push_back(entry[1].get<double>());
      if (too_long(out.entries.back().first)) return json_wrong(where, "a text of at most 4096 bytes");
    }
    return out;
  }
  if (!vocab->is_object()) return json_wrong("model.vocab", "an object of texts and ids");
  for (const auto& [text, id] : vocab->items()) {
    const std::string where = "model.vocab['" + text.substr(0, 80) + "']";
    if (!id.is_number_integer()) return json_wrong(where, "an integer");
    const auto value = id.get<std::int64_t>();
    if (value < 0 || value >= static_cast<std::int64_t>(vocabulary_max)) {
      return json_wrong(where + " = " + std::to_string(value), "0 to " + std::to_string(vocabulary_max - 1));
    }
    if (too_long(text)) return json_wrong(where, "a text of at most 4096 bytes");
    out.entries.emplace_back(text, static_cast<Token>(value));
  }
  if (model_type(model) != "BPE") return out;
  const auto merges = json_list(model, "merges", "model");
  if (!merges) return std::unexpected(merges.error());
  for (const Json& merge : **merges) {
    auto pair = read_merge(merge, out.merges.size());
    if (!pair) return std::unexpected(pair.error());
    out.merges.push_back(std::move(*pair));
  }
  return out;
}

Result<void> read_model(const Json& model, const JsonVocabulary& vocabulary, Tokenizer::Parts& parts) {
  const std::string type = model_type(model);
  if (type == "BPE") return read_bpe(model, vocabulary, parts);
  if (type == "Unigram") return read_unigram(model, vocabulary, parts);
  if (type == "WordPiece") return read_word_piece(model, vocabulary, false, parts);
  if (type == "WordLevel") return read_word_piece(model, vocabulary, true, parts);
  return json_refuse("model", "type '" + type + "'");
}

}  // namespace assay
