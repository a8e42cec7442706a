// A Tokenizer from Hugging Face's tokenizer.json.
#include <algorithm>

#include "tokenizer/end_tokens.h"
#include "tokenizer/json_parts.h"

namespace assay {
namespace {

constexpr std::size_t gap_max = std::size_t{1} << 20;  // ids without a token that a file may leave

Result<std::vector<AddedToken>> read_added(const Json& root) {
  std::vector<AddedToken> out;
  const Json* list = json_find(root, "added_tokens");
  if (list == nullptr) return out;
  if (!list->is_array() || list->size() > vocabulary_max) return json_wrong("added_tokens", "a list");
  for (const Json& entry : *list) {
    const std::string where = "added_tokens[" + std::to_string(out.size()) + "]";
    AddedToken token;
    auto text = json_text(entry, "content", where);
    if (!text) return std::unexpected(text.error());
    if (text->size() > token_bytes_max) return json_wrong(where + ".content", "a text of at most 4096 bytes");
    token.text = std::move(*text);
    const auto id = json_integer(entry, "id", -1, where);
    if (!id) return std::unexpected(id.error());
    if (*id < 0 || *id >= static_cast<std::int64_t>(vocabulary_max)) {
      return json_wrong(where + ".id " + std::to_string(*id), "0 to " + std::to_string(vocabulary_max - 1));
    }
    token.id = static_cast<Token>(*id);
    const auto special = json_bool(entry, "special", false, where);
    if (!special) return std::unexpected(special.error());
    token.special = *special;
    for (const auto& [key, field, fallback] :
         {std::tuple("lstrip", &token.strips_left, false), std::tuple("rstrip", &token.strips_right, false),
          std::tuple("single_word", &token.whole_word, false),
          std::tuple("normalized", &token.normalized, !*special)}) {
      const auto value = json_bool(entry, key, fallback, where);
      if (!value) return std::unexpected(value.error());
      *field = *value;
    }
    out.push_back(std::move(token));
  }
  return out;
}

// Texts by id; ids may leave gaps.
Result<void> set_texts(const JsonVocabulary& vocabulary, const std::vector<AddedToken>& added,
                       Tokenizer::Parts& parts) {
  std::size_t count = 0;
  for (const auto& [text, token] : vocabulary.entries) count = std::max(count, static_cast<std::size_t>(token) + 1);
  for (const AddedToken& token : added) count = std::max(count, static_cast<std::size_t>(token.id) + 1);
  if (count > vocabulary.entries.size() + added.size() + gap_max) {
    return fail(Errc::bad_value, "tokenizer.json: id " + std::to_string(count - 1) + " for a vocabulary of " +
                                     std::to_string(vocabulary.entries.size() + added.size()) + " tokens");
  }
  std::vector<std::string_view> texts(count);
  parts.is_special.assign(count, false);
  parts.by_text = TokenTable(count);
  for (const auto& [text, token] : vocabulary.entries) texts[static_cast<std::size_t>(token)] = text;
  for (const AddedToken& token : added) {
    texts[static_cast<std::size_t>(token.id)] = token.text;
    parts.is_special[static_cast<std::size_t>(token.id)] = token.special;
  }
  for (std::size_t t = 0; t < count; ++t) {
    parts.texts.add(texts[t]);
    if (!texts[t].empty()) parts.by_text.insert(texts[t], static_cast<Token>(t));
  }
  return {};
}

Result<void> set_added(const std::vector<AddedToken>& added, Tokenizer::Parts& parts) {
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  NormalScratch scratch;
  for (const AddedToken& token : added) {
    if (!token.normalized || parts.normal.empty()) {
      (token.normalized ? normalized : raw).push_back(token);
      continue;
    }
    const auto text = normalize(parts.normal, token.text, {}, scratch);
    if (!text) return std::unexpected(text.error());
    normalized.push_back(token);
    normalized.back().text = std::string(*text);
  }
  parts.added.set(raw);
  parts.added_normalized.set(normalized);
  return {};
}

// The token that tokenizer_config.json gives a role: a text, or {"content": text}.
Result<std::optional<Token>> config_token(const Json& config, std::string_view key, const Tokenizer::Parts& parts) {
  const Json* value = json_find(config, key);
  if (value != nullptr && value->is_object()) value = json_find(*value, "content");
  if (value == nullptr) return std::optional<Token>();
  const std::string where = "tokenizer_config.json: " + std::string(key);
  if (!value->is_string()) return json_wrong(where, "a text");
  const Token token = parts.by_text.find(value->get_ref<const std::string&>());
  return token == TokenTable::absent ? std::optional<Token>() : std::optional(token);
}

Result<void> read_config(std::string_view text, Tokenizer::Parts& parts) {
  const auto config = parse_json(text, "tokenizer_config.json");
  if (!config) return std::unexpected(config.error());
  SpecialTokens& s = parts.special;
  for (const auto& [key, role] :
       {std::pair("bos_token", &s.bos), std::pair("eos_token", &s.eos), std::pair("unk_token", &s.unk),
        std::pair("pad_token", &s.pad), std::pair("sep_token", &s.sep), std::pair("mask_token", &s.mask)}) {
    const auto token = config_token(*config, key, parts);
    if (!token) return std::unexpected(token.error());
    if (*token) *role = **token;
  }
  // Classes that build their own post-processor from these two settings.
  const Json* cls = json_find(*config, "tokenizer_class");
  const std::string name = cls != nullptr && cls->is_string() ? cls->get<std::string>() : std::string();
  const bool rebuilds = name.starts_with("Llama") || name.starts_with("CodeLlama") || name.starts_with("Gemma");
  if (!rebuilds) return {};
  if (json_find(*config, "add_bos_token") != nullptr) {
    const auto add = json_bool(*config, "add_bos_token", true, "tokenizer_config.json");
    if (!add) return std::unexpected(add.error());
    parts.begin_tokens.clear();
    if (*add && s.bos) parts.begin_tokens.push_back(*s.bos);
  }
  if (json_find(*config, "add_eos_token") != nullptr) {
    const auto add = json_bool(*config, "add_eos_token", false, "tokenizer_config.json");
    if (!add) return std::unexpected(add.error());
    parts.closing_tokens.clear();
    if (*add && s.eos) parts.closing_tokens.push_back(*s.eos);
  }
  return {};
}

}  // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view json, std::string_view config) {
  const auto root = parse_json(json, "tokenizer.json");
  if (!root) return std::unexpected(root.error());
  if (!root->is_object()) return json_wrong("tokenizer.json", "an object");
  const Json nothing;
  const auto part = [&](std::string_view key) -> const Json& {
    const Json* found = json_find(*root, key);
    return found == nullptr ? nothing : *found;
  };
  auto parts = std::make_unique<Parts>();
  const Json& model = part("model");
  if (!model.is_object()) return json_wrong("tokenizer.json: model", "an object");
  const auto vocabulary = read_vocabulary(model);
  if (!vocabulary) return std::unexpected(vocabulary.error());
  const auto added = read_added(*root);
  if (!added) return std::unexpected(added.error());
  ASSAY_TRY(set_texts(*vocabulary, *added, *parts));
  ASSAY_TRY(read_normalizer(part("normalizer"), "normalizer", parts->normal));
  ASSAY_TRY(read_pre_tokenizer(part("pre_tokenizer"), "pre_tokenizer", parts->pre, parts->bytes));
  // Where nothing looks at the letters, the words stay bytes.
  if (!parts->pre.empty() && std::holds_alternative<LettersStep>(parts->pre.back())) parts->pre.pop_back();
  ASSAY_TRY(read_model(model, *vocabulary, *parts));
  ASSAY_TRY(set_added(*added, *parts));
  ASSAY_TRY(read_post_processor(part("post_processor"), "post_processor", *parts));
  ASSAY_TRY(read_decoder(part("decoder"), *parts));
  if (!parts->begin_tokens.empty()) parts->special.bos = parts->begin_tokens.front();
  if (!config.empty()) ASSAY_TRY(read_config(config, *parts));
  parts->end_tokens = find_end_tokens(parts->by_text, parts->special).ends;
  return Tokenizer(std::move(parts));
}

}  // namespace assay
