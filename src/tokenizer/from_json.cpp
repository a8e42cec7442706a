// A Tokenizer from Hugging Face's tokenizer.json and the files beside it.
#include <algorithm>
#include <unordered_set>

#include "tokenizer/end_tokens.h"
#include "tokenizer/folder_tokens.h"
#include "tokenizer/json_parts.h"
#include "tokenizer/stored_json.h"

namespace assay {
namespace {

constexpr std::size_t gap_max = std::size_t{1} << 20;  // ids without a token that a file may leave

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
  std::unordered_set<std::string> there;  // of tokens that read the same once normalized the first counts
  NormalScratch scratch;
  for (const AddedToken& token : added) {
    if (!token.normalized) {
      raw.push_back(token);
      continue;
    }
    const auto text = normalize(parts.normal, token.text, {}, scratch);
    if (!text) return std::unexpected(text.error());
    if (!there.emplace(*text).second) continue;
    normalized.push_back(token);
    normalized.back().text = std::string(*text);
  }
  parts.added.set(raw);
  parts.added_normalized.set(normalized);
  return {};
}

struct Source {
  const Json& root;  // tokenizer.json; vocab and merges are not read from it
  const JsonVocabulary& vocabulary;
  const std::vector<AddedEntry>& own;
  const FolderTokens& folder;
};

void set_roles(const FolderTokens& folder, Tokenizer::Parts& parts) {
  SpecialTokens& s = parts.special;
  for (const auto& [text, role] :
       {std::pair(&folder.bos, &s.bos), std::pair(&folder.eos, &s.eos), std::pair(&folder.unk, &s.unk),
        std::pair(&folder.pad, &s.pad), std::pair(&folder.sep, &s.sep), std::pair(&folder.mask, &s.mask)}) {
    if (!*text) continue;
    const Token token = parts.by_text.find(**text);
    if (token != TokenTable::absent) *role = token;
  }
}

// All but the ends. `added` gets the ids that are added tokens.
Result<std::unique_ptr<Tokenizer::Parts>> build(const Source& source, std::unordered_set<Token>& added) {
  const Json nothing;
  const auto part = [&](std::string_view key) -> const Json& {
    const Json* found = json_find(source.root, key);
    return found == nullptr ? nothing : *found;
  };
  auto parts = std::make_unique<Tokenizer::Parts>();
  const Json& model = part("model");
  AddedVocabulary all(source.vocabulary.entries);
  ASSAY_TRY(all.add(source.own));
  ASSAY_TRY(all.add(source.folder.later));
  const std::vector<AddedToken> tokens = all.listed();
  for (const AddedToken& token : tokens) added.insert(token.id);
  ASSAY_TRY(set_texts(source.vocabulary, tokens, *parts));
  ASSAY_TRY(read_normalizer(part("normalizer"), "normalizer", parts->normal));
  ASSAY_TRY(read_pre_tokenizer(part("pre_tokenizer"), "pre_tokenizer", parts->pre, parts->bytes));
  // Where nothing looks at the letters, the words stay bytes.
  if (!parts->pre.empty() && std::holds_alternative<LettersStep>(parts->pre.back())) parts->pre.pop_back();
  ASSAY_TRY(read_model(model, source.vocabulary, *parts));
  ASSAY_TRY(set_added(tokens, *parts));
  ASSAY_TRY(read_post_processor(part("post_processor"), "post_processor", *parts));
  ASSAY_TRY(read_decoder(part("decoder"), *parts));
  if (!parts->begin_tokens.empty()) parts->special.bos = parts->begin_tokens.front();
  set_roles(source.folder, *parts);
  return parts;
}

Result<Json> parse_root(std::string_view text) {
  auto root = parse_json(text, "tokenizer.json");
  if (!root) return root;
  if (!root->is_object()) return json_wrong("tokenizer.json", "an object");
  const Json* model = json_find(*root, "model");
  if (model == nullptr || !model->is_object()) return json_wrong("tokenizer.json: model", "an object");
  return root;
}

// A flag of an added token as tokenizer.json writes it.
Json to_json(const AddedEntry& entry) {
  Json out = {{"content", entry.text},        {"single_word", entry.whole_word},     {"lstrip", entry.strips_left},
              {"rstrip", entry.strips_right}, {"normalized", entry.is_normalized()}, {"special", entry.special}};
  if (entry.id >= 0) out["id"] = entry.id;
  return out;
}

constexpr std::int64_t stored_version = 1;

}  // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view json, std::string_view config) {
  return from_files({.tokenizer = json,
                     .tokenizer_config = config,
                     .special_tokens_map = {},
                     .added_tokens = {},
                     .generation_config = {},
                     .config = {}});
}

