// A Tokenizer from what a GGUF says. Rules that no key carries follow llama.cpp's llama-vocab.cpp, which defines the
// format's meaning in practice: defaults of special tokens, end-of-turn tokens known by name, Phi-3's stripping.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/end_tokens.h"
#include "tokenizer/parts.h"
#include "tokenizer/pre_names.h"
#include "tokenizer/unicode.h"

namespace assay {
namespace {

using Parts = Tokenizer::Parts;
using Type = VocabularyData::TokenType;

constexpr std::string_view mark = "\xE2\x96\x81";

enum class Family : std::uint8_t { byte_level, sentence_piece, unigram, bert };

struct Builder {
  const VocabularyData& data;
  Family family{};
  std::vector<std::int32_t> types;
  PreRules rules;
  std::unique_ptr<Parts> parts = std::make_unique<Parts>();
  TokenTable known;  // texts that the model may make, as words have them

  explicit Builder(const VocabularyData& d) : data(d) {}

  Result<void> check();
  Result<void> special_tokens();
  Result<void> end_of_generation();
  void texts();
  void added_tokens();
  Result<void> model();
  Result<void> byte_pairs();
  void byte_tokens(std::array<Token, 256>& out) const;
  Result<void> unigram();
  void bert();
  Type type(std::size_t token) const { return static_cast<Type>(types[token]); }
};

std::unexpected<Error> sizes_differ(std::string_view what, std::size_t met, std::size_t expected) {
  return fail(Errc::bad_value, "vocabulary: " + std::to_string(met) + " " + std::string(what) + ", expected " +
                                   std::to_string(expected) + ", one for each token");
}

Result<void> Builder::check() {
  const std::size_t n = data.tokens.size();
  if (data.model == "gpt2" || data.model == "gemma4") {
    family = Family::byte_level;
    auto found = pre_rules(data.model == "gemma4" ? "gemma4" : data.pre);
    if (!found) return std::unexpected(found.error());
    rules = std::move(*found);
  } else if (data.model == "llama") {
    family = Family::sentence_piece;
  } else if (data.model == "t5") {
    family = Family::unigram;
  } else if (data.model == "bert") {
    family = Family::bert;
  } else {
    return fail(Errc::unsupported, "tokenizer model '" + std::string(data.model) +
                                       "' is not done; known are gpt2, llama, t5, bert and gemma4");
  }
  if (n == 0) return fail(Errc::bad_value, "vocabulary: no tokens");
  if (n > vocabulary_max) {
    return fail(Errc::bad_value,
                "vocabulary: " + std::to_string(n) + " tokens, at most " + std::to_string(vocabulary_max));
  }
  const bool needs_scores = family == Family::sentence_piece || family == Family::unigram;
  if (data.scores.size() != n && (needs_scores || !data.scores.empty()))
    return sizes_differ("scores", data.scores.size(), n);
  if (!data.types.empty() && data.types.size() != n) return sizes_differ("token types", data.types.size(), n);
  types.assign(data.types.begin(), data.types.end());
  if (types.empty()) types.assign(n, VocabularyData::normal);
  for (std::size_t t = 0; t < n; ++t) {
    const std::string name = "vocabulary: token " + std::to_string(t);
    if (data.tokens[t].size() > token_bytes_max) {
      return fail(Errc::bad_value, name + " has " + std::to_string(data.tokens[t].size()) + " bytes, at most " +
                                       std::to_string(token_bytes_max));
    }
    if (needs_scores && std::isnan(data.scores[t])) return fail(Errc::bad_value, name + " has no number as its score");
    if (types[t] == VocabularyData::byte && byte_token_value(data.tokens[t]) < 0) {
      return fail(Errc::bad_value,
                  name + " is a byte token and reads '" + std::string(data.tokens[t]) + "', expected the form <0xAB>");
    }
  }
  if (family == Family::byte_level && data.merges.empty()) {
    return fail(Errc::bad_value, "vocabulary: model '" + std::string(data.model) + "' without merges");
  }
  return {};
}

Result<void> Builder::special_tokens() {
  SpecialTokens& s = parts->special;
  const auto n = static_cast<std::int64_t>(data.tokens.size());
  const auto set = [&](std::optional<Token>& out, std::optional<std::int64_t> given, std::int64_t fallback,
                       std::string_view name) -> Result<void> {
    if (given && *given == UINT32_MAX) given.reset();  // how converters write "none"
    if (given && (*given < 0 || *given >= n)) {
      return fail(Errc::bad_value, "vocabulary: " + std::string(name) + " token " + std::to_string(*given) +
                                       ", expected 0 to " + std::to_string(n - 1));
    }
    const std::int64_t id = given.value_or(fallback);
    if (id >= 0 && id < n) out = static_cast<Token>(id);
    return {};
  };
  // Defaults of each family where the file is silent: bos, eos, unk, sep, pad, mask.
  std::array<std::int64_t, 6> d{-1, -1, -1, -1, -1, -1};
  if (family == Family::sentence_piece) d = {1, 2, 0, -1, -1, -1};
  if (family == Family::unigram) d = {-1, 1, 2, -1, 0, -1};
  if (family == Family::bert) d = {101, -1, 100, 102, 0, 103};
  ASSAY_TRY(set(s.bos, data.bos, d[0], "bos"));
  ASSAY_TRY(set(s.eos, data.eos, d[1], "eos"));
  ASSAY_TRY(set(s.unk, data.unk, d[2], "unknown"));
  ASSAY_TRY(set(s.sep, data.sep, d[3], "separator"));
  ASSAY_TRY(set(s.pad, data.pad, d[4], "padding"));
  ASSAY_TRY(set(s.mask, data.mask, d[5], "mask"));
  ASSAY_TRY(set(s.eot, data.eot, -1, "eot"));
  ASSAY_TRY(set(s.eom, data.eom, -1, "eom"));

  const bool bert = family == Family::bert;
  const bool bos_is_usual = rules.add_bos || family == Family::sentence_piece || bert;
  const bool add_bos = rules.always_bos || data.add_bos.value_or(bos_is_usual && s.bos.has_value());
  const bool add_eos = data.add_eos.value_or(family == Family::unigram);
  const bool add_sep = data.add_sep.value_or(rules.add_sep || bert);
  const auto add = [&](std::vector<Token>& out, std::optional<Token> token, std::string_view name) -> Result<void> {
    if (!token)
      return fail(Errc::bad_value, "vocabulary: a " + std::string(name) + " token is to be added and there is none");
    out.push_back(*token);
    return {};
  };
  if (add_bos) ASSAY_TRY(add(parts->begin_tokens, s.bos, "bos"));
  if (add_eos && !bert) ASSAY_TRY(add(parts->closing_tokens, s.eos, "eos"));
  if (add_sep && bert) ASSAY_TRY(add(parts->closing_tokens, s.sep, "separator"));
  return {};
}

// Tokens that look like control tokens are such, whatever their type says.
Result<void> Builder::end_of_generation() {
  const EndTokens found = find_end_tokens(parts->by_text, parts->special, {});
  const auto set = [&](const std::vector<Token>& tokens, Type type_now) {
    for (const Token t : tokens) types[static_cast<std::size_t>(t)] = type_now;
  };
  set(found.ends, VocabularyData::control);
  set(found.shown, VocabularyData::user_defined);
  set(found.normal, VocabularyData::normal);
  parts->end_tokens = found.ends;
  for (const std::int64_t id : data.ends) {
    if (id < 0 || id >= static_cast<std::int64_t>(data.tokens.size()))
      return fail(Errc::bad_value, "vocabulary: end token " + std::to_string(id) + ", expected 0 to " +
                                       std::to_string(data.tokens.size() - 1));
    parts->end_tokens.push_back(static_cast<Token>(id));
  }
  std::ranges::sort(parts->end_tokens);
  const auto [same, end] = std::ranges::unique(parts->end_tokens);
  parts->end_tokens.erase(same, end);
  return {};
}

void Builder::texts() {
  const std::size_t n = data.tokens.size();
  parts->by_text = TokenTable(n);
  std::vector<std::string> named(n);  // only for empty ones
  for (std::size_t t = 0; t < n; ++t) {
    std::string_view text = data.tokens[t];
    if (text.empty()) {
      named[t] = "[EMPTY_" + std::to_string(t) + "]";
      text = named[t];
    }
    parts->texts.add(text);
    parts->by_text.insert(text, static_cast<Token>(t));
  }
}

void Builder::added_tokens() {
  std::string name(data.model_name);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool phi3 = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
  const bool mask_strips = data.pre == "jina-v2-de" || data.pre == "jina-v2-es" || data.pre == "jina-v2-code";
  std::vector<AddedToken> added;
  for (std::size_t t = 0; t < types.size(); ++t) {
    const bool special = type(t) == VocabularyData::control || type(t) == VocabularyData::unknown;
    parts->is_special.push_back(special);
    if (!special && type(t) != VocabularyData::user_defined) continue;
    AddedToken token{.id = static_cast<Token>(t), .text = std::string(parts->texts[t]), .special = special};
    token.strips_right = phi3 && token.text != "<unk>" && token.text != "<s>" && token.text != "<|endoftext|>";
    token.strips_left = (mask_strips && token.text == "<mask>") ||
                        (name.find("modern-bert") != std::string::npos && token.text == "[MASK]");
    added.push_back(std::move(token));
  }
  parts->added.set(added);
}

void Builder::byte_tokens(std::array<Token, 256>& out) const {
  out.fill(-1);
  for (std::size_t t = 0; t < types.size(); ++t) {
    const int value = byte_token_value(parts->texts[t]);
    if (value >= 0 && (type(t) == VocabularyData::byte || out[static_cast<std::size_t>(value)] < 0)) {
      out[static_cast<std::size_t>(value)] = static_cast<Token>(t);
    }
  }
}

Result<void> Builder::byte_pairs() {
  const std::size_t n = data.tokens.size();
  const bool letters = family == Family::byte_level && !rules.raw;
  const auto as_word = [&](std::string_view text) -> std::optional<std::string> {
    return letters ? letters_to_bytes(text) : std::optional(std::string(text));
  };
  // Control, unknown and byte tokens are never made from text.
  known = TokenTable(n);
  for (std::size_t t = 0; t < n; ++t) {
    if (type(t) == VocabularyData::control || type(t) == VocabularyData::unknown || type(t) == VocabularyData::byte)
      continue;
    if (const auto word = as_word(parts->texts[t])) known.insert(*word, static_cast<Token>(t));
  }
  BpeOptions options;
  options.bytes = letters;
  options.ignore_merges = rules.ignore_merges;
  // A byte without a token is left out, as the models' own tokenizers do.
  if (letters) options.outside = BpeOptions::Outside::early;
  options.unk = letters ? std::nullopt : parts->special.unk;
  options.byte_tokens.fill(-1);
  if (!letters) byte_tokens(options.byte_tokens);
  Bpe bpe(options, std::move(known), n);
  if (family == Family::sentence_piece) {
    std::vector<std::string_view> all;
    all.reserve(n);
    for (std::size_t t = 0; t < n; ++t) all.push_back(parts->texts[t]);
    bpe.add_pairs_by_score(all, data.scores);
  } else {
    for (std::size_t m = 0; m < data.merges.size(); ++m) {
      const std::string_view merge = data.merges[m];
      const std::size_t space = merge.size() < 2 ? std::string_view::npos : merge.find(' ', 1);
      if (space == std::string_view::npos || space + 1 == merge.size() || merge.size() > 2 * token_bytes_max) {
        return fail(Errc::bad_value, "vocabulary: merge " + std::to_string(m) + " is '" +
                                         std::string(merge.substr(0, 80)) + "', expected two texts and a space");
      }
      const auto left = as_word(merge.substr(0, space));
      const auto right = as_word(merge.substr(space + 1));
      if (!left || !right) continue;  // a letter outside the byte alphabet never occurs in a word
      bpe.add_pair(*left, *right, *left + *right, static_cast<std::uint32_t>(m), true);
    }
  }
  bpe.finish();
  if (family == Family::sentence_piece && bpe.may_cut_before(mark))
    parts->pre.emplace_back(MarkStep{std::string(mark)});
  parts->model = std::move(bpe);
  return {};
}

Result<void> Builder::unigram() {
  UnigramOptions options;
  if (!parts->special.unk) return fail(Errc::bad_value, "vocabulary: model 't5' without an unknown token");
  options.unk = *parts->special.unk;
  options.byte_tokens.fill(-1);
  std::vector<Unigram::Entry> entries;
  double lowest = 0;
  bool any = false;
  for (std::size_t t = 0; t < types.size(); ++t) {
    const bool normal = type(t) == VocabularyData::normal;
    if (normal) lowest = any ? std::min(lowest, double{data.scores[t]}) : double{data.scores[t]};
    any = any || normal;
    if (!normal && type(t) != VocabularyData::user_defined && type(t) != VocabularyData::unused) continue;
    const double score = type(t) == VocabularyData::user_defined ? 0 : double{data.scores[t]};
    entries.push_back({parts->texts[t], score, static_cast<Token>(t)});
  }
  SentencePieceStep step;
  if (!data.charsmap.empty()) {
    auto charsmap = Charsmap::parse(data.charsmap);
    if (!charsmap) return std::unexpected(charsmap.error());
    step.charsmap = std::move(*charsmap);
  }
  step.add_space_prefix = data.add_space_prefix.value_or(false);
  step.remove_extra_spaces = data.remove_extra_whitespaces.value_or(false);
  parts->normal.emplace_back(std::move(step));
  parts->model.emplace<Unigram>(options, entries, lowest);
  return {};
}

void Builder::bert() {
  TokenTable words(types.size());
  for (std::size_t t = 0; t < types.size(); ++t) {
    if (type(t) != VocabularyData::control) words.insert(parts->texts[t], static_cast<Token>(t));
  }
  BertStep step;
  step.lowercase = data.lowercase.value_or(true);
  step.strip_accents = data.strip_accents.value_or(step.lowercase);
  parts->normal.emplace_back(step);
  parts->pre.emplace_back(CharacterStep{CharacterStep::Kind::white_space, 0, Behavior::removed});
  parts->pre.emplace_back(CharacterStep{CharacterStep::Kind::punctuation, 0, Behavior::isolated});
  WordPieceOptions options;
  options.unk = parts->special.unk.value_or(0);
  options.first_prefix = mark;
  options.continuing_prefix.clear();
  parts->model.emplace<WordPiece>(options, std::move(words));
}

Result<void> Builder::model() {
  const bool prefix = data.add_space_prefix.value_or(family == Family::sentence_piece);
  const bool strips = family == Family::bert || (prefix && family != Family::byte_level);
  parts->first_piece = strips ? FirstPiece::without_space : FirstPiece::whole;
  if (family == Family::unigram) return unigram();
  if (family == Family::bert) {
    bert();
    return {};
  }
  if (family == Family::sentence_piece) {
    parts->keeps_bytes = true;
    if (prefix) parts->normal.emplace_back(SpacePrefixStep{});
  }
  parts->bytes = family == Family::byte_level && !rules.raw;
  if (!parts->bytes) parts->normal.emplace_back(ReplaceStep{Regex::literal(" "), std::string(mark)});
  parts->pre = std::move(rules.steps);
  return byte_pairs();
}

// The bytes that a token stands for.
std::string piece_of(const Builder& b, std::size_t t) {
  const std::string_view text = b.parts->texts[t];
  switch (b.type(t)) {
    case VocabularyData::control:
    case VocabularyData::unknown:
    case VocabularyData::user_defined:
      return std::string(text);
    case VocabularyData::byte:
      return std::string(1, static_cast<char>(byte_token_value(text)));
    case VocabularyData::unused:
    case VocabularyData::undefined:
    case VocabularyData::normal:
      break;
  }
  if (b.parts->bytes) return letters_to_bytes(text).value_or(std::string(text));
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool is_mark = text.substr(at).starts_with(mark);
    out += is_mark ? std::string_view(" ") : text.substr(at, 1);
    at += is_mark ? mark.size() : 1;
  }
  return out;
}

}  // namespace

Result<Tokenizer> Tokenizer::from_vocabulary(const VocabularyData& data) {
  Builder b(data);
  ASSAY_TRY(b.check());
  b.texts();
  ASSAY_TRY(b.special_tokens());
  ASSAY_TRY(b.end_of_generation());
  b.added_tokens();
  ASSAY_TRY(b.model());
  for (std::size_t t = 0; t < b.types.size(); ++t) b.parts->pieces.add(piece_of(b, t));
  return Tokenizer(std::move(b.parts));
}

}  // namespace assay
