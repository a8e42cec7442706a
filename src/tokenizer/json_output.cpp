// Post-processors and decoders of tokenizer.json.
#include <algorithm>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/json_parts.h"

namespace assay {
namespace {

// One step of a decoder that looks at a token by itself; steps that look at the whole text become rules.
struct DecoderReader {
  const Tokenizer::Parts& parts;
  std::vector<std::string> pieces;
  FirstPiece first = FirstPiece::whole;
  bool drops_last_space = false;
  bool fused = false;

  Result<void> read(const Json& json, const std::string& where);
  Result<void> strip(const Json& json, const std::string& where);
  Result<void> replace(const Json& json, const std::string& where);
  void word_piece(const std::string& prefix, bool cleanup);
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// English spacing, as WordPiece's decoder cleans it up.
void clean_up(std::string& text) {
  for (const auto& [from, to] :
       {std::pair(" .", "."), std::pair(" ?", "?"), std::pair(" !", "!"), std::pair(" ,", ","), std::pair(" ' ", "'"),
        std::pair(" n't", "n't"), std::pair(" 'm", "'m"), std::pair(" do not", " don't"), std::pair(" 's", "'s"),
        std::pair(" 've", "'ve"), std::pair(" 're", "'re")}) {
    replace_all(text, from, to);
  }
}

void DecoderReader::word_piece(const std::string& prefix, bool cleanup) {
  for (std::string& piece : pieces) {
    if (!prefix.empty() && piece.starts_with(prefix)) {
      piece.erase(0, prefix.size());
    } else {
      piece.insert(0, " ");
    }
    if (cleanup) clean_up(piece);
  }
  first = FirstPiece::without_space;
}

Result<void> DecoderReader::strip(const Json& json, const std::string& where) {
  const auto content = json_text(json, "content", where);
  if (!content) return std::unexpected(content.error());
  const auto start = json_integer(json, "start", 0, where);
  if (!start) return std::unexpected(start.error());
  const auto stop = json_integer(json, "stop", 0, where);
  if (!stop) return std::unexpected(stop.error());
  if (content->empty() || *start < 0 || *stop < 0) return json_wrong(where, "a character and two counts");
  if (fused) {
    if (*stop != 0 || *content != " " || *start > 1) return json_refuse(where, "stripping other than one first space");
    if (*start == 1) first = FirstPiece::without_space;
    return {};
  }
  for (std::string& piece : pieces) {
    for (std::int64_t i = 0; i < *start && piece.starts_with(*content); ++i) piece.erase(0, content->size());
    for (std::int64_t i = 0; i < *stop && piece.ends_with(*content); ++i) piece.erase(piece.size() - content->size());
  }
  return {};
}

Result<void> DecoderReader::replace(const Json& json, const std::string& where) {
  if (fused) return json_refuse(where, "Replace after Fuse");
  auto pattern = json_pattern(json, where);
  if (!pattern) return std::unexpected(pattern.error());
  auto content = json_text(json, "content", where);
  if (!content) return std::unexpected(content.error());
  const std::vector<NormalStep> steps{ReplaceStep{std::move(*pattern), std::move(*content)}};
  NormalScratch scratch;
  for (std::string& piece : pieces) {
    const auto replaced = normalize(steps, piece, {}, scratch);
    if (!replaced) return std::unexpected(replaced.error());
    piece = std::string(*replaced);
  }
  return {};
}

Result<void> DecoderReader::read(const Json& json, const std::string& where) {
  const auto type = json_text(json, "type", where);
  if (!type) return std::unexpected(type.error());
  if (*type == "Sequence") {
    const auto list = json_list(json, "decoders", where);
    if (!list) return std::unexpected(list.error());
    std::size_t index = 0;
    for (const Json& element : **list) ASSAY_TRY(read(element, where + ".decoders[" + std::to_string(index++) + "]"));
  } else if (*type == "ByteLevel") {
    for (std::string& piece : pieces) {
      if (auto bytes = letters_to_bytes(piece)) piece = std::move(*bytes);
    }
    fused = true;  // its text is one from here on
  } else if (*type == "ByteFallback") {
    for (std::string& piece : pieces) {
      const int value = byte_token_value(piece);
      if (value >= 0) piece.assign(1, static_cast<char>(value));
    }
  } else if (*type == "Fuse") {
    fused = true;
  } else if (*type == "Strip") {
    return strip(json, where);
  } else if (*type == "Replace") {
    return replace(json, where);
  } else if (*type == "Metaspace") {
    const auto mark = json_text(json, "replacement", where);
    if (!mark) return std::unexpected(mark.error());
    const auto add = json_bool(json, "add_prefix_space", true, where);
    if (!add) return std::unexpected(add.error());
    const Json* scheme = json_find(json, "prepend_scheme");
    const bool prepends = scheme == nullptr ? *add : *scheme != "never";
    for (std::string& piece : pieces) replace_all(piece, *mark, " ");
    if (prepends) first = FirstPiece::without_spaces;
  } else if (*type == "WordPiece") {
    const auto prefix = json_text(json, "prefix", where);
    if (!prefix) return std::unexpected(prefix.error());
    const auto cleanup = json_bool(json, "cleanup", true, where);
    if (!cleanup) return std::unexpected(cleanup.error());
    word_piece(*prefix, *cleanup);
  } else if (*type == "BPEDecoder") {
    const auto suffix = json_text(json, "suffix", where);
    if (!suffix) return std::unexpected(suffix.error());
    for (std::string& piece : pieces) replace_all(piece, *suffix, " ");
    drops_last_space = true;
  } else {
    return json_refuse(where, "decoder '" + *type + "'");
  }
  return {};
}

Result<Token> read_pair_token(const Json& json, std::string_view key, const std::string& where, std::size_t tokens) {
  const Json* pair = json_find(json, key);
  const bool fits = pair != nullptr && pair->is_array() && pair->size() == 2 && (*pair)[1].is_number_integer();
  const std::int64_t id = fits ? (*pair)[1].get<std::int64_t>() : -1;
  if (id < 0 || id >= static_cast<std::int64_t>(tokens)) {
    return json_wrong(where + "." + std::string(key), "[text, id of a token]");
  }
  return static_cast<Token>(id);
}

Result<void> read_template(const Json& json, const std::string& where, Tokenizer::Parts& parts) {
  const auto single = json_list(json, "single", where);
  if (!single) return std::unexpected(single.error());
  std::vector<Token> before;
  std::vector<Token> after;
  bool seen = false;
  for (const Json& item : **single) {
    if (const Json* sequence = json_find(item, "Sequence")) {
      const Json* id = json_find(*sequence, "id");
      if (seen || id == nullptr || *id != "A") return json_refuse(where + ".single", "a template of other than one A");
      seen = true;
      continue;
    }
    const Json* special = json_find(item, "SpecialToken");
    if (special == nullptr) return json_wrong(where + ".single", "Sequence or SpecialToken");
    const auto name = json_text(*special, "id", where + ".single");
    if (!name) return std::unexpected(name.error());
    const Json* table = json_find(json, "special_tokens");
    const Json* entry = table == nullptr ? nullptr : json_find(*table, *name);
    if (entry == nullptr) return json_wrong(where + ".special_tokens", "an entry for '" + *name + "'");
    const auto ids = json_list(*entry, "ids", where + ".special_tokens");
    if (!ids) return std::unexpected(ids.error());
    for (const Json& id : **ids) {
      const std::int64_t value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
      if (value < 0 || value >= static_cast<std::int64_t>(parts.texts.size())) {
        return json_wrong(where + ".special_tokens['" + *name + "'].ids", "tokens of the vocabulary");
      }
      (seen ? after : before).push_back(static_cast<Token>(value));
    }
  }
  if (!seen) return json_refuse(where + ".single", "a template without A");
  parts.begin_tokens.insert(parts.begin_tokens.begin(), before.begin(), before.end());
  parts.closing_tokens.insert(parts.closing_tokens.end(), after.begin(), after.end());
  return {};
}

}  // namespace

Result<void> read_post_processor(const Json& json, std::string_view where_view, Tokenizer::Parts& parts) {
  if (json.is_null()) return {};
  const std::string where(where_view);
  const auto type = json_text(json, "type", where);
  if (!type) return std::unexpected(type.error());
  if (*type == "Sequence") {
    const auto list = json_list(json, "processors", where);
    if (!list) return std::unexpected(list.error());
    std::size_t index = 0;
    for (const Json& element : **list) {
      ASSAY_TRY(read_post_processor(element, where + ".processors[" + std::to_string(index++) + "]", parts));
    }
  } else if (*type == "TemplateProcessing") {
    return read_template(json, where, parts);
  } else if (*type == "BertProcessing" || *type == "RobertaProcessing") {
    const auto cls = read_pair_token(json, "cls", where, parts.texts.size());
    if (!cls) return std::unexpected(cls.error());
    const auto sep = read_pair_token(json, "sep", where, parts.texts.size());
    if (!sep) return std::unexpected(sep.error());
    parts.begin_tokens.insert(parts.begin_tokens.begin(), *cls);
    parts.closing_tokens.push_back(*sep);
  } else if (*type != "ByteLevel") {  // which only moves offsets
    return json_refuse(where, "post-processor '" + *type + "'");
  }
  return {};
}

Result<void> read_decoder(const Json& json, Tokenizer::Parts& parts) {
  DecoderReader reader{.parts = parts, .pieces = {}};
  for (std::size_t t = 0; t < parts.texts.size(); ++t) reader.pieces.emplace_back(parts.texts[t]);
  if (json.is_null()) {
    for (std::string& piece : reader.pieces) piece.insert(0, " ");  // without a decoder tokens are joined by spaces
    reader.first = FirstPiece::without_space;
  } else {
    ASSAY_TRY(reader.read(json, "decoder"));
  }
  for (std::size_t t = 0; t < parts.texts.size(); ++t) {
    parts.pieces.add(parts.texts[t].empty() ? std::string_view() : std::string_view(reader.pieces[t]));
  }
  parts.first_piece = reader.first;
  parts.drops_last_space = reader.drops_last_space;
  return {};
}

}  // namespace assay