Result<Tokenizer> Tokenizer::from_files(const TokenizerFiles& files) {
  const auto root = parse_root(files.tokenizer);
  if (!root) return std::unexpected(root.error());
  const auto vocabulary = read_vocabulary((*root)["model"]);
  if (!vocabulary) return std::unexpected(vocabulary.error());
  const auto own = read_added_tokens(*root, "added_tokens");
  if (!own) return std::unexpected(own.error());
  const auto folder = read_folder_tokens(files, *own);
  if (!folder) return std::unexpected(folder.error());
  std::unordered_set<Token> added;
  auto parts = build({*root, *vocabulary, *own, *folder}, added);
  if (!parts) return std::unexpected(parts.error());
  auto named = read_named_ends(files, (*parts)->texts.size());
  if (!named) return std::unexpected(named.error());
  // Where generation_config.json names ends, an id of config.json that is ordinary text is a default that nobody meant.
  for (const Token token : named->config) {
    if (named->generation.empty() || added.contains(token)) named->generation.push_back(token);
  }
  (*parts)->end_tokens = find_end_tokens((*parts)->by_text, (*parts)->special, named->generation).ends;
  return Tokenizer(std::move(*parts));
}

Result<ToStore> stored_json(const TokenizerFiles& files) {
  auto root = parse_root(files.tokenizer);
  if (!root) return std::unexpected(root.error());
  const auto vocabulary = read_vocabulary((*root)["model"]);
  if (!vocabulary) return std::unexpected(vocabulary.error());
  const auto own = read_added_tokens(*root, "added_tokens");
  if (!own) return std::unexpected(own.error());
  const auto folder = read_folder_tokens(files, *own);
  if (!folder) return std::unexpected(folder.error());
  AddedVocabulary all(vocabulary->entries);
  ASSAY_TRY(all.add(*own));
  ASSAY_TRY(all.add(folder->later));
  std::unordered_set<std::string_view> of_model;
  for (const auto& [text, token] : vocabulary->entries) of_model.insert(text);
  std::vector<Token> outside;
  std::vector<AddedToken> added = all.listed();
  for (const AddedToken& token : added) {
    if (!of_model.contains(token.text)) outside.push_back(token.id);
  }
  std::ranges::sort(outside);
  const auto [same, end] = std::ranges::unique(outside);
  outside.erase(same, end);
  Json later = Json::array();
  for (const AddedEntry& entry : folder->later) later.push_back(to_json(entry));
  Json roles = Json::object();
  for (const auto& [key, text] : {std::pair("bos_token", &folder->bos), std::pair("eos_token", &folder->eos),
                                  std::pair("unk_token", &folder->unk), std::pair("sep_token", &folder->sep),
                                  std::pair("pad_token", &folder->pad), std::pair("mask_token", &folder->mask)}) {
    if (*text) roles[key] = **text;
  }
  (*root)["model"]["type"] = "BPE";  // the oldest files do not say it
  (*root)["model"].erase("vocab");
  (*root)["model"].erase("merges");
  const Json out = {{"version", stored_version},
                    {"tokenizer", std::move(*root)},
                    {"later", std::move(later)},
                    {"roles", std::move(roles)},
                    {"outside", outside}};
  return ToStore{.json = out.dump(-1, ' ', false, Json::error_handler_t::replace), .added = std::move(added)};
}

