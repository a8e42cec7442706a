#include "artifact/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "artifact/texts.h"
#include "base/json.h"
#include "base/text.h"
#include "tokenizer/parts.h"
#include "tokenizer/pre_names.h"
#include "tokenizer/stored_json.h"

namespace assay::artifact {
namespace {

constexpr std::string_view gpt2_pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";  // ByteLevel's own
constexpr std::string_view mark = "\xE2\x96\x81";
const std::string kept_here = "kept in tokenizer.assay.rest: other programs do not read it";

std::unexpected<Error> refuse(const std::string& what) {
  return fail(Errc::unsupported, "tokenizer.json: " + what + " cannot be said in GGUF");
}

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}
std::string text_of(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}
bool flag(const Json& object, std::string_view key, bool fallback) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : fallback;
}

// The steps of a Sequence, or the one step.
std::vector<const Json*> steps(const Json* step, std::string_view list) {
  std::vector<const Json*> out;
  if (step == nullptr) return out;
  if (text_of(*step, "type") != "Sequence") return {step};
  if (const Json* inner = find(*step, list); inner != nullptr && inner->is_array()) {
    for (const Json& one : *inner) out.push_back(&one);
  }
  return out;
}

// What goes into the file, and what a Tokenizer is made of to check it.
struct Keys {
  std::string model;
  std::string pre;
  std::vector<std::string> texts;
  std::vector<std::int32_t> types;
  std::vector<float> scores;
  std::vector<std::string> merges;
  SpecialTokens special;
  bool add_bos = false;
  bool add_eos = false;
  bool space_prefix = false;
  std::vector<std::string> notes;
};

struct Source {
  const Json& root;
  const Json& model;
  const Tokenizer& tokenizer;
  const std::vector<AddedToken>& added;
};

Result<void> read_byte_level(const Source& source, Keys& out) {
  out.model = "gpt2";
  for (const Json* step : steps(find(source.root, "normalizer"), "normalizers")) {
    const std::string type = text_of(*step, "type");
    // Seldom met in text: kept for this program. What changes ordinary text would be wrong in every other one.
    if (type != "NFC" && type != "NFD" && type != "NFKC" && type != "NFKD")
      return refuse("normalizer " + in_quotes(type));
    out.notes.push_back("the tokenizer's Unicode normalization (" + type + ") is " + kept_here);
  }
  std::vector<std::string> patterns;
  for (const Json* step : steps(find(source.root, "pre_tokenizer"), "pretokenizers")) {
    const std::string type = text_of(*step, "type");
    if (type == "ByteLevel") {
      if (flag(*step, "add_prefix_space", true)) return refuse("pre_tokenizer ByteLevel with add_prefix_space");
      if (flag(*step, "use_regex", true)) patterns.emplace_back(gpt2_pattern);
    } else if (type == "Digits" && flag(*step, "individual_digits", false)) {
      patterns.emplace_back("\\p{N}");
    } else if (type == "Split") {
      const Json* pattern = find(*step, "pattern");
      const std::string behavior = text_of(*step, "behavior");
      const bool invert = flag(*step, "invert", false);
      const bool plain = (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert);
      if (pattern == nullptr || text_of(*pattern, "Regex").empty() || !plain) return refuse("pre_tokenizer Split");
      patterns.push_back(text_of(*pattern, "Regex"));
    } else {
      return refuse("pre_tokenizer " + in_quotes(type));
    }
  }
  const auto named = pre_name(patterns, flag(source.model, "ignore_merges", false));
  if (!named) {
    return refuse("a pre-tokenizer of " + std::to_string(patterns.size()) + " expressions, the first " +
                  in_quotes(patterns.empty() ? "" : patterns.front()) + ",");
  }
  out.pre = *named;
  return {};
}

Result<void> read_sentence_piece(const Source& source, Keys& out) {
  out.model = "llama";
  out.pre = "default";
  const auto first = source.tokenizer.encode("a", {.add = AddSpecial::no});
  if (!first) return std::unexpected(first.error());
  out.space_prefix = !first->empty() && source.tokenizer.text(first->front()).starts_with(mark);
  return {};
}

