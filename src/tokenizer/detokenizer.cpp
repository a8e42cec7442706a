#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace assay {
namespace {

// Bytes of `text` (not empty, no whole character first) that may yet begin a character; 0: the first byte never can.
// The rules are those of unicode::decode, byte by byte.
bool may_become_character(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  if (p[0] < 0xC2 || p[0] > 0xF4 || text.size() >= unicode::announced_bytes(p[0])) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if ((p[i] & 0xC0U) != 0x80) return false;
  }
  if (text.size() < 2) return true;
  return !(p[0] == 0xE0 && p[1] < 0xA0) && !(p[0] == 0xED && p[1] >= 0xA0) && !(p[0] == 0xF0 && p[1] < 0x90) &&
         !(p[0] == 0xF4 && p[1] >= 0x90);
}

// Bytes at the front of invalid `text` that count as one U+FFFD: the longest part that could have begun a character
// (Unicode, chapter 3, "maximal subpart").
std::size_t broken_bytes(std::string_view text) {
  std::size_t n = 1;
  while (n < text.size() && n < 4 && may_become_character(text.substr(0, n + 1))) ++n;
  return n;
}

}  // namespace

Detokenizer::Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options)
    : tokenizer_(&tokenizer), options_(options), at_start_(options.starts_a_text) {}

Result<void> Detokenizer::push(Token token, std::string& out) {
  if (token < 0 || static_cast<std::size_t>(token) >= tokenizer_->size()) {
    return fail(Errc::bad_value,
                "token " + std::to_string(token) + ", expected 0 to " + std::to_string(tokenizer_->size() - 1));
  }
  if (tokenizer_->is_special(token)) {
    if (options_.skip_special) return {};
    finish(out);
    at_start_ = false;
    out += tokenizer_->piece(token);
    return {};
  }
  std::string_view piece = tokenizer_->piece(token);
  const bool at_start = at_start_;
  at_start_ = false;
  const bool has_marks = piece != tokenizer_->text(token);
  if (at_start && tokenizer_->first_piece() == FirstPiece::without_spaces && has_marks) {
    for (const char c : piece) {
      if (c != ' ') pending_ += c;
    }
  } else {
    if (at_start && tokenizer_->first_piece() == FirstPiece::without_space && piece.starts_with(' '))
      piece.remove_prefix(1);
    pending_ += piece;
  }
  drain(out);
  const bool ends_word = tokenizer_->drops_last_space() && piece.ends_with(' ') && piece != tokenizer_->text(token);
  if (ends_word && pending_.empty() && !out.empty()) {
    out.pop_back();
    pending_ = " ";
  }
  return {};
}

void Detokenizer::drain(std::string& out) {
  std::string_view rest = pending_;
  while (true) {
    const std::size_t good = unicode::valid_prefix(rest);
    out += rest.substr(0, good);
    rest.remove_prefix(good);
    if (rest.empty() || may_become_character(rest)) break;
    unicode::append(out, unicode::replacement);
    rest.remove_prefix(broken_bytes(rest));
  }
  pending_.erase(0, pending_.size() - rest.size());
}

void Detokenizer::finish(std::string& out) {
  if (!pending_.empty() && pending_ != " ") unicode::append(out, unicode::replacement);
  pending_.clear();
  at_start_ = options_.starts_a_text;
}

}  // namespace assay