namespace {

Result<FolderTokens> stored_tokens(const Json& json) {
  FolderTokens out;
  auto later = read_added_tokens(
      {{"added_tokens", json_find(json, "later") != nullptr ? json["later"] : Json::array()}}, "later", Ids::optional);
  if (!later) return std::unexpected(std::move(later.error()));
  out.later = std::move(*later);
  const Json* roles = json_find(json, "roles");
  if (roles == nullptr) return out;
  for (const auto& [key, text] :
       {std::pair("bos_token", &out.bos), std::pair("eos_token", &out.eos), std::pair("unk_token", &out.unk),
        std::pair("sep_token", &out.sep), std::pair("pad_token", &out.pad), std::pair("mask_token", &out.mask)}) {
    if (json_find(*roles, key) == nullptr) continue;
    auto role = json_text(*roles, key, "roles");
    if (!role) return std::unexpected(std::move(role.error()));
    *text = std::move(*role);
  }
  return out;
}

Result<JsonVocabulary> stored_vocabulary(const StoredJson& stored, const Json& json) {
  JsonVocabulary out;
  std::unordered_set<std::int64_t> outside;
  const auto list = json_list(json, "outside", "");
  if (!list) return std::unexpected(list.error());
  for (const Json& id : **list) {
    if (!id.is_number_integer()) return json_wrong("outside", "a list of ids");
    outside.insert(id.get<std::int64_t>());
  }
  for (std::size_t t = 0; t < stored.tokens.size(); ++t) {
    const bool unused = t < stored.types.size() && stored.types[t] == VocabularyData::unused;
    if (unused || outside.contains(static_cast<std::int64_t>(t))) continue;
    if (stored.tokens[t].size() > token_bytes_max)
      return json_wrong("token " + std::to_string(t), "a text of at most 4096 bytes");
    out.entries.emplace_back(stored.tokens[t], static_cast<Token>(t));
  }
  for (const std::string_view merge : stored.merges) {
    const std::size_t space = merge.size() < 3 ? std::string_view::npos : merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size())
      return json_wrong("merge " + std::to_string(out.merges.size()), "two texts and a space");
    out.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return out;
}

Result<Tokenizer> make_stored(const StoredJson& stored) {
  const auto json = parse_json(stored.json, "the text");
  if (!json) return std::unexpected(json.error());
  if (!json->is_object()) return json_wrong("the text", "an object");
  const auto version = json_integer(*json, "version", 0, "");
  if (!version) return std::unexpected(version.error());
  if (*version != stored_version) return json_refuse("version " + std::to_string(*version), "another one than 1");
  const Json* root = json_find(*json, "tokenizer");
  const Json* model = root == nullptr ? nullptr : json_find(*root, "model");
  if (model == nullptr || !model->is_object()) return json_wrong("tokenizer.model", "an object");
  const auto vocabulary = stored_vocabulary(stored, *json);
  if (!vocabulary) return std::unexpected(vocabulary.error());
  const auto own = read_added_tokens(*root, "tokenizer.added_tokens");
  if (!own) return std::unexpected(own.error());
  const auto folder = stored_tokens(*json);
  if (!folder) return std::unexpected(folder.error());
  std::unordered_set<Token> added;
  auto parts = build({*root, *vocabulary, *own, *folder}, added);
  if (!parts) return std::unexpected(parts.error());
  std::vector<Token> named;
  for (const std::int64_t id : stored.ends) {
    if (id < 0 || id >= static_cast<std::int64_t>(std::max(stored.tokens.size(), (*parts)->texts.size())))
      return json_wrong(std::string(end_tokens_key) + ": " + std::to_string(id), "a token of the vocabulary");
    named.push_back(static_cast<Token>(id));
  }
  (*parts)->end_tokens = find_end_tokens((*parts)->by_text, (*parts)->special, named).ends;
  return Tokenizer(std::move(*parts));
}

}  // namespace

Result<Tokenizer> Tokenizer::from_stored(const StoredJson& stored) {
  auto made = make_stored(stored);
  if (!made) return std::unexpected(with_context(stored_json_key, made.error()));
  return made;
}

}  // namespace assay
