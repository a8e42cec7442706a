#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace assay {
namespace {

using unicode::table;

constexpr std::string_view mark = "\xE2\x96\x81";  // U+2581, SentencePiece's space

Result<void> put(const ReplaceStep& s, std::string_view text, std::string& out, RegexScratch& scratch) {
  std::size_t done = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const auto match = s.pattern.search(text, from, scratch);
    if (!match) return std::unexpected(match.error());
    if (!match->found) break;
    out += text.substr(done, match->begin - done);
    out += s.content;
    if (out.size() > tokenize_bytes_max) {
      return fail(Errc::full, "normalized text passes " + std::to_string(tokenize_bytes_max) + " bytes");
    }
    done = from = match->end;
    if (match->end == match->begin) {
      if (from == text.size()) break;
      from += unicode::decode_valid(text.data() + from).bytes;
    }
  }
  out += text.substr(done);
  return {};
}

template <class F>
void each_character(std::string_view text, F&& f) {
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded d = unicode::decode_valid(text.data() + at);
    f(d.code_point, text.substr(at, d.bytes));
    at += d.bytes;
  }
}

std::string_view trimmed(std::string_view text, const TrimStep& s) {
  while (s.left && !text.empty()) {
    const unicode::Decoded d = unicode::decode_valid(text.data());
    if ((table()[d.code_point] & unicode::space) == 0) break;
    text.remove_prefix(d.bytes);
  }
  while (s.right && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) --at;
    if ((table()[unicode::decode_valid(text.data() + at).code_point] & unicode::space) == 0) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

void put(const BertStep& s, std::string_view text, std::string& out) {
  std::string cleaned;
  each_character(text, [&](std::uint32_t c, std::string_view bytes) {
    if (!s.clean) {
      cleaned += bytes;
      return;
    }
    const std::uint16_t bits = table()[c];
    const bool white = c == '\t' || c == '\n' || c == '\r' || (bits & unicode::space) != 0;
    if (white && !(c == 0x85 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))) {
      cleaned += ' ';
    } else if (c != 0 && c != unicode::replacement && (bits & unicode::control) == 0) {
      cleaned += bytes;
    }
  });
  std::string spaced;
  each_character(cleaned, [&](std::uint32_t c, std::string_view bytes) {
    const bool han = s.space_han && (table()[c] & unicode::han) != 0;
    if (han) spaced += ' ';
    spaced += bytes;
    if (han) spaced += ' ';
  });
  if (s.strip_accents) {
    std::string bare;
    each_character(unicode::normalize(spaced, unicode::Form::nfd), [&](std::uint32_t c, std::string_view bytes) {
      if ((table()[c] & unicode::nonspacing) == 0) bare += bytes;
    });
    spaced.swap(bare);
  }
  out += s.lowercase ? unicode::lowercase(spaced) : spaced;
}

// SentencePiece's normalizer: the map first, then its rules for spaces, all spaces written as U+2581.
void put(const SentencePieceStep& s, std::string_view text, std::string& out) {
  bool within_word = false;
  bool has_prefix = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    std::string_view replacement;
    std::size_t taken = 0;
    if (s.charsmap) {
      const Charsmap::Match match = s.charsmap->longest(rest);
      taken = match.bytes;
      replacement = match.replacement;
    }
    if (taken == 0) {
      taken = unicode::decode_valid(rest.data()).bytes;
      replacement = rest.substr(0, taken);
    }
    at += taken;
    for (const char c : replacement) {
      if (c == ' ') {
        within_word = false;
        if (!s.remove_extra_spaces) out += mark;
        continue;
      }
      if (!within_word) {
        within_word = true;
        if ((s.add_space_prefix && !has_prefix) || s.remove_extra_spaces) {
          out += mark;
          has_prefix = true;
        }
      }
      out += c;
    }
  }
}

// As Hugging Face applies the map: to a whole grapheme of less than 6 bytes, else to each character of it.
void put(const GraphemeMapStep& s, std::string_view text, std::string& out) {
  const auto map_whole = [&](std::string_view part) {
    const Charsmap::Match match = s.charsmap.longest(part);
    if (match.bytes == 0) return false;
    out += match.replacement;
    return true;
  };
  std::size_t at = 0;
  while (at < text.size()) {
    utf8proc_int32_t state = 0;
    unicode::Decoded d = unicode::decode_valid(text.data() + at);
    std::size_t end = at + d.bytes;
    while (end < text.size()) {
      const unicode::Decoded next = unicode::decode_valid(text.data() + end);
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(d.code_point),
                                           static_cast<utf8proc_int32_t>(next.code_point), &state) != 0) {
        break;
      }
      d = next;
      end += next.bytes;
    }
    const std::string_view grapheme = text.substr(at, end - at);
    if (grapheme.size() >= 6 || !map_whole(grapheme)) {
      each_character(grapheme, [&](std::uint32_t, std::string_view bytes) {
        if (!map_whole(bytes)) out += bytes;
      });
    }
    at = end;
  }
}

Result<void> put(const NormalStep& any, std::string_view text, NormalPlace place, NormalScratch& scratch,
                 std::string& out) {
  if (const auto* form = std::get_if<unicode::Form>(&any)) {
    out = unicode::normalize(text, *form);
  } else if (std::holds_alternative<LowercaseStep>(any)) {
    out = unicode::lowercase(text);
  } else if (std::holds_alternative<StripAccentsStep>(any)) {
    each_character(text, [&](std::uint32_t c, std::string_view bytes) {
      if ((table()[c] & unicode::mark) == 0) out += bytes;
    });
  } else if (const auto* replace = std::get_if<ReplaceStep>(&any)) {
    ASSAY_TRY(put(*replace, text, out, scratch.regex));
  } else if (const auto* prepend = std::get_if<PrependStep>(&any)) {
    if (!text.empty()) out += prepend->text;
    out += text;
  } else if (std::holds_alternative<SpacePrefixStep>(any)) {
    if (place.after_special) out += ' ';
    out += text;
  } else if (const auto* trim = std::get_if<TrimStep>(&any)) {
    out += trimmed(text, *trim);
  } else if (const auto* bert = std::get_if<BertStep>(&any)) {
    put(*bert, text, out);
  } else if (const auto* sentence_piece = std::get_if<SentencePieceStep>(&any)) {
    put(*sentence_piece, text, out);
  } else if (std::holds_alternative<ByteLettersStep>(any)) {
    out = bytes_to_letters(text);
  } else {
    put(std::get<GraphemeMapStep>(any), text, out);
  }
  return {};
}

}  // namespace

Result<std::string_view> normalize(const std::vector<NormalStep>& steps, std::string_view text, NormalPlace place,
                                   NormalScratch& scratch) {
  for (const NormalStep& step : steps) {
    scratch.other.clear();
    ASSAY_TRY(put(step, text, place, scratch, scratch.other));
    scratch.text.swap(scratch.other);
    text = scratch.text;
    if (text.size() > tokenize_bytes_max) {
      return fail(Errc::full, "normalized text of " + std::to_string(text.size()) + " bytes, at most " +
                                  std::to_string(tokenize_bytes_max));
    }
  }
  return text;
}

}  // namespace assay
