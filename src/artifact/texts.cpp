#include "artifact/texts.h"

#include "base/json.h"
#include "tokenizer/from_gguf.h"

namespace assay::artifact {

Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint) {
  if (const Gguf* gguf = checkpoint.gguf()) return tokenizer_from_gguf(*gguf);
  auto json = checkpoint.folder_text("tokenizer.json");
  if (!json) return std::unexpected(std::move(json.error()));
  if (!*json) return fail(Errc::not_found, checkpoint.folder() + "/tokenizer.json: expected beside config.json");
  auto config = checkpoint.folder_text("tokenizer_config.json");
  if (!config) return std::unexpected(std::move(config.error()));
  return Tokenizer::from_json(**json, config->value_or(""));
}

Result<std::optional<std::string>> find_chat_template(const Checkpoint& checkpoint) {
  if (const Gguf* gguf = checkpoint.gguf()) {
    auto text = gguf->maybe<std::string_view>("tokenizer.chat_template");
    if (!text) return std::unexpected(std::move(text.error()));
    return *text ? std::optional(std::string(**text)) : std::nullopt;
  }
  auto file = checkpoint.folder_text("chat_template.jinja");
  if (!file || *file) return file;
  auto config = checkpoint.folder_text("tokenizer_config.json");
  if (!config || !*config) return config;
  auto json = parse_json(**config, checkpoint.folder() + "/tokenizer_config.json");
  if (!json) return std::unexpected(std::move(json.error()));
  if (!json->is_object() || !json->contains("chat_template")) return std::nullopt;
  const Json& value = (*json)["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {  // several named ones
    for (const Json& entry : value) {
      if (entry.is_object() && entry.value("name", "") == "default" && entry.contains("template") &&
          entry["template"].is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  return fail(Errc::bad_value, checkpoint.folder() +
                                   "/tokenizer_config.json: chat_template: expected a text or a list "
                                   "with one named \"default\"");
}

}  // namespace assay::artifact
