#include "tokenizer/tokenizer.h"

#include <algorithm>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/parts.h"
#include "tokenizer/unicode.h"

namespace assay {
namespace {

using Parts = Tokenizer::Parts;

void encode_word(const Parts& parts, std::string_view word, EncodeScratch& scratch, std::vector<Token>& out) {
  if (const auto* bpe = std::get_if<Bpe>(&parts.model)) {
    bpe->encode(word, scratch.bpe, out);
  } else if (const auto* unigram = std::get_if<Unigram>(&parts.model)) {
    unigram->encode(word, scratch.unigram, out);
  } else {
    std::get<WordPiece>(parts.model).encode(word, scratch.text, out);
  }
}

void encode_cached(const Parts& parts, std::string_view word, EncodeScratch& scratch, std::vector<Token>& out) {
  if (word.size() > WordCache::word_bytes_max) {
    encode_word(parts, word, scratch, out);
    return;
  }
  const WordCache::Key key = WordCache::key(word);
  if (scratch.words.find(key, word.size(), out)) return;
  const std::size_t before = out.size();
  encode_word(parts, word, scratch, out);
  scratch.words.keep(key, word.size(), std::span<const Token>(out).subspan(before));
}

Result<void> encode_normalized(const Parts& parts, std::string_view text, bool at_start, EncodeScratch& scratch,
                               std::vector<Token>& out) {
  if (text.empty()) return {};
  if (parts.whole_first) {
    if (const Token token = std::get<Bpe>(parts.model).whole(text); token != TokenTable::absent) {
      out.push_back(token);
      return {};
    }
  }
  if (parts.keeps_bytes && unicode::valid_prefix(text) != text.size()) {
    // Cutting at marks supposes whole characters; a lead byte without its followers takes in what comes next.
    encode_word(parts, text, scratch, out);
    return {};
  }
  const auto words = pre_tokenize(parts.pre, text, at_start, scratch.pre);
  if (!words) return std::unexpected(words.error());
  for (const Piece piece : scratch.pre.pieces) {
    const std::string_view word = words->text.substr(piece.begin, piece.end - piece.begin);
    if (words->letters && parts.bytes) {
      encode_cached(parts, letters_to_bytes(word).value_or(std::string()), scratch, out);
    } else {
      encode_cached(parts, word, scratch, out);
    }
  }
  return {};
}

Result<void> encode_stretch(const Parts& parts, std::string_view text, const EncodeOptions& options, NormalPlace place,
                            bool at_start, EncodeScratch& scratch, std::vector<Token>& out) {
  const auto normal = normalize(parts.normal, text, place, scratch.normal);
  if (!normal) return std::unexpected(normal.error());
  const AddedTokens& added = parts.added_normalized.get(options.parse);
  if (added.empty()) return encode_normalized(parts, *normal, at_start, scratch, out);
  auto& fragments = scratch.inner_fragments;
  fragments.clear();
  added.cut(*normal, 0, static_cast<std::uint32_t>(normal->size()), fragments);
  for (const Fragment& f : fragments) {
    if (f.token >= 0) {
      out.push_back(f.token);
    } else {
      ASSAY_TRY(
          encode_normalized(parts, normal->substr(f.begin, f.end - f.begin), at_start && f.begin == 0, scratch, out));
    }
  }
  return {};
}

Result<void> encode_text(const Parts& parts, std::string_view text, const EncodeOptions& options,
                         EncodeScratch& scratch, std::vector<Token>& out) {
  if (!parts.keeps_bytes) text = unicode::sanitize(text, scratch.sanitized);
  auto& fragments = scratch.fragments;
  fragments.clear();
  parts.added.get(options.parse).cut(text, 0, static_cast<std::uint32_t>(text.size()), fragments);
  bool after_special = true;
  for (const Fragment& f : fragments) {
    if (f.token >= 0) {
      out.push_back(f.token);
      after_special = true;
      continue;
    }
    ASSAY_TRY(encode_stretch(parts, text.substr(f.begin, f.end - f.begin), options, {after_special}, f.begin == 0,
                             scratch, out));
    after_special = false;
  }
  return {};
}

}  // namespace

int byte_token_value(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<void> Tokenizer::encode(std::string_view text, const EncodeOptions& options, std::vector<Token>& out) const {
  if (text.size() > tokenize_bytes_max) {
    return fail(Errc::full,
                "text of " + std::to_string(text.size()) + " bytes, at most " + std::to_string(tokenize_bytes_max));
  }
  const std::size_t before = out.size();
  const bool adds = options.add == AddSpecial::by_model;
  if (adds) out.insert(out.end(), parts_->begin_tokens.begin(), parts_->begin_tokens.end());
  auto scratch = parts_->scratch.take();
  const auto done = encode_text(*parts_, text, options, *scratch, out);
  parts_->scratch.give_back(std::move(scratch));
  if (!done) {
    out.resize(before);
    return done;
  }
  if (adds) out.insert(out.end(), parts_->closing_tokens.begin(), parts_->closing_tokens.end());
  return {};
}

Result<std::vector<Token>> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<Token> out;
  ASSAY_TRY(encode(text, options, out));
  return out;
}

Result<std::string> Tokenizer::decode(std::span<const Token> tokens, const DecodeOptions& options) const {
  std::string out;
  Detokenizer detokenizer(*this, options);
  for (const Token token : tokens) ASSAY_TRY(detokenizer.push(token, out));
  detokenizer.finish(out);
  return out;
}

std::size_t Tokenizer::size() const { return parts_->texts.size(); }

std::string_view Tokenizer::text(Token token) const {
  return token < 0 || static_cast<std::size_t>(token) >= size() ? std::string_view()
                                                                : parts_->texts[static_cast<std::size_t>(token)];
}

std::string_view Tokenizer::piece(Token token) const {
  return token < 0 || static_cast<std::size_t>(token) >= size() ? std::string_view()
                                                                : parts_->pieces[static_cast<std::size_t>(token)];
}

std::optional<Token> Tokenizer::find(std::string_view text) const {
  const std::int32_t token = parts_->by_text.find(text);
  return token == TokenTable::absent ? std::nullopt : std::optional<Token>(token);
}

bool Tokenizer::is_special(Token token) const {
  return token >= 0 && static_cast<std::size_t>(token) < size() && parts_->is_special[static_cast<std::size_t>(token)];
}

bool Tokenizer::ends_generation(Token token) const {
  return std::binary_search(parts_->end_tokens.begin(), parts_->end_tokens.end(), token);
}

std::span<const Token> Tokenizer::end_tokens() const { return parts_->end_tokens; }
const SpecialTokens& Tokenizer::special() const { return parts_->special; }
std::span<const Token> Tokenizer::begin_tokens() const { return parts_->begin_tokens; }
std::span<const Token> Tokenizer::closing_tokens() const { return parts_->closing_tokens; }
FirstPiece Tokenizer::first_piece() const { return parts_->first_piece; }
bool Tokenizer::drops_last_space() const { return parts_->drops_last_space; }

}  // namespace assay
