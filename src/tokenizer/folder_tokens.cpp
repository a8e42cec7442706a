#include "tokenizer/folder_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "base/text.h"
#include "tokenizer/json_parts.h"

namespace assay {
namespace {

constexpr std::array<std::string_view, 7> roles{"bos_token", "eos_token", "unk_token", "sep_token",
                                                "pad_token", "cls_token", "mask_token"};

bool is_role(std::string_view key) { return std::ranges::find(roles, key) != roles.end(); }

// A token as the files write it: a text (which is special), or an object with content and flags.
Result<AddedEntry> read_entry(const Json& value, const std::string& where, bool special) {
  AddedEntry out;
  out.where = where;
  if (value.is_string()) {
    out.text = value.get<std::string>();
    out.is_text = true;
    out.special = true;
    return out;
  }
  if (!value.is_object()) return json_wrong(where, "a text, or an object with \"content\"");
  auto text = json_text(value, "content", where);
  if (!text) return std::unexpected(text.error());
  out.text = std::move(*text);
  out.special = special;
  for (const auto& [key, field] : {std::pair("lstrip", &out.strips_left), std::pair("rstrip", &out.strips_right),
                                   std::pair("single_word", &out.whole_word), std::pair("special", &out.special)}) {
    const auto flag = json_bool(value, key, *field, where);
    if (!flag) return std::unexpected(flag.error());
    *field = *flag || (special && field == &out.special);
  }
  if (json_find(value, "normalized") != nullptr) {
    const auto flag = json_bool(value, "normalized", false, where);
    if (!flag) return std::unexpected(flag.error());
    out.normalized = *flag;
  }
  return out;
}

using Keyed = std::vector<std::pair<std::string, AddedEntry>>;

// The place of a key stays, its value is the last.
void set_key(Keyed& list, const std::string& key, AddedEntry entry) {
  const auto found = std::ranges::find(list, key, [](const auto& pair) { return pair.first; });
  if (found == list.end()) {
    list.emplace_back(key, std::move(entry));
  } else {
    found->second = std::move(entry);
  }
}

// Everything that tokenizer_config.json and special_tokens_map.json say together.
struct Named {
  std::map<std::string, AddedEntry, std::less<>> role;  // by key
  Keyed of_map;                                         // further keys that end in _token, of special_tokens_map.json
  Keyed own;  // and of tokenizer_config.json; then those of an object of extra tokens
  std::vector<AddedEntry> extra;
  std::vector<AddedEntry> late;  // additional_special_tokens of special_tokens_map.json
  bool has_extra = false;
};

Result<void> read_extra(const Json& value, const std::string& where, bool special, Named& out,
                        std::vector<AddedEntry>& list) {
  out.has_extra = true;
  if (value.is_object()) {
    for (const auto& [key, token] : value.items()) {
      auto entry = read_entry(token, where + "." + key, true);
      if (!entry) return std::unexpected(std::move(entry.error()));
      set_key(out.own, key, std::move(*entry));
    }
    return {};
  }
  if (!value.is_array() || value.size() > vocabulary_max) return json_wrong(where, "a list or an object of tokens");
  std::size_t index = 0;
  std::unordered_set<std::string> there;
  for (const AddedEntry& entry : list) there.insert(entry.text);
  for (const Json& token : value) {
    auto entry = read_entry(token, where + "[" + std::to_string(index++) + "]", special);
    if (!entry) return std::unexpected(std::move(entry.error()));
    if (there.insert(entry->text).second) list.push_back(std::move(*entry));
  }
  return {};
}

// `map`: this is special_tokens_map.json, where objects are special whatever they say.
Result<void> read_named(const Json& json, const std::string& file, bool map, Named& out) {
  for (const auto& [key, value] : json.items()) {
    const bool role = is_role(key);
    if (value.is_null()) {
      if (role) out.role.erase(key);
      continue;
    }
    if (!role && !key.ends_with("_token")) continue;
    if (!role && !value.is_string() && !(value.is_object() && (map || value.contains("__type")))) continue;
    auto entry = read_entry(value, file + ": " + key, map);
    if (!entry) return std::unexpected(std::move(entry.error()));
    if (role) {
      out.role.insert_or_assign(key, std::move(*entry));
    } else {
      set_key(map ? out.of_map : out.own, key, std::move(*entry));
    }
  }
  const Json* extra = json_find(json, "extra_special_tokens");
  const Json* additional = json_find(json, "additional_special_tokens");
  if (extra != nullptr && !extra->empty()) {
    ASSAY_TRY(read_extra(*extra, file + ": extra_special_tokens", map, out, out.extra));
  }
  if (additional != nullptr && !additional->empty() && !out.has_extra) {
    ASSAY_TRY(read_extra(*additional, file + ": additional_special_tokens", map, out, map ? out.late : out.extra));
  }
  return {};
}

Result<Token> read_index(std::string_view text, const std::string& where) {
  Token id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0)
    return json_wrong(where + "." + in_quotes(text), "an id as the key");
  return id;
}

using ById = std::map<Token, AddedEntry>;

Result<void> read_decoder(const Json& json, ById& out) {
  const std::string where = "tokenizer_config.json: added_tokens_decoder";
  if (!json.is_object() || json.size() > vocabulary_max) return json_wrong(where, "an object of ids and tokens");
  for (const auto& [key, value] : json.items()) {
    const auto id = read_index(key, where);
    if (!id) return std::unexpected(id.error());
    if (!value.is_object()) return json_wrong(where + "." + key, "an object with \"content\"");
    auto entry = read_entry(value, where + "." + key, false);
    if (!entry) return std::unexpected(std::move(entry.error()));
    entry->id = *id;
    out.insert_or_assign(*id, std::move(*entry));
  }
  return {};
}

// {"text": id}
Result<void> read_added_file(std::string_view text, const Named& named, ById& out) {
  const std::string where = "added_tokens.json";
  const auto json = parse_json(text, where);
  if (!json) return std::unexpected(json.error());
  if (!json->is_object() || json->size() > vocabulary_max) return json_wrong(where, "an object of texts and ids");
  const auto is_special = [&](const std::string& token) {
    return std::ranges::any_of(named.role, [&](const auto& one) { return one.second.text == token; }) ||
           std::ranges::find(named.extra, token, &AddedEntry::text) != named.extra.end();
  };
  for (const auto& [token, id] : json->items()) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > INT32_MAX)
      return json_wrong(where + ": " + in_quotes(token), "an id");
    const bool special = is_special(token);
    AddedEntry entry{.text = token, .id = id.get<Token>(), .special = special, .normalized = !special, .where = where};
    out.insert_or_assign(entry.id, std::move(entry));
  }
  return {};
}

}  // namespace