// Texts, types and merges.
Result<void> read_tokens(const Source& source, std::uint32_t tokens_wanted, Keys& out) {
  const Tokenizer& tokenizer = source.tokenizer;
  if (tokenizer.size() > tokens_wanted) {
    return fail(Errc::bad_value, "tokenizer.json: has " + std::to_string(tokenizer.size()) +
                                     " tokens, the model's embedding " + std::to_string(tokens_wanted));
  }
  const bool bytes = out.model == "gpt2";
  for (Token t = 0; static_cast<std::size_t>(t) < tokens_wanted; ++t) {
    const std::string_view text = tokenizer.text(t);
    if (text.empty()) {
      out.texts.push_back("[PAD" + std::to_string(t) + "]");
      out.types.push_back(VocabularyData::unused);
      continue;
    }
    out.texts.emplace_back(text);
    const bool is_byte = !bytes && byte_token_value(text) >= 0;
    out.types.push_back(is_byte ? VocabularyData::byte : VocabularyData::normal);
  }
  const auto set_type = [&](Token token, std::int32_t type) { out.types[static_cast<std::size_t>(token)] = type; };
  for (const AddedToken& one : source.added)
    set_type(one.id, one.special ? VocabularyData::control : VocabularyData::user_defined);
  if (!bytes && out.special.unk) set_type(*out.special.unk, VocabularyData::unknown);

  std::unordered_map<std::string, std::size_t> rank;  // of the first merge that makes a text
  const Json* merges = find(source.model, "merges");
  if (merges == nullptr || !merges->is_array()) return refuse("a model without merges");
  for (const Json& merge : *merges) {
    const std::string text =
        merge.is_string() ? merge.get<std::string>() : merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    const std::size_t space = text.find(' ', 1);
    if (text.find(' ', space + 1) != std::string::npos) return refuse("a merge of texts with a space in them");
    rank.emplace(text.substr(0, space) + text.substr(space + 1), out.merges.size());
    out.merges.push_back(text);
  }
  if (bytes) return {};
  // SentencePiece joins what makes the token of the best score; so the first merge has the best one.
  const auto last = -static_cast<float>(out.merges.size()) - 1;
  for (const std::string& text : out.texts) {
    const auto found = rank.find(text);
    out.scores.push_back(found == rank.end() ? last : -static_cast<float>(found->second));
  }
  return {};  // the merges stay: other programs do not read them beside scores, this one does
}

Result<void> read_roles(const Source& source, Keys& out) {
  const Tokenizer& tokenizer = source.tokenizer;
  out.special = tokenizer.special();
  const auto begin = tokenizer.begin_tokens();
  const auto closing = tokenizer.closing_tokens();
  if (begin.size() > 1 || closing.size() > 1) return refuse("a text between more than one token at an end");
  if (!begin.empty()) {
    out.add_bos = true;
    out.special.bos = begin.front();
  }
  if (!closing.empty()) {
    if (out.special.eos && *out.special.eos != closing.front()) return refuse("a closing token other than eos");
    out.add_eos = true;
    out.special.eos = closing.front();
  }
  return {};
}

Result<Tokenizer> tokenizer_of(const Keys& vocabulary) {
  VocabularyData data;
  data.model = vocabulary.model;
  data.pre = vocabulary.pre;
  const std::vector<std::string_view> texts(vocabulary.texts.begin(), vocabulary.texts.end());
  const std::vector<std::string_view> merges(vocabulary.merges.begin(), vocabulary.merges.end());
  data.tokens = texts;
  if (vocabulary.model == "gpt2") data.merges = merges;
  data.scores = vocabulary.scores;
  data.types = vocabulary.types;
  const SpecialTokens& s = vocabulary.special;
  for (const auto& [from, to] : {std::pair(s.bos, &data.bos), std::pair(s.eos, &data.eos), std::pair(s.unk, &data.unk),
                                 std::pair(s.pad, &data.pad)}) {
    if (from) *to = *from;
  }
  data.add_bos = vocabulary.add_bos;
  data.add_eos = vocabulary.add_eos;
  data.add_space_prefix = vocabulary.space_prefix;
  return Tokenizer::from_vocabulary(data);
}

// Texts of many kinds, all in NFC.
constexpr std::array<std::string_view, 12> probes{
    "The quick brown fox jumps over the lazy dog. It's 10:45, isn't it?",
    " leading and  double   spaces,\ttabs\t\tand trailing  ",
    "line\nline\r\n\n\n  indented\n\tcode();\n",
    "def f(x):\n    return {\"a\": [1, 22, 333, 4444, 55555], 'b': x ** 2}  # note\n",
    "Grüße aus Köln, français, naïve, Żółć, Ελληνικά, русский язык, עברית, العربية, हिन्दी, ไทย",
    "日本語のテキスト、中文文本。한국어 텍스트",
    "emoji 🙂🚀👩‍👩‍👧‍👦 and symbols ∑∫≠→©®™",
    "1234567890 3.14159 1,000,000 0x1F 2^10 ½ ²",
    "https://example.org/path?query=value&other=1#part user@example.org",
    "CamelCaseWords snake_case_words UPPERCASE don't we'll they've I'M HE'S",
    "a",
    "",
};

