#include "tokenizer/jinja/lexer.h"

#include <array>
#include <charconv>
#include <cstdlib>

#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

std::string unify_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out.push_back(source[i]);
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) ASSAY_TRY(root());
    push(TokenKind::end, at_);
    return std::move(tokens_);
  }

 private:
  // Positions are asked for in rising order, so counting goes on from the last one.
  Position position(std::size_t byte) {
    for (; counted_ < byte; ++counted_) {
      if (source_[counted_] == '\n') {
        ++here_.line;
        here_.column = 1;
      } else if ((static_cast<unsigned char>(source_[counted_]) & 0xc0U) != 0x80U) {
        ++here_.column;
      }
    }
    return here_;
  }

  Token& push(TokenKind kind, std::size_t begin, std::string text = {}) {
    tokens_.push_back(Token{kind, position(begin), std::move(text)});
    return tokens_.back();
  }

  std::unexpected<Error> error(std::string sentence, std::size_t byte) {
    return std::unexpected(
        at_position(position(byte), Error{Errc::bad_value, 0, "TemplateSyntaxError: " + std::move(sentence)}));
  }

  bool starts(std::size_t at, std::string_view with) const {
    return std::string_view(source_).substr(at).starts_with(with);
  }

  std::size_t skip_space(std::size_t at) const {
    while (at < source_.size()) {
      std::size_t next = at;
      if (!is_space(next_point(source_, next))) break;
      at = next;
    }
    return at;
  }

  // A tag ends at `at`: "-%}" eats all whitespace after it, "%}" one newline if `trim`, "+%}" nothing (if `plus`).
  // Returns the byte after it, or 0 when no tag ends here.
  std::size_t tag_end(std::size_t at, std::string_view close, bool trim, bool plus) const {
    if (at >= source_.size()) return 0;
    if (plus && source_[at] == '+' && starts(at + 1, close)) return at + 1 + close.size();
    if (source_[at] == '-' && starts(at + 1, close)) return skip_space(at + 1 + close.size());
    if (!starts(at, close)) return 0;
    at += close.size();
    return trim && at < source_.size() && source_[at] == '\n' ? at + 1 : at;
  }

  // "{%- raw -%}" at `at`: the byte after it, or 0. `sign` gets '-', '+' or 0.
  std::size_t named_tag(std::size_t at, std::string_view name, char& sign, bool trim, bool plus) const {
    if (!starts(at, "{%")) return 0;
    at += 2;
    sign = 0;
    if (at < source_.size() && (source_[at] == '-' || source_[at] == '+')) sign = source_[at++];
    at = skip_space(at);
    if (!starts(at, name)) return 0;
    return tag_end(skip_space(at + name.size()), "%}", trim, plus);
  }

  // Text before a tag, with what the tag's sign and lstrip_blocks take from its end.
  void push_data(std::size_t begin, std::size_t end, char sign, bool print) {
    std::string_view text = std::string_view(source_).substr(begin, end - begin);
    if (sign == '-') {
      text = strip(text, Side::right);
    } else if (sign != '+' && !print) {
      const auto newline = text.rfind('\n');
      const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
      if ((line > 0 || line_starting_) && line < text.size() && strip(text.substr(line), Side::left).empty()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) push(TokenKind::data, begin, std::string(text));
  }

  void advance(std::size_t to) {
    line_starting_ = to > 0 && source_[to - 1] == '\n';
    at_ = to;
  }

  Result<void> root() {
    std::size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) {
        push(TokenKind::data, at_, source_.substr(at_));
        at_ = source_.size();
        return {};
      }
      const char c = source_[tag + 1];
      if (c == '{' || c == '%' || c == '#') break;
      ++tag;
    }
    const char kind = source_[tag + 1];
    char sign = 0;
    if (kind == '%') {
      if (const std::size_t inside = named_tag(tag, "raw", sign, false, false); inside != 0) {
        push_data(at_, tag, sign, false);
        advance(inside);
        return raw(tag);
      }
    }
    std::size_t inside = tag + 2;
    sign = 0;
    if (inside < source_.size() && (source_[inside] == '-' || source_[inside] == '+')) sign = source_[inside++];
    push_data(at_, tag, sign, kind == '{');
    advance(inside);
    if (kind == '#') return comment(tag);
    push(kind == '{' ? TokenKind::print_begin : TokenKind::block_begin, tag);
    return tag_body(kind == '{', tag);
  }

  Result<void> comment(std::size_t tag) {
    for (std::size_t at = at_; at < source_.size(); ++at) {
      const char c = source_[at];
      if (c != '#' && c != '-' && c != '+') continue;
      if (const std::size_t end = tag_end(at, "#}", true, true); end != 0) {
        advance(end);
        return {};
      }
    }
    return error("Missing end of comment tag", tag);
  }

  Result<void> raw(std::size_t tag) {
    for (std::size_t at = at_; at < source_.size(); ++at) {
      if (source_[at] != '{') continue;
      char sign = 0;
      if (const std::size_t end = named_tag(at, "endraw", sign, true, true); end != 0) {
        push_data(at_, at, sign, false);
        advance(end);
        return {};
      }
    }
    return error("Missing end of raw directive", tag);
  }

  Result<void> tag_body(bool print, std::size_t tag) {
    std::vector<char> open;  // closing brackets that are awaited
    while (true) {
      at_ = skip_space(at_);
      if (at_ >= source_.size()) {
        return error(std::string("unexpected end of template, the tag that begins here is not closed"), tag);
      }
      if (open.empty()) {
        const std::size_t end = print ? tag_end(at_, "}}", false, false) : tag_end(at_, "%}", true, true);
        if (end != 0) {
          push(print ? TokenKind::print_end : TokenKind::block_end, at_);
          advance(end);
          return {};
        }
      }
      ASSAY_TRY(token(open));
    }
  }

  Result<void> token(std::vector<char>& open) {
    const char c = source_[at_];
    if (is_ascii_digit(c)) return number();
    if (c == '"' || c == '\'') return text();
    std::size_t next = at_;
    const Point point = next_point(source_, next);
    if (is_alnum(point) || point == '_') return name();

    static constexpr std::array<std::string_view, 6> pairs = {"//", "**", "==", "!=", ">=", "<="};
    std::string_view op;
    for (const auto pair : pairs) {
      if (starts(at_, pair)) op = pair;
    }
    if (op.empty()) {
      if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos) {
        std::string shown;
        append_point(shown, point);
        return error("unexpected char '" + shown + "'", at_);
      }
      op = std::string_view(source_).substr(at_, 1);
    }
    if (c == '(') open.push_back(')');
    if (c == '[') open.push_back(']');
    if (c == '{') open.push_back('}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) return error(std::string("unexpected '") + c + "'", at_);
      const char expected = open.back();
      open.pop_back();
      if (expected != c) return error(std::string("unexpected '") + c + "', expected '" + expected + "'", at_);
    }
    push(TokenKind::op, at_, std::string(op));
    at_ += op.size();
    return {};
  }

  Result<void> name() {
    std::size_t end = at_;
    bool valid = true;
    while (end < source_.size()) {
      std::size_t next = end;
      const Point p = next_point(source_, next);
      if (!is_alnum(p) && p != '_') break;
      valid = valid && (end == at_ ? is_identifier_start(p) : is_identifier_part(p));
      end = next;
    }
    if (!valid) return error("Invalid character in identifier", at_);
    push(TokenKind::name, at_, source_.substr(at_, end - at_));
    at_ = end;
    return {};
  }

  // Digits with single underscores between them; the byte after them.
  template <class Is>
  std::size_t digits(std::size_t at, Is is) const {
    while (at < source_.size() &&
           (is(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && is(source_[at + 1])))) {
      ++at;
    }
    return at;
  }

  Result<void> number() {
    // 12.5, 1e9, 1.5e-3; not after a dot, so that a.1.2 is two subscripts
    const std::size_t whole = digits(at_, is_ascii_digit);
    std::size_t end = whole;
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    bool real = false;
    if (!after_dot) {
      if (end + 1 < source_.size() && source_[end] == '.' && is_ascii_digit(source_[end + 1])) {
        end = digits(end + 1, is_ascii_digit);
        real = true;
      }
      std::size_t exponent = end;
      if (exponent < source_.size() && (source_[exponent] == 'e' || source_[exponent] == 'E')) {
        ++exponent;
        if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
        if (exponent < source_.size() && is_ascii_digit(source_[exponent])) {
          end = digits(exponent, is_ascii_digit);
          real = true;
        }
      }
    }
    if (real) {
      std::string plain;
      for (std::size_t i = at_; i < end; ++i) {
        if (source_[i] != '_') plain.push_back(source_[i]);
      }
      push(TokenKind::real, at_).real = parse_float(plain).value_or(0);
      at_ = end;
      return {};
    }
    return integer(whole);
  }

  Result<void> integer(std::size_t whole) {
    int base = 10;
    std::size_t begin = at_;
    std::size_t end = whole;
    if (source_[at_] == '0') {
      const char mark = at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : ' ';
      const auto is_digit_of = [&base](char c) {
        const int v = is_ascii_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
        return v < base;
      };
      base = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 10;
      if (base != 10 && digits(at_ + 2, is_digit_of) > at_ + 2) {
        begin = at_ + 2;
        end = digits(begin, is_digit_of);
      } else {
        base = 10;
        end = digits(at_, [](char c) { return c == '0'; });
      }
    }
    std::string plain;
    for (std::size_t i = begin; i < end; ++i) {
      if (source_[i] != '_') plain.push_back(source_[i]);
    }
    std::int64_t value = 0;
    const auto [stop, status] = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
    if (status != std::errc{}) {
      return std::unexpected(
          at_position(position(at_), Error{Errc::unsupported, 0, "integer " + plain + " does not fit in 64 bits"}));
    }
    push(TokenKind::integer, at_).integer = value;
    at_ = end;
    return {};
  }

  Result<void> text() {
    const char quote = source_[at_];
    const std::size_t begin = at_;
    std::string out;
    std::size_t at = at_ + 1;
    for (; at < source_.size() && source_[at] != quote; ++at) {
      if (source_[at] != '\\') {
        out.push_back(source_[at]);
        continue;
      }
      if (++at >= source_.size()) break;
      ASSAY_TRY(escape(at, out));
    }
    if (at >= source_.size()) return error(std::string("unexpected char '") + quote + "'", begin);
    push(TokenKind::text, begin, std::move(out));
    at_ = at + 1;
    return {};
  }

  // The escape whose letter is at `at`; leaves `at` on its last byte.
  Result<void> escape(std::size_t& at, std::string& out) {
    static constexpr std::string_view letters = "abfnrtv\\'\"";
    static constexpr std::string_view values = "\a\b\f\n\r\t\v\\'\"";
    const char c = source_[at];
    if (c == '\n') return {};
    if (const auto i = letters.find(c); i != std::string_view::npos) {
      out.push_back(values[i]);
      return {};
    }
    if (c >= '0' && c <= '7') {
      Point point = 0;
      std::size_t n = 0;
      for (; n < 3 && at + n < source_.size() && source_[at + n] >= '0' && source_[at + n] <= '7'; ++n) {
        point = point * 8 + (source_[at + n] - '0');
      }
      at += n - 1;
      append_point(out, point);
      return {};
    }
    const std::size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (c == 'N') return error("\\N{...} escapes are not supported", at);
    if (width == 0) {  // not an escape: both characters stand for themselves
      out.push_back('\\');
      std::size_t next = at;
      append_point(out, next_point(source_, next));
      at = next - 1;
      return {};
    }
    std::uint32_t point = 0;
    if (at + width >= source_.size()) return error("truncated \\" + std::string(1, c) + " escape", at);
    const char* first = source_.data() + at + 1;
    const auto [stop, status] = std::from_chars(first, first + width, point, 16);
    if (status != std::errc{} || stop != first + width)
      return error("truncated \\" + std::string(1, c) + " escape", at);
    if (point > 0x10ffff) return error("illegal Unicode character", at);
    if (point >= 0xd800 && point <= 0xdfff) return error("a lone surrogate cannot be written as UTF-8", at);
    append_point(out, static_cast<Point>(point));
    at += width;
    return {};
  }

  const std::string source_;
  std::size_t at_ = 0;
  std::size_t counted_ = 0;
  Position here_;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

Error at_position(Position at, Error error) {
  error.detail = "line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " + error.detail;
  return error;
}

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (!is_utf8(source)) return fail(Errc::bad_value, "TemplateSyntaxError: the template is not valid UTF-8");
  return Lexer(unify_newlines(source)).run();
}

}  // namespace assay::jinja
