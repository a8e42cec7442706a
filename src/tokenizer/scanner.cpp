#include "tokenizer/scanner.h"

#include <algorithm>
#include <array>

#include "tokenizer/unicode.h"

namespace assay {
namespace {

using unicode::letter;
using unicode::lowerish;
using unicode::mark;
using unicode::number;
using unicode::space;
using unicode::upperish;

constexpr std::uint16_t beyond = 0;  // class of the place after the text: in no class

// The text and its classes. `at` is always at the start of a character.
struct Reader {
  const char* data;
  std::size_t size;
  const unicode::Table* classes;

  bool is(std::size_t at, char c) const { return at < size && data[at] == c; }
  bool line_end(std::size_t at) const { return is(at, '\n') || is(at, '\r'); }
  // Class and bytes of the character at `at`; {beyond, 0} after the end.
  std::uint16_t peek(std::size_t at, std::size_t& bytes) const {
    if (at >= size) {
      bytes = 0;
      return beyond;
    }
    const auto byte = static_cast<unsigned char>(data[at]);
    if (byte < 0x80) {
      bytes = 1;
      return classes->ascii(byte);
    }
    const unicode::Decoded d = unicode::decode_valid(data + at);
    bytes = d.bytes;
    return (*classes)[d.code_point];
  }
  std::uint16_t peek(std::size_t at) const {
    std::size_t bytes = 0;
    return peek(at, bytes);
  }
  // The end of the run of characters in a class of `any`.
  std::size_t run(std::size_t at, unsigned any) const {
    while (at < size) {
      std::size_t bytes = 0;
      if ((peek(at, bytes) & any) == 0) break;
      at += bytes;
    }
    return at;
  }
  // The end of the run of characters in no class of `none`.
  std::size_t run_outside(std::size_t at, unsigned none) const {
    while (at < size) {
      std::size_t bytes = 0;
      if ((peek(at, bytes) & none) != 0) break;
      at += bytes;
    }
    return at;
  }
  // \s+(?!\S)|\s+ at a white-space character: all of it at the text's end, else all but the last, else the one.
  std::size_t spaces(std::size_t at) const {
    std::size_t end = at;
    std::size_t last = at;
    while (end < size) {
      std::size_t bytes = 0;
      if ((peek(end, bytes) & space) == 0) break;
      last = end;
      end += bytes;
    }
    return end < size && last > at ? last : end;
  }
  // \s*[\r\n]+|\s+(?!\S)|\s+
  std::size_t lines_or_spaces(std::size_t at) const {
    std::size_t end = at;
    std::size_t last = at;
    std::size_t after_line = 0;
    while (end < size) {
      std::size_t bytes = 0;
      if ((peek(end, bytes) & space) == 0) break;
      last = end;
      end += bytes;
      if (data[last] == '\n' || data[last] == '\r') after_line = end;
    }
    if (after_line > 0) return after_line;
    return end < size && last > at ? last : end;
  }
};

enum class Contraction : std::uint8_t { none, lower, any_case };

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// 's|'t|'re|'ve|'m|'ll|'d at an apostrophe: its end, or `at`. Without case U+017F counts as s, as in Unicode's folding.
std::size_t contraction(const Reader& r, std::size_t at, Contraction kind) {
  if (kind == Contraction::none || !r.is(at, '\'') || at + 1 >= r.size) return at;
  const bool fold = kind == Contraction::any_case;
  const char a = fold ? lower(r.data[at + 1]) : r.data[at + 1];
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
  if (at + 2 >= r.size) return at;
  if (fold && a == '\xC5' && r.data[at + 2] == '\xBF') return at + 3;
  const char b = fold ? lower(r.data[at + 2]) : r.data[at + 2];
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? at + 3 : at;
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t gpt2(const Reader& r, std::size_t at) {
  if (r.data[at] == '\'') {
    if (const std::size_t end = contraction(r, at, Contraction::lower); end > at) return end;
  }
  const std::size_t from = at + (r.data[at] == ' ' ? 1 : 0);
  std::size_t bytes = 0;
  const std::uint16_t c = r.peek(from, bytes);
  if ((c & letter) != 0) return r.run(from + bytes, letter);
  if ((c & number) != 0) return r.run(from + bytes, number);
  if (bytes > 0 && (c & space) == 0) return r.run_outside(from + bytes, space | letter | number);
  return r.spaces(at);
}

struct Llama {
  Contraction contractions = Contraction::any_case;
  std::size_t digits_max = 3;     // \p{N}{1,n}
  unsigned letters = letter;      // qwen3.5 counts marks among them
  bool lines_after_signs = true;  // [\r\n]* after signs
};

// (?i:'s|..)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <Llama rules>
std::size_t llama(const Reader& r, std::size_t at) {
  std::size_t bytes = 0;
  const std::uint16_t c = r.peek(at, bytes);
  const char first = r.data[at];
  if ((c & letter) != 0) return r.run(at + bytes, rules.letters);
  if ((c & number) != 0) {
    std::size_t end = at + bytes;
    for (std::size_t n = 1; n < rules.digits_max && (r.peek(end, bytes) & number) != 0; ++n) end += bytes;
    return end;
  }
  if (first == '\'') {
    if (const std::size_t end = contraction(r, at, rules.contractions); end > at) return end;
  }
  std::size_t next_bytes = 0;
  const std::uint16_t next = r.peek(at + bytes, next_bytes);
  if (first != '\n' && first != '\r') {
    if ((next & rules.letters) != 0) return r.run(at + bytes + next_bytes, rules.letters);
    if ((c & rules.letters) != 0) return at + bytes;  // a mark by itself
  }
  constexpr unsigned words = space | number | rules.letters | letter;
  const auto signs = [&](std::size_t from) {
    if (rules.lines_after_signs) {
      std::size_t end = r.run_outside(from, words);
      while (r.line_end(end)) ++end;
      return end;
    }
    return r.run_outside(from, words);
  };
  if ((c & words) == 0) return signs(at + bytes);
  if (first == ' ' && next_bytes > 0 && (next & words) == 0) return signs(at + 1 + next_bytes);
  return r.lines_or_spaces(at);
}

// [U]*[W]+ then [U]+[W]* from `at`, U = upperish, W = lowerish, as a backtracking matcher finds them; `at`: no match.
std::size_t cased_first(const Reader& r, std::size_t at) {
  std::size_t end = at;
  std::size_t both_end = at;  // after the last character of the run that is in both classes
  while (true) {
    std::size_t bytes = 0;
    const std::uint16_t c = r.peek(end, bytes);
    if ((c & upperish) == 0) {
      if ((c & lowerish) != 0) return r.run(end + bytes, lowerish);
      return both_end;
    }
    end += bytes;
    if ((c & lowerish) != 0) both_end = end;
  }
}
std::size_t cased_second(const Reader& r, std::size_t at) {
  const std::size_t upper = r.run(at, upperish);
  return upper == at ? at : r.run(upper, lowerish);
}

struct Cased {
  Contraction contractions = Contraction::any_case;  // after a word
  std::size_t digits_max = 3;
};

// P?U*W+C?|P?U+W*C?|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+, P = [^\r\n\p{L}\p{N}]
template <Cased rules>
std::size_t cased(const Reader& r, std::size_t at) {
  std::size_t bytes = 0;
  const std::uint16_t c = r.peek(at, bytes);
  const char first = r.data[at];
  const bool may_lead = (c & (letter | number)) == 0 && first != '\n' && first != '\r';
  const auto with_contraction = [&](std::size_t end) { return contraction(r, end, rules.contractions); };
  if ((c & (letter | mark)) != 0 || may_lead) {
    const std::size_t word = at + bytes;
    std::size_t end = 0;
    if (may_lead && (end = cased_first(r, word)) > word) return with_contraction(end);
    if ((end = cased_first(r, at)) > at) return with_contraction(end);
    if (may_lead && (end = cased_second(r, word)) > word) return with_contraction(end);
    if ((end = cased_second(r, at)) > at) return with_contraction(end);
  }
  if ((c & number) != 0) {
    std::size_t end = at + bytes;
    for (std::size_t n = 1; n < rules.digits_max && (r.peek(end, bytes) & number) != 0; ++n) end += bytes;
    return end;
  }
  constexpr unsigned words = space | number | letter;
  std::size_t next_bytes = 0;
  const std::uint16_t next = r.peek(at + bytes, next_bytes);
  std::size_t from = 0;
  if ((c & words) == 0) {
    from = at + bytes;
  } else if (first == ' ' && next_bytes > 0 && (next & words) == 0) {
    from = at + 1 + next_bytes;
  }
  if (from > 0) {
    std::size_t end = r.run_outside(from, words);
    while (r.line_end(end) || r.is(end, '/')) ++end;
    return end;
  }
  return r.lines_or_spaces(at);
}

template <std::size_t (*next_piece)(const Reader&, std::size_t)>
void scan(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends) {
  const Reader r{text.data(), text.size(), &unicode::table()};
  for (std::size_t at = 0; at < r.size;) {
    at = next_piece(r, at);
    ends.push_back(base + static_cast<std::uint32_t>(at));
  }
}

// \p{N}{1,n} apart, all else together.
template <std::size_t digits_max>
void numbers(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends) {
  const Reader r{text.data(), text.size(), &unicode::table()};
  for (std::size_t at = 0; at < r.size;) {
    const std::size_t gap = r.run_outside(at, number);
    if (gap > at) ends.push_back(base + static_cast<std::uint32_t>(gap));
    std::size_t bytes = 0;
    at = gap;
    for (std::size_t n = 0; n < digits_max && (r.peek(at, bytes) & number) != 0; ++n) at += bytes;
    if (at > gap) ends.push_back(base + static_cast<std::uint32_t>(at));
  }
}

// [0-9][0-9][0-9] apart.
void three_digits(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends) {
  const auto is_digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  std::size_t done = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (!is_digit(at) || !is_digit(at + 1) || !is_digit(at + 2)) {
      ++at;
      continue;
    }
    if (at > done) ends.push_back(base + static_cast<std::uint32_t>(at));
    done = at += 3;
    ends.push_back(base + static_cast<std::uint32_t>(at));
  }
  if (done < text.size()) ends.push_back(base + static_cast<std::uint32_t>(text.size()));
}

// [\p{P}\$\+<=>\^~\|`]+ apart; the back tick is left out by the default of old files.
template <bool back_tick>
void signs(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends) {
  const Reader r{text.data(), text.size(), &unicode::table()};
  const auto is_sign = [&](std::size_t at, std::size_t& bytes) {
    const std::uint16_t c = r.peek(at, bytes);
    if ((c & unicode::punctuation) != 0) return true;
    return (c & unicode::symbol) != 0 && bytes == 1 && (back_tick || r.data[at] != '`');
  };
  for (std::size_t at = 0; at < r.size;) {
    std::size_t bytes = 0;
    const bool sign = is_sign(at, bytes);
    do {
      at += bytes;
    } while (at < r.size && is_sign(at, bytes) == sign);
    ends.push_back(base + static_cast<std::uint32_t>(at));
  }
}

// Groups of three digits counted from the right. apart: all groups are pieces. needs_boundary: only of runs that no word
// character follows. before: only cut before each full group, so that a shorter first one stays with what is before it.
enum class Thousands : std::uint8_t { apart, needs_boundary, before };
template <unsigned digits, Thousands kind>
void thousands(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends) {
  const Reader r{text.data(), text.size(), &unicode::table()};
  std::size_t done = 0;
  const auto cut = [&](std::size_t at) {
    if (at > done) ends.push_back(base + static_cast<std::uint32_t>(at));
    done = at;
  };
  for (std::size_t at = 0; at < r.size;) {
    at = r.run_outside(at, digits);
    const std::size_t begin = at;
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (; (r.peek(at, bytes) & digits) != 0; at += bytes) ++count;
    if (kind == Thousands::needs_boundary && (r.peek(at) & unicode::regex_word) != 0) continue;
    if (count == 0) break;
    if (kind != Thousands::before) cut(begin);
    std::size_t left = count;
    for (std::size_t place = begin; left > 0; place += bytes, --left) {
      if (left % 3 == 0) cut(place);
      r.peek(place, bytes);
    }
    if (kind != Thousands::before) cut(at);
  }
  cut(r.size);
}

// [^\n]+|[\n]+
void lines(std::string_view text, std::uint32_t base, std::vector<std::uint32_t>& ends) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '\n' ? text.find_first_not_of('\n', at) : text.find('\n', at);
    at = std::min(end, text.size());
    ends.push_back(base + static_cast<std::uint32_t>(at));
  }
}

