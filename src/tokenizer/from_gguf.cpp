#include "tokenizer/from_gguf.h"

#include "tokenizer/stored_json.h"

namespace assay {

Result<Tokenizer> tokenizer_from_gguf(const Gguf& gguf) {
  VocabularyData data;
  // Reads an optional key into its place.
  const auto read = [&]<class T>(std::string_view key, T& out) -> Result<void> {
    auto value = gguf.maybe<T>("tokenizer.ggml." + std::string(key));
    if (!value) return std::unexpected(value.error());
    if (*value) out = std::move(**value);
    return {};
  };
  const auto read_optional = [&]<class T>(std::string_view key, std::optional<T>& out) -> Result<void> {
    auto value = gguf.maybe<T>("tokenizer.ggml." + std::string(key));
    if (!value) return std::unexpected(value.error());
    if (*value) out = **value;
    return {};
  };
  const auto model = gguf.get<std::string_view>("tokenizer.ggml.model");
  if (!model) return std::unexpected(model.error());
  data.model = *model;
  const auto tokens = gguf.get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  if (!tokens) return std::unexpected(tokens.error());
  data.tokens = *tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  std::vector<std::string_view> merges;
  ASSAY_TRY(read("pre", data.pre));
  ASSAY_TRY(read("scores", scores));
  ASSAY_TRY(read("token_type", types));
  ASSAY_TRY(read("merges", merges));
  data.scores = scores;
  data.types = types;
  data.merges = merges;
  const auto name = gguf.maybe<std::string_view>("general.name");
  if (!name) return std::unexpected(name.error());
  data.model_name = name->value_or("");
  if (const GgufValue* charsmap = gguf.find("tokenizer.ggml.precompiled_charsmap")) {
    if (charsmap->type != GgufType::array || (charsmap->element != GgufType::i8 && charsmap->element != GgufType::u8)) {
      return std::unexpected(gguf.in_key("tokenizer.ggml.precompiled_charsmap",
                                         {Errc::bad_value, charsmap->at, "expected an array of bytes"}));
    }
    data.charsmap = charsmap->bytes;
  }
  ASSAY_TRY(read_optional("bos_token_id", data.bos));
  ASSAY_TRY(read_optional("eos_token_id", data.eos));
  ASSAY_TRY(read_optional("eot_token_id", data.eot));
  ASSAY_TRY(read_optional("eom_token_id", data.eom));
  ASSAY_TRY(read_optional("unknown_token_id", data.unk));
  ASSAY_TRY(read_optional("seperator_token_id", data.sep));  // the format's own spelling
  ASSAY_TRY(read_optional("padding_token_id", data.pad));
  ASSAY_TRY(read_optional("mask_token_id", data.mask));
  ASSAY_TRY(read_optional("add_bos_token", data.add_bos));
  ASSAY_TRY(read_optional("add_eos_token", data.add_eos));
  ASSAY_TRY(read_optional("add_sep_token", data.add_sep));
  ASSAY_TRY(read_optional("add_space_prefix", data.add_space_prefix));
  ASSAY_TRY(read_optional("remove_extra_whitespaces", data.remove_extra_whitespaces));
  ASSAY_TRY(read_optional("normalizer.lowercase", data.lowercase));
  ASSAY_TRY(read_optional("normalizer.strip_accents", data.strip_accents));
  const std::string ends_key(end_tokens_key);
  const auto ends = gguf.maybe<std::vector<std::int64_t>>(ends_key);
  if (!ends) return std::unexpected(ends.error());
  if (*ends) data.ends = **ends;
  const auto rest = gguf.maybe<std::string_view>(stored_json_key);
  if (!rest) return std::unexpected(rest.error());
  if (!*rest) return Tokenizer::from_vocabulary(data);
  return Tokenizer::from_stored(
      {.json = **rest, .tokens = data.tokens, .types = types, .merges = merges, .ends = data.ends});
}

}  // namespace assay
