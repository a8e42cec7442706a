#include "artifact/texts.h"

#include <array>
#include <filesystem>
#include <utility>

#include "base/json.h"
#include "base/mapped_file.h"
#include "tokenizer/from_gguf.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t text_bytes_max = 256U << 20U;  // the largest published tokenizer.json is below 40 MB

using Templates = std::map<std::string, std::string>;

// Tokenizers that a folder may have in tokenizer.json's place.
std::string other_tokenizer(const fs::path& folder) {
  std::error_code ignored;
  for (const char* other : {"tokenizer.model", "tekken.json", "vocab.json", "tiktoken.model", "vocab.txt"}) {
    if (fs::exists(folder / other, ignored)) {
      return "; " + std::string(other) +
             " alone is not read, transformers makes a tokenizer.json of it: "
             "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)";
    }
  }
  return "";
}

Result<void> read_optional(const fs::path& path, std::string& out) {
  auto text = read_text_file(path.string(), text_bytes_max);
  if (text) out = std::move(*text);
  return text || text.error().code == Errc::not_found ? Result<void>() : std::unexpected(std::move(text.error()));
}

std::unexpected<Error> no_template(const std::string& where) {
  return fail(Errc::bad_value, where +
                                   ": chat_template: expected a text, a list of {\"name\", \"template\"}, or an "
                                   "object of names and texts");
}

// The value of a key "chat_template".
Result<Templates> read_templates(const Json& value, const std::string& where) {
  if (value.is_null()) return Templates();
  if (value.is_string()) return Templates{{"default", value.get<std::string>()}};
  Templates out;
  if (value.is_object()) {
    for (const auto& [name, text] : value.items()) {
      if (!text.is_string()) return no_template(where);
      out.emplace(name, text.get<std::string>());
    }
    return out;
  }
  if (!value.is_array()) return no_template(where);
  for (const Json& entry : value) {
    const bool fits = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                      entry.contains("template") && entry["template"].is_string();
    if (!fits) return no_template(where);
    out.insert_or_assign(entry["name"].get<std::string>(), entry["template"].get<std::string>());
  }
  return out;
}

Result<Templates> templates_in(const Checkpoint& checkpoint, const std::string& file) {
  const auto text = checkpoint.folder_text(file);
  if (!text) return std::unexpected(text.error());
  if (!*text) return Templates();
  const std::string where = checkpoint.folder() + "/" + file;
  const auto json = parse_json(**text, where);
  if (!json) return std::unexpected(json.error());
  if (!json->is_object() || !json->contains("chat_template")) return Templates();
  return read_templates((*json)["chat_template"], where);
}

Result<Templates> folder_templates(const Checkpoint& checkpoint) {
  Templates out;
  auto file = checkpoint.folder_text("chat_template.jinja");
  if (!file) return std::unexpected(std::move(file.error()));
  if (*file) out.emplace("default", std::move(**file));
  std::error_code error;
  const fs::path more = fs::path(checkpoint.folder()) / "additional_chat_templates";
  for (const auto& entry : fs::directory_iterator(more, error)) {
    if (entry.path().extension() != ".jinja") continue;
    auto text = read_text_file(entry.path().string(), text_bytes_max);
    if (!text) return std::unexpected(std::move(text.error()));
    out.insert_or_assign(entry.path().stem().string(), std::move(*text));
  }
  if (!out.empty()) return out;
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    auto found = templates_in(checkpoint, name);
    if (!found || !found->empty()) return found;
  }
  return out;
}

Result<Templates> gguf_templates(const Gguf& gguf) {
  constexpr std::string_view key = "tokenizer.chat_template";
  Templates out;
  for (const GgufEntry& entry : gguf.metadata()) {
    if (!entry.key.starts_with(key)) continue;
    const std::string_view rest = entry.key.substr(key.size());
    if (!rest.empty() && rest.front() != '.') continue;  // tokenizer.chat_templates lists the names
    const auto text = gguf_cast<std::string_view>(entry.value);
    if (!text) return std::unexpected(gguf.in_key(entry.key, text.error()));
    out.insert_or_assign(rest.empty() ? "default" : std::string(rest.substr(1)), std::string(*text));
  }
  return out;
}

}  // namespace

Result<TokenizerTexts> read_tokenizer_texts(const std::string& path) {
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error);
  const fs::path folder = is_folder ? fs::path(path) : fs::path(path).parent_path();
  const fs::path tokenizer = is_folder ? folder / "tokenizer.json" : fs::path(path);
  TokenizerTexts out;
  auto text = read_text_file(tokenizer.string(), text_bytes_max);
  if (!text && text.error().code == Errc::not_found)
    return fail(Errc::not_found, tokenizer.string() + ": expected beside config.json" + other_tokenizer(folder));
  if (!text) return std::unexpected(std::move(text.error()));
  out.tokenizer = std::move(*text);
  for (const auto& [name, place] :
       {std::pair("tokenizer_config.json", &out.tokenizer_config),
        std::pair("special_tokens_map.json", &out.special_tokens_map),
        std::pair("added_tokens.json", &out.added_tokens), std::pair("generation_config.json", &out.generation_config),
        std::pair("config.json", &out.config)}) {
    ASSAY_TRY(read_optional(folder / name, *place));
  }
  return out;
}

Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint) {
  if (const Gguf* gguf = checkpoint.gguf()) return tokenizer_from_gguf(*gguf);
  const auto texts = read_tokenizer_texts(checkpoint.folder());
  if (!texts) return std::unexpected(texts.error());
  return Tokenizer::from_files(texts->files());
}

Result<Templates> find_chat_templates(const Checkpoint& checkpoint) {
  const Gguf* gguf = checkpoint.gguf();
  return gguf != nullptr ? gguf_templates(*gguf) : folder_templates(checkpoint);
}

Result<std::optional<std::string>> find_chat_template(const Checkpoint& checkpoint) {
  auto all = find_chat_templates(checkpoint);
  if (!all) return std::unexpected(std::move(all.error()));
  if (all->empty()) return std::nullopt;
  if (const auto found = all->find("default"); found != all->end()) return std::move(found->second);
  std::string names;
  for (const auto& [name, text] : *all) names += (names.empty() ? "" : ", ") + name;
  return fail(Errc::bad_value,
              checkpoint.files().front() + ": chat templates " + names + ", expected one named default");
}

}  // namespace assay::artifact