Result<std::vector<AddedEntry>> read_added_tokens(const Json& root, std::string_view where_list, Ids ids) {
  std::vector<AddedEntry> out;
  const Json* list = json_find(root, "added_tokens");
  if (list == nullptr) return out;
  const std::string name(where_list);
  if (!list->is_array() || list->size() > vocabulary_max) return json_wrong(name, "a list");
  for (const Json& token : *list) {
    const std::string where = name + "[" + std::to_string(out.size()) + "]";
    if (!token.is_object()) return json_wrong(where, "an object with \"content\"");
    auto entry = read_entry(token, where, false);
    if (!entry) return std::unexpected(std::move(entry.error()));
    const auto id = json_integer(token, "id", -1, where);
    if (!id) return std::unexpected(id.error());
    const bool left_out = ids == Ids::optional && json_find(token, "id") == nullptr;
    if (!left_out && (*id < 0 || *id >= static_cast<std::int64_t>(vocabulary_max))) {
      return json_wrong(where + ".id " + std::to_string(*id), "0 to " + std::to_string(vocabulary_max - 1));
    }
    entry->id = static_cast<Token>(*id);
    out.push_back(std::move(*entry));
  }
  return out;
}

Result<FolderTokens> read_folder_tokens(const TokenizerFiles& files, const std::vector<AddedEntry>& own) {
  FolderTokens out;
  Named named;
  ById by_id;
  Json config = Json::object();
  if (!files.tokenizer_config.empty()) {
    auto parsed = parse_json(files.tokenizer_config, "tokenizer_config.json");
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    if (!parsed->is_object()) return json_wrong("tokenizer_config.json", "an object");
    config = std::move(*parsed);
  }
  const auto splits = json_bool(config, "split_special_tokens", false, "tokenizer_config.json");
  if (!splits) return std::unexpected(splits.error());
  if (*splits) return json_refuse("tokenizer_config.json: split_special_tokens", "true (no text is a control token)");
  ASSAY_TRY(read_named(config, "tokenizer_config.json", false, named));
  if (const Json* decoder = json_find(config, "added_tokens_decoder")) {
    ASSAY_TRY(read_decoder(*decoder, by_id));
  } else {
    if (!files.special_tokens_map.empty()) {
      const auto map = parse_json(files.special_tokens_map, "special_tokens_map.json");
      if (!map) return std::unexpected(map.error());
      if (!map->is_object()) return json_wrong("special_tokens_map.json", "an object");
      ASSAY_TRY(read_named(*map, "special_tokens_map.json", true, named));
    }
    if (!files.added_tokens.empty()) ASSAY_TRY(read_added_file(files.added_tokens, named, by_id));
    for (const AddedEntry& entry : own) by_id.insert_or_assign(entry.id, entry);
  }

  std::unordered_set<std::string> there;
  for (const AddedEntry& entry : own) there.insert(entry.text);
  for (auto& [id, entry] : by_id) {
    there.insert(entry.text);
    out.later.push_back(std::move(entry));
  }
  const std::size_t listed = out.later.size();
  const auto add_new = [&](const AddedEntry& entry) {
    if (there.contains(entry.text)) return;
    // One that is named twice counts twice where its flags differ: the last are the token's.
    const bool again = std::any_of(out.later.begin() + static_cast<std::ptrdiff_t>(listed), out.later.end(),
                                   [&](const AddedEntry& other) {
                                     return other.text == entry.text && other.is_text == entry.is_text &&
                                            (entry.is_text || same_flags(other, entry));
                                   });
    if (!again) out.later.push_back(entry);
  };
  std::unordered_set<std::string> special;
  for (const std::string_view key : roles) {
    if (const auto found = named.role.find(key); found != named.role.end()) {
      add_new(found->second);
      special.insert(found->second.text);
    }
  }
  for (const auto& [key, entry] : named.own) set_key(named.of_map, key, entry);
  for (const auto& [key, entry] : named.of_map) {
    add_new(entry);
    special.insert(entry.text);
  }
  for (const auto* list : {&named.extra, &named.late}) {
    for (const AddedEntry& entry : *list) add_new(entry);
  }
  for (AddedEntry& entry : out.later) entry.special = entry.special || special.contains(entry.text);
  for (const auto& [key, text] :
       {std::pair("bos_token", &out.bos), std::pair("eos_token", &out.eos), std::pair("unk_token", &out.unk),
        std::pair("sep_token", &out.sep), std::pair("pad_token", &out.pad), std::pair("mask_token", &out.mask)}) {
    if (const auto found = named.role.find(key); found != named.role.end()) *text = found->second.text;
  }
  return out;
}