// What other programs read: the same tokens for ordinary text.
Result<void> check_equal(const Tokenizer& before, const Tokenizer& after) {
  for (const std::string_view probe : probes) {
    const auto old_tokens = before.encode(probe);
    if (!old_tokens) return std::unexpected(old_tokens.error());
    const auto new_tokens = after.encode(probe);
    if (!new_tokens) return std::unexpected(new_tokens.error());
    if (*old_tokens != *new_tokens) {
      return refuse("a tokenizer that splits " + in_quotes(probe) + " into " + std::to_string(old_tokens->size()) +
                    " tokens, where the same vocabulary gives " + std::to_string(new_tokens->size()) + ",");
    }
  }
  return {};
}

// What this program reads: the same in everything that a Tokenizer does.
Result<void> check_same(const Tokenizer& before, const Tokenizer& after, const std::vector<AddedToken>& added) {
  const auto differs = [](const std::string& what) {
    return fail(Errc::bug, "tokenizer.assay.rest: reads back with another " + what);
  };
  const auto same = [](std::span<const Token> a, std::span<const Token> b) { return std::ranges::equal(a, b); };
  if (before.size() != after.size()) return differs("number of tokens");
  for (Token t = 0; static_cast<std::size_t>(t) < before.size(); ++t) {
    if (before.text(t) != after.text(t) || before.piece(t) != after.piece(t) ||
        before.is_special(t) != after.is_special(t))
      return differs("token " + std::to_string(t) + ", " + in_quotes(before.text(t)));
  }
  if (!same(before.end_tokens(), after.end_tokens())) return differs("list of ends");
  if (!same(before.begin_tokens(), after.begin_tokens())) return differs("begin");
  if (!same(before.closing_tokens(), after.closing_tokens())) return differs("end of a text");
  const SpecialTokens& a = before.special();
  const SpecialTokens& b = after.special();
  if (a.bos != b.bos || a.eos != b.eos || a.unk != b.unk || a.sep != b.sep || a.pad != b.pad || a.mask != b.mask)
    return differs("token with a role");
  std::vector<std::string> texts(probes.begin(), probes.end());
  for (const AddedToken& token : added) {
    const std::string& t = token.text;
    texts.insert(texts.end(), {t, "a" + t + "b", "a " + t + " b", "  " + t + "\n " + t + t, "e\xCC\x81" + t});
  }
  for (const std::string& text : texts) {
    for (const ParseSpecial parse : {ParseSpecial::as_tokens, ParseSpecial::as_text}) {
      const auto old_tokens = before.encode(text, {.parse = parse});
      if (!old_tokens) return std::unexpected(old_tokens.error());
      const auto new_tokens = after.encode(text, {.parse = parse});
      if (!new_tokens) return std::unexpected(new_tokens.error());
      if (*old_tokens != *new_tokens) return differs("split of " + in_quotes(text));
      const auto old_text = before.decode(*old_tokens);
      const auto new_text = after.decode(*new_tokens);
      if (!old_text || !new_text || *old_text != *new_text) return differs("text for the tokens of " + in_quotes(text));
    }
  }
  return {};
}

// Flags that GGUF has no key for, as a person reads them.
std::vector<std::string> notes_of(const std::vector<AddedToken>& added) {
  std::vector<std::string> out;
  for (const AddedToken& token : added) {
    std::string flags;
    const auto add = [&](bool set, const char* flag_name) {
      if (set) flags += (flags.empty() ? "" : ", ") + std::string(flag_name);
    };
    add(token.strips_left, "lstrip");
    add(token.strips_right, "rstrip");
    add(token.whole_word, "single_word");
    if (!flags.empty()) out.push_back("added token " + in_quotes(token.text) + ": " + flags + " is " + kept_here);
  }
  constexpr std::size_t notes_max = 8;
  if (out.size() > notes_max) {
    const std::size_t more = out.size() - notes_max;
    out.resize(notes_max);
    out.push_back("and the flags of " + std::to_string(more) + " further added tokens");
  }
  return out;
}