#define ASSAY_ENGLISH "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define ASSAY_LLAMA(letters, digits, signs) \
  "[^\\r\\n\\p{L}\\p{N}]?" letters "+|\\p{N}" digits "| ?" signs "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define ASSAY_SIGNS "[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define ASSAY_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define ASSAY_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define ASSAY_CASED(after, digits)                                                                                     \
  "[^\\r\\n\\p{L}\\p{N}]?" ASSAY_UPPER "*" ASSAY_LOWER "+" after "|[^\\r\\n\\p{L}\\p{N}]?" ASSAY_UPPER "+" ASSAY_LOWER \
  "*" after "|\\p{N}" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

struct Known {
  std::string_view pattern;
  Scanner scanner;
};

constexpr std::size_t all = SIZE_MAX;

constexpr std::array known{
    Known{"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", scan<gpt2>},
    // Without |\s+ the one white-space character that no alternative takes stays a stretch between matches: the same.
    Known{"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)", scan<gpt2>},
    Known{"'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", scan<gpt2>},
    Known{ASSAY_ENGLISH "|" ASSAY_LLAMA("\\p{L}", "{1,3}", ASSAY_SIGNS), scan<llama<Llama{}>>},
    Known{ASSAY_ENGLISH "|" ASSAY_LLAMA("\\p{L}", "", ASSAY_SIGNS), scan<llama<Llama{.digits_max = 1}>>},
    Known{ASSAY_ENGLISH "|" ASSAY_LLAMA("\\p{L}", "+", ASSAY_SIGNS), scan<llama<Llama{.digits_max = all}>>},
    Known{ASSAY_ENGLISH "|" ASSAY_LLAMA("[\\p{L}\\p{M}]", "", "[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"),
          scan<llama<Llama{.digits_max = 1, .letters = letter | mark}>>},
    Known{ASSAY_LLAMA("\\p{L}", "", ASSAY_SIGNS),
          scan<llama<Llama{.contractions = Contraction::none, .digits_max = 1}>>},
    Known{ASSAY_ENGLISH "|" ASSAY_LLAMA("\\p{L}", "{1}", "[^\\s\\p{L}\\p{N}\\r\\n]+"),
          scan<llama<Llama{.digits_max = 1, .lines_after_signs = false}>>},
    Known{ASSAY_CASED("", ""), scan<cased<Cased{.contractions = Contraction::none, .digits_max = 1}>>},
    Known{ASSAY_CASED(ASSAY_ENGLISH "?", "{1,3}"), scan<cased<Cased{}>>},
    Known{"\\p{N}", numbers<1>},
    Known{"\\p{N}{1,3}", numbers<3>},
    Known{"\\p{N}+", numbers<all>},
    Known{"[0-9][0-9][0-9]", three_digits},
    Known{"\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))", thousands<number, Thousands::apart>},
    Known{"\\d{1,3}(?=(?:\\d{3})*\\b)", thousands<unicode::digit, Thousands::needs_boundary>},
    Known{"(?=(\\d{3})+(?!\\d))", thousands<unicode::digit, Thousands::before>},
    Known{"[^\\n]+|[\\n]+", lines},
    Known{"[\\p{P}\\$\\+<=>\\^~\\|`]+", signs<true>},
    Known{"[\\p{P}\\$\\+<=>\\^~\\|]+", signs<false>},
};

}  // namespace

Scanner find_scanner(std::string_view pattern) {
  for (const Known& k : known) {
    if (k.pattern == pattern) return k.scanner;
  }
  return nullptr;
}

std::vector<std::string_view> scanned_patterns() {
  std::vector<std::string_view> out;
  out.reserve(std::size(known));
  for (const Known& k : known) out.push_back(k.pattern);
  return out;
}

}  // namespace assay