namespace {

// eos_token_id of one object: absent, null, a number or a list of them.
Result<void> read_end_ids(const Json& json, const std::string& where, std::size_t tokens, std::vector<Token>& out) {
  const Json* value = json_find(json, "eos_token_id");
  if (value == nullptr) return {};
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (const Json& one : list) {
    const bool whole = one.is_number_integer();
    const auto id = whole ? one.get<std::int64_t>() : -2;
    if (whole && id == -1) continue;
    if (id < 0 || id >= static_cast<std::int64_t>(tokens)) {
      return fail(Errc::bad_value, where + ": met " +
                                       in_quotes(one.dump(-1, ' ', true, Json::error_handler_t::replace)) +
                                       ", expected an id of 0 to " + std::to_string(tokens - 1) + " or a list of them");
    }
    out.push_back(static_cast<Token>(id));
  }
  return {};
}

}  // namespace

Result<NamedEnds> read_named_ends(const TokenizerFiles& files, std::size_t tokens) {
  NamedEnds out;
  Json config = Json::object();
  if (!files.config.empty()) {
    auto parsed = parse_json(files.config, "config.json");
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    config = std::move(*parsed);
  }
  const Json* inner = json_find(config, "text_config");
  for (const Json* one : {&std::as_const(config), inner}) {
    const Json* rows = one == nullptr ? nullptr : json_find(*one, "vocab_size");
    if (rows != nullptr && rows->is_number_unsigned() && rows->get<std::uint64_t>() <= vocabulary_max)
      tokens = std::max(tokens, rows->get<std::size_t>());
  }
  ASSAY_TRY(read_end_ids(config, "config.json: eos_token_id", tokens, out.config));
  if (inner != nullptr) ASSAY_TRY(read_end_ids(*inner, "config.json: text_config.eos_token_id", tokens, out.config));
  if (files.generation_config.empty()) return out;
  const auto generation = parse_json(files.generation_config, "generation_config.json");
  if (!generation) return std::unexpected(generation.error());
  if (!generation->is_object()) return json_wrong("generation_config.json", "an object");
  ASSAY_TRY(read_end_ids(*generation, "generation_config.json: eos_token_id", tokens, out.generation));
  return out;
}

}  // namespace assay
