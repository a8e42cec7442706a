// Normalizers and pre-tokenizers of tokenizer.json.
#include <array>

#include "tokenizer/json_parts.h"

namespace assay {
namespace {

constexpr std::string_view gpt2_pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  std::vector<std::byte> out;
  std::uint32_t bits = 0;
  int count = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+') value = 62;
    if (c == '/') value = 63;
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>((bits >> count) & 0xFF));
    }
  }
  return out;
}

Result<Behavior> read_behavior(const Json& json, std::string_view where, Behavior fallback) {
  const Json* value = json_find(json, "behavior");
  if (value == nullptr) return fallback;
  const std::string name = value->is_string() ? value->get<std::string>() : std::string();
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  return json_wrong(std::string(where) + ".behavior",
                    "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

Result<std::uint32_t> read_character(const Json& json, std::string_view key, std::string_view where) {
  const auto text = json_text(json, key, where);
  if (!text) return std::unexpected(text.error());
  const unicode::Decoded d = text->empty() ? unicode::Decoded{0, 0} : unicode::decode(*text, 0);
  if (d.bytes != text->size() || d.bytes == 0)
    return json_wrong(std::string(where) + "." + std::string(key), "one character");
  return d.code_point;
}

Result<MetaspaceStep> read_metaspace(const Json& json, std::string_view where) {
  MetaspaceStep step;
  const auto mark = read_character(json, "replacement", where);
  if (!mark) return std::unexpected(mark.error());
  step.mark.clear();
  unicode::append(step.mark, *mark);
  // Older files say add_prefix_space, newer ones prepend_scheme and split.
  const auto add = json_bool(json, "add_prefix_space", true, where);
  if (!add) return std::unexpected(add.error());
  step.prepend = *add ? MetaspaceStep::Prepend::always : MetaspaceStep::Prepend::never;
  if (json_find(json, "prepend_scheme") != nullptr) {
    const auto scheme = json_text(json, "prepend_scheme", where);
    if (!scheme) return std::unexpected(scheme.error());
    if (*scheme == "always") {
      step.prepend = MetaspaceStep::Prepend::always;
    } else if (*scheme == "first") {
      step.prepend = MetaspaceStep::Prepend::first;
    } else if (*scheme == "never") {
      step.prepend = MetaspaceStep::Prepend::never;
    } else {
      return json_wrong(std::string(where) + ".prepend_scheme", "always, first or never");
    }
  }
  const auto split = json_bool(json, "split", true, where);
  if (!split) return std::unexpected(split.error());
  step.split = *split;
  return step;
}

Result<void> read_byte_level(const Json& json, std::string_view where, std::vector<PreStep>& out) {
  const auto prefix = json_bool(json, "add_prefix_space", true, where);
  if (!prefix) return std::unexpected(prefix.error());
  if (*prefix) out.emplace_back(PrefixSpaceStep{});
  const auto use_regex = json_bool(json, "use_regex", true, where);
  if (!use_regex) return std::unexpected(use_regex.error());
  if (*use_regex) {
    auto step = split_step(gpt2_pattern);
    if (!step) return std::unexpected(step.error());
    out.emplace_back(std::move(*step));
  }
  return {};
}

Result<void> read_split(const Json& json, std::string_view where, std::vector<PreStep>& out) {
  auto pattern = json_pattern(json, where);
  if (!pattern) return std::unexpected(pattern.error());
  const auto behavior = read_behavior(json, where, Behavior::isolated);
  if (!behavior) return std::unexpected(behavior.error());
  const auto invert = json_bool(json, "invert", false, where);
  if (!invert) return std::unexpected(invert.error());
  SplitStep step;
  const bool is_regex = json_find(*json_find(json, "pattern"), "Regex") != nullptr;
  if (is_regex && *behavior == Behavior::isolated && !*invert) step.scanner = find_scanner(pattern->pattern());
  step.regex = std::move(*pattern);
  step.behavior = *behavior;
  step.invert = *invert;
  out.emplace_back(std::move(step));
  return {};
}

Result<void> read_bert_normalizer(const Json& json, std::string_view where, std::vector<NormalStep>& out) {
  const auto clean = json_bool(json, "clean_text", true, where);
  const auto han = json_bool(json, "handle_chinese_chars", true, where);
  const auto lowercase = json_bool(json, "lowercase", true, where);
  for (const auto* field : {&clean, &han, &lowercase}) {
    if (!*field) return std::unexpected(field->error());
  }
  const auto accents = json_bool(json, "strip_accents", *lowercase, where);
  if (!accents) return std::unexpected(accents.error());
  out.emplace_back(BertStep{*clean, *han, *accents, *lowercase});
  return {};
}

Result<void> read_precompiled(const Json& json, std::string_view where, std::vector<NormalStep>& out) {
  if (json_find(json, "precompiled_charsmap") == nullptr) return {};
  const auto text = json_text(json, "precompiled_charsmap", where);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return {};
  const auto bytes = from_base64(*text);
  if (!bytes) return json_wrong(std::string(where) + ".precompiled_charsmap", "base64");
  auto charsmap = Charsmap::parse(*bytes);
  if (!charsmap) return std::unexpected(with_context(where, charsmap.error()));
  out.emplace_back(GraphemeMapStep{std::move(*charsmap)});
  return {};
}

// Calls f(element, its path) for the elements of a Sequence.
template <class F>
Result<void> each_element(const Json& json, std::string_view key, std::string_view where, F&& f) {
  const auto list = json_list(json, key, where);
  if (!list) return std::unexpected(list.error());
  std::size_t index = 0;
  for (const Json& element : **list) {
    ASSAY_TRY(f(element, std::string(where) + "." + std::string(key) + "[" + std::to_string(index++) + "]"));
  }
  return {};
}

}  // namespace

Result<void> read_normalizer(const Json& json, std::string_view where, std::vector<NormalStep>& out) {
  if (json.is_null()) return {};
  const auto type = json_text(json, "type", where);
  if (!type) return std::unexpected(type.error());
  if (*type == "Sequence") {
    return each_element(json, "normalizers", where, [&](const Json& element, const std::string& path) {
      return read_normalizer(element, path, out);
    });
  }
  constexpr std::array forms{std::pair("NFC", unicode::Form::nfc), std::pair("NFD", unicode::Form::nfd),
                             std::pair("NFKC", unicode::Form::nfkc), std::pair("NFKD", unicode::Form::nfkd)};
  for (const auto& [name, form] : forms) {
    if (*type == name) {
      out.emplace_back(form);
      return {};
    }
  }
  if (*type == "Lowercase") {
    out.emplace_back(LowercaseStep{});
  } else if (*type == "StripAccents") {
    out.emplace_back(StripAccentsStep{});
  } else if (*type == "ByteLevel") {
    out.emplace_back(ByteLettersStep{});
  } else if (*type == "Prepend") {
    auto text = json_text(json, "prepend", where);
    if (!text) return std::unexpected(text.error());
    out.emplace_back(PrependStep{std::move(*text)});
  } else if (*type == "Replace") {
    auto pattern = json_pattern(json, where);
    if (!pattern) return std::unexpected(pattern.error());
    auto content = json_text(json, "content", where);
    if (!content) return std::unexpected(content.error());
    out.emplace_back(ReplaceStep{std::move(*pattern), std::move(*content)});
  } else if (*type == "Strip") {
    const auto left = json_bool(json, "strip_left", true, where);
    if (!left) return std::unexpected(left.error());
    const auto right = json_bool(json, "strip_right", true, where);
    if (!right) return std::unexpected(right.error());
    out.emplace_back(TrimStep{*left, *right});
  } else if (*type == "BertNormalizer") {
    return read_bert_normalizer(json, where, out);
  } else if (*type == "Precompiled") {
    return read_precompiled(json, where, out);
  } else {
    return json_refuse(where, "normalizer '" + *type + "'");
  }
  return {};
}

Result<void> read_pre_tokenizer(const Json& json, std::string_view where, std::vector<PreStep>& out, bool& bytes) {
  if (json.is_null()) return {};
  const auto type = json_text(json, "type", where);
  if (!type) return std::unexpected(type.error());
  if (*type == "Sequence") {
    return each_element(json, "pretokenizers", where, [&](const Json& element, const std::string& path) {
      return read_pre_tokenizer(element, path, out, bytes);
    });
  }
  const auto characters = [&](CharacterStep::Kind kind, Behavior behavior) {
    out.emplace_back(CharacterStep{kind, 0, behavior});
  };
  if (*type == "ByteLevel") {
    if (bytes) return json_refuse(where, "a second ByteLevel");
    bytes = true;
    ASSAY_TRY(read_byte_level(json, where, out));
    out.emplace_back(LettersStep{});
  } else if (*type == "Split") {
    return read_split(json, where, out);
  } else if (*type == "Whitespace") {
    out.emplace_back(WordStep{});
  } else if (*type == "WhitespaceSplit") {
    characters(CharacterStep::Kind::white_space, Behavior::removed);
  } else if (*type == "BertPreTokenizer") {
    characters(CharacterStep::Kind::white_space, Behavior::removed);
    characters(CharacterStep::Kind::punctuation, Behavior::isolated);
  } else if (*type == "Punctuation") {
    const auto behavior = read_behavior(json, where, Behavior::isolated);
    if (!behavior) return std::unexpected(behavior.error());
    characters(CharacterStep::Kind::punctuation, *behavior);
  } else if (*type == "Digits") {
    const auto individual = json_bool(json, "individual_digits", false, where);
    if (!individual) return std::unexpected(individual.error());
    characters(CharacterStep::Kind::number, *individual ? Behavior::isolated : Behavior::contiguous);
  } else if (*type == "CharDelimiterSplit") {
    const auto one = read_character(json, "delimiter", where);
    if (!one) return std::unexpected(one.error());
    out.emplace_back(CharacterStep{CharacterStep::Kind::one, *one, Behavior::removed});
  } else if (*type == "FixedLength") {
    const auto length = json_integer(json, "length", 5, where);
    if (!length) return std::unexpected(length.error());
    if (*length < 1 || *length > INT32_MAX) return json_wrong(std::string(where) + ".length", "1 to 2147483647");
    out.emplace_back(FixedStep{static_cast<std::uint32_t>(*length)});
  } else if (*type == "Metaspace") {
    auto step = read_metaspace(json, where);
    if (!step) return std::unexpected(step.error());
    out.emplace_back(std::move(*step));
  } else {
    return json_refuse(where, "pre-tokenizer '" + *type + "'");
  }
  return {};
}

}  // namespace assay