// One end is eos for other programs, one eot and one eom; all of them stand under tokenizer.assay.end_token_ids.
void set_ends(const Tokenizer& tokenizer, Keys& out) {
  SpecialTokens& s = out.special;
  for (const Token end : tokenizer.end_tokens()) {
    if (end == s.eos || end == s.eot || end == s.eom) continue;
    for (auto* role : {&s.eos, &s.eot, &s.eom}) {
      if (*role) continue;
      *role = end;
      break;
    }
  }
}

}  // namespace

Result<std::vector<std::string>> set_gguf_tokenizer(const Checkpoint& folder, GgufWriter& writer) {
  const auto texts = read_tokenizer_texts(folder.folder());
  if (!texts) return std::unexpected(texts.error());
  const auto tokenizer = Tokenizer::from_files(texts->files());
  if (!tokenizer) return std::unexpected(with_context(folder.folder(), tokenizer.error()));
  const auto root = parse_json(texts->tokenizer, folder.folder() + "/tokenizer.json");
  if (!root) return std::unexpected(root.error());
  const Json& model = (*root)["model"];
  const std::string type = text_of(model, "type");
  if ((!type.empty() && type != "BPE") || find(model, "merges") == nullptr) return refuse("model " + in_quotes(type));
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!text_of(model, affix).empty()) return refuse(std::string("model with ") + affix);
  }
  const auto stored = stored_json(texts->files());
  if (!stored) return std::unexpected(with_context(folder.folder(), stored.error()));
  const Source source{*root, model, *tokenizer, stored->added};
  Keys vocabulary;
  bool bytes = false;
  for (const Json* step : steps(find(*root, "pre_tokenizer"), "pretokenizers"))
    bytes = bytes || text_of(*step, "type") == "ByteLevel";
  if (!bytes && !flag(model, "byte_fallback", false))
    return refuse("a BPE model over characters without byte fallback");
  ASSAY_TRY(bytes ? read_byte_level(source, vocabulary) : read_sentence_piece(source, vocabulary));
  ASSAY_TRY(read_roles(source, vocabulary));
  set_ends(*tokenizer, vocabulary);
  ASSAY_TRY(read_tokens(source, folder.config().vocab, vocabulary));
  const auto plain = tokenizer_of(vocabulary);
  if (!plain) return std::unexpected(with_context(folder.folder() + "/tokenizer.json", plain.error()));
  ASSAY_TRY(check_equal(*tokenizer, *plain));
  const std::vector<std::string_view> tokens(vocabulary.texts.begin(), vocabulary.texts.end());
  const std::vector<std::string_view> merges(vocabulary.merges.begin(), vocabulary.merges.end());
  const std::vector<std::int64_t> ends(tokenizer->end_tokens().begin(), tokenizer->end_tokens().end());
  const auto again = Tokenizer::from_stored(
      {.json = stored->json, .tokens = tokens, .types = vocabulary.types, .merges = merges, .ends = ends});
  if (!again) return std::unexpected(again.error());
  ASSAY_TRY(check_same(*tokenizer, *again, stored->added));
  for (std::string& note : notes_of(stored->added)) vocabulary.notes.push_back(std::move(note));

  writer.set("tokenizer.ggml.model", vocabulary.model);
  writer.set("tokenizer.ggml.pre", vocabulary.pre);
  writer.set("tokenizer.ggml.tokens", vocabulary.texts);
  writer.set("tokenizer.ggml.token_type", vocabulary.types);
  if (!vocabulary.scores.empty()) writer.set("tokenizer.ggml.scores", vocabulary.scores);
  if (!vocabulary.merges.empty()) writer.set("tokenizer.ggml.merges", vocabulary.merges);
  const SpecialTokens& s = vocabulary.special;
  for (const auto& [key, token] : {std::pair("bos", s.bos), std::pair("eos", s.eos), std::pair("eot", s.eot),
                                   std::pair("eom", s.eom), std::pair("unknown", s.unk), std::pair("padding", s.pad)}) {
    if (token) writer.set("tokenizer.ggml." + std::string(key) + "_token_id", static_cast<std::uint32_t>(*token));
  }
  writer.set("tokenizer.ggml.add_bos_token", vocabulary.add_bos);
  writer.set("tokenizer.ggml.add_eos_token", vocabulary.add_eos);
  if (vocabulary.model == "llama") writer.set("tokenizer.ggml.add_space_prefix", vocabulary.space_prefix);
  writer.set(stored_json_key, stored->json);
  writer.set(end_tokens_key, std::vector<std::uint32_t>(ends.begin(), ends.end()));
  return std::move(vocabulary.notes);
}

}  // namespace assay::artifact
