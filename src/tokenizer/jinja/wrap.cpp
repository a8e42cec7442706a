#include "tokenizer/jinja/wrap.h"

#include <algorithm>

#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

using Points = std::vector<Point>;

bool is_blank(Point p) { return p == ' ' || (p >= 0x09 && p <= 0x0d); }  // ASCII only
bool is_word(Point p) { return p == '_' || is_alnum(p); }
bool is_letter(Point p) { return is_word(p) && !is_decimal(p); }
bool is_mark(Point p) {
  return is_word(p) || p == '!' || p == '"' || p == '\'' || p == '&' || p == '.' || p == ',' || p == '?';
}

// Number of hyphens at `at` when an em-dash (two or more, then a word character) begins there.
std::size_t dash_at(const Points& p, std::size_t at) {
  std::size_t end = at;
  while (end < p.size() && p[end] == '-') ++end;
  return end - at >= 2 && end < p.size() && is_word(p[end]) ? end - at : 0;
}

// Where the piece that begins at `at` ends: whitespace, an em-dash after a word, or a word with what hangs on it, cut behind
// a hyphen that has letters on both sides.
std::size_t piece_end(const Points& p, std::size_t at) {
  if (is_blank(p[at])) {
    while (at < p.size() && is_blank(p[at])) ++at;
    return at;
  }
  if (at > 0 && is_mark(p[at - 1])) {
    if (const std::size_t dash = dash_at(p, at)) return at + dash;
  }
  for (std::size_t i = at + 1; i <= p.size(); ++i) {
    if (i == p.size() || is_blank(p[i])) return i;
    const Point last = p[i - 1];
    const bool behind = last == '-' && i >= 3 && i - 1 > at &&
                        ((is_letter(p[i - 2]) && is_letter(p[i - 3])) ||
                         (is_letter(p[i - 2]) && i >= 4 && p[i - 3] == '-' && is_letter(p[i - 4])));
    const bool before = is_letter(p[i]) && i + 1 < p.size() &&
                        (is_letter(p[i + 1]) || (p[i + 1] == '-' && i + 2 < p.size() && is_letter(p[i + 2])));
    if (behind && before) return i;
    if (is_mark(last) && dash_at(p, i) != 0) return i;
  }
  return p.size();
}

std::vector<Points> pieces_of(const Points& p, bool hyphens) {
  std::vector<Points> pieces;
  for (std::size_t at = 0; at < p.size();) {
    std::size_t end = at;
    if (hyphens) {
      end = piece_end(p, at);
    } else {
      const bool blank = is_blank(p[at]);
      while (end < p.size() && is_blank(p[end]) == blank) ++end;
    }
    pieces.emplace_back(p.begin() + static_cast<std::ptrdiff_t>(at), p.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  return pieces;
}

bool is_all_space(const Points& piece) {
  return std::all_of(piece.begin(), piece.end(), [](Point p) { return is_space(p); });
}

// Where to cut a piece that is longer than a line: at `room`, or behind the last hyphen before it.
std::size_t cut_of(const Points& piece, std::size_t room, bool hyphens) {
  if (!hyphens || piece.size() <= room) return room;
  for (std::size_t i = room; i > 0; --i) {
    if (piece[i - 1] != '-') continue;
    const bool only = std::all_of(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(i - 1),
                                  [](Point p) { return p == '-'; });
    return i > 1 && !only ? i : room;
  }
  return room;
}

}  // namespace

std::vector<std::string> wrap_line(std::string_view line, const WrapOptions& options) {
  const auto width = static_cast<std::size_t>(options.width);
  std::vector<Points> pieces = pieces_of(points_of(line), options.break_on_hyphens);
  std::reverse(pieces.begin(), pieces.end());
  std::vector<std::string> lines;
  while (!pieces.empty()) {
    if (!lines.empty() && is_all_space(pieces.back())) pieces.pop_back();
    std::vector<Points> now;
    std::size_t size = 0;
    while (!pieces.empty() && size + pieces.back().size() <= width) {
      size += pieces.back().size();
      now.push_back(std::move(pieces.back()));
      pieces.pop_back();
    }
    if (!pieces.empty() && pieces.back().size() > width) {
      if (options.break_long_words) {
        Points& piece = pieces.back();
        const std::size_t cut = cut_of(piece, std::max<std::size_t>(width - std::min(size, width), width < 1 ? 1 : 0),
                                       options.break_on_hyphens);
        now.emplace_back(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(cut));
        piece.erase(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(cut));
        if (piece.empty()) pieces.pop_back();
      } else if (now.empty()) {
        now.push_back(std::move(pieces.back()));
        pieces.pop_back();
      }
    }
    if (!now.empty() && is_all_space(now.back())) now.pop_back();
    if (now.empty()) continue;
    std::string out;
    for (const Points& piece : now) {
      for (const Point p : piece) append_point(out, p);
    }
    lines.push_back(std::move(out));
  }
  return lines;
}

}  // namespace assay::jinja
