#include "tokenizer/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

namespace assay::jinja {
namespace {

utf8proc_category_t category(Point point) { return utf8proc_category(point); }

bool is_letter(Point point) {
  const auto c = category(point);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

const utf8proc_uint8_t* raw(std::string_view bytes) {
  return reinterpret_cast<const utf8proc_uint8_t*>(bytes.data());  // NOLINT: bytes as the library wants them
}

// Full case folding: one to three code points.
struct Folded {
  std::array<Point, 16> points{};
  std::size_t count = 0;
};
Folded fold(Point point, int options) {
  Folded result;
  int boundclass = 0;
  const auto n =
      utf8proc_decompose_char(point, result.points.data(), static_cast<utf8proc_ssize_t>(result.points.size()),
                              static_cast<utf8proc_option_t>(options), &boundclass);
  if (n > 0 && n <= static_cast<utf8proc_ssize_t>(result.points.size())) result.count = static_cast<std::size_t>(n);
  return result;
}

// The library maps one code point to one. Where Unicode's full upper case is longer (sharp s, ligatures, iota below) it is
// the upper case of the full folding, except for letters that are capitals already.
void append_upper(std::string& out, Point point) {
  if (point >= 0x80 && category(point) != UTF8PROC_CATEGORY_LU) {
    const Folded full = fold(point, UTF8PROC_CASEFOLD);
    if (full.count > 1) {
      for (std::size_t i = 0; i < full.count; ++i) append_point(out, utf8proc_toupper(full.points[i]));
      return;
    }
  }
  append_point(out, utf8proc_toupper(point));
}

void append_title(std::string& out, Point point) {
  const Point simple = utf8proc_totitle(point);
  // the library makes a sharp s a capital one, which Unicode's title case does not
  if (point >= 0x80 && (simple == point || point == 0xdf) && category(point) == UTF8PROC_CATEGORY_LL) {
    const Folded full = fold(point, UTF8PROC_CASEFOLD);
    if (full.count > 1) {
      const std::size_t capital = full.points[0] == 0x2bc ? 1 : 0;  // behind an apostrophe
      for (std::size_t i = 0; i < full.count; ++i) {
        const Point part = full.points[i];
        append_point(out, i == capital ? utf8proc_toupper(part) : part == 0x3b9 ? 0x345 : part);  // iota goes below
      }
      return;
    }
  }
  append_point(out, simple);
}

bool is_cased(Point point) { return is_upper(point) || is_lower(point) || is_title(point); }

bool is_case_ignorable(Point point) {
  switch (category(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  constexpr std::array<Point, 15> inner = {0x27,   0x2e,   0x3a,   0xb7,   0x387,  0x55f,  0x5f4, 0x2018,
                                           0x2019, 0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07};
  return std::find(inner.begin(), inner.end(), point) != inner.end() || point == 0xff0e || point == 0xff1a;
}

// A capital sigma is written as the final one where a word ends with it.
bool is_final_sigma(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t at = begin;
  bool cased = false;
  while (at > 0) {
    const Point p = previous_point(text, at);
    if (is_case_ignorable(p)) continue;
    cased = is_cased(p);
    break;
  }
  if (!cased) return false;
  at = end;
  while (at < text.size()) {
    const Point p = next_point(text, at);
    if (is_case_ignorable(p)) continue;
    return !is_cased(p);
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, std::size_t begin, std::size_t end, Point point) {
  if (point == 0x3a3) {
    append_point(out, is_final_sigma(text, begin, end) ? 0x3c2 : 0x3c3);
  } else if (point == 0x130) {  // the only letter whose lower case is longer: i and a dot above
    append_point(out, 'i');
    append_point(out, 0x307);
  } else {
    append_point(out, utf8proc_tolower(point));
  }
}

template <class F>
void each_point(std::string_view text, F visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const Point point = next_point(text, at);
    visit(point, begin, at);
  }
}

template <class Out>
std::string_view strip_where(std::string_view text, Side side, Out outside) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  if (side != Side::right) {
    while (begin < end) {
      std::size_t at = begin;
      if (!outside(next_point(text, at))) break;
      begin = at;
    }
  }
  if (side != Side::left) {
    while (end > begin) {
      std::size_t at = end;
      if (!outside(previous_point(text, at))) break;
      end = at;
    }
  }
  return text.substr(begin, end - begin);
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    Point point = 0;
    const auto n = utf8proc_iterate(raw(bytes) + at, static_cast<utf8proc_ssize_t>(bytes.size() - at), &point);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

std::size_t count_points(std::string_view bytes) {
  std::size_t continuing = 0;
  for (const char c : bytes) continuing += (static_cast<unsigned char>(c) & 0xc0U) == 0x80U ? 1 : 0;
  return bytes.size() - continuing;
}

Point next_point(std::string_view bytes, std::size_t& at) {
  const auto first = static_cast<unsigned char>(bytes[at]);
  if (first < 0x80) {
    ++at;
    return first;
  }
  Point point = 0;
  const auto n = utf8proc_iterate(raw(bytes) + at, static_cast<utf8proc_ssize_t>(bytes.size() - at), &point);
  if (n <= 0) {
    ++at;
    return 0xfffd;
  }
  at += static_cast<std::size_t>(n);
  return point;
}

Point previous_point(std::string_view bytes, std::size_t& at) {
  do {
    --at;
  } while (at > 0 && (static_cast<unsigned char>(bytes[at]) & 0xc0U) == 0x80U);
  std::size_t forward = at;
  return next_point(bytes, forward);
}

void append_point(std::string& out, Point point) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
    return;
  }
  std::array<utf8proc_uint8_t, 4> buffer{};
  const auto n = utf8proc_encode_char(point, buffer.data());
  for (utf8proc_ssize_t i = 0; i < n; ++i) out.push_back(static_cast<char>(buffer[static_cast<std::size_t>(i)]));
}

std::vector<Point> points_of(std::string_view bytes) {
  std::vector<Point> points;
  points.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) points.push_back(next_point(bytes, at));
  return points;
}

std::size_t byte_offset(std::string_view bytes, std::size_t index) {
  std::size_t at = 0;
  for (; index > 0 && at < bytes.size(); --index) {
    ++at;
    while (at < bytes.size() && (static_cast<unsigned char>(bytes[at]) & 0xc0U) == 0x80U) ++at;
  }
  return at;
}

bool is_space(Point p) {
  if (p < 0x80) return p == ' ' || (p >= 0x09 && p <= 0x0d) || (p >= 0x1c && p <= 0x1f);
  if (p == 0x85) return true;
  const auto c = category(p);
  return c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP;
}
bool is_alpha(Point p) { return is_letter(p); }
bool is_decimal(Point p) { return category(p) == UTF8PROC_CATEGORY_ND; }
bool is_digit(Point p) {
  if (is_decimal(p)) return true;
  if (category(p) != UTF8PROC_CATEGORY_NO) return false;
  const Folded plain = fold(p, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  int digits = 0;
  for (std::size_t i = 0; i < plain.count; ++i) {
    if (plain.points[i] >= 0x80) return false;  // a fraction's slash, say
    digits += plain.points[i] >= '0' && plain.points[i] <= '9' ? 1 : 0;
  }
  return digits == 1;
}
bool is_numeric(Point p) {
  const auto c = category(p);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}
bool is_alnum(Point p) { return is_letter(p) || is_numeric(p); }
bool is_upper(Point p) {
  return category(p) == UTF8PROC_CATEGORY_LU || (p >= 0x2160 && p <= 0x216f) || (p >= 0x24b6 && p <= 0x24cf) ||
         (p >= 0x1f130 && p <= 0x1f149) || (p >= 0x1f150 && p <= 0x1f169) || (p >= 0x1f170 && p <= 0x1f189);
}
bool is_lower(Point p) {
  if (category(p) == UTF8PROC_CATEGORY_LL) return true;
  if (p < 0xaa) return false;
  // Unicode's Other_Lowercase (PropList.txt): letters in the place of small ones, which the library does not tell
  static constexpr std::array<std::pair<Point, Point>, 24> others = {
      {{0xaa, 0xaa},       {0xba, 0xba},       {0x2b0, 0x2b8},     {0x2c0, 0x2c1},    {0x2e0, 0x2e4},
       {0x345, 0x345},     {0x37a, 0x37a},     {0x1d2c, 0x1d6a},   {0x1d78, 0x1d78},  {0x1d9b, 0x1dbf},
       {0x2071, 0x2071},   {0x207f, 0x207f},   {0x2090, 0x209c},   {0x2170, 0x217f},  {0x24d0, 0x24e9},
       {0x2c7c, 0x2c7d},   {0xa69c, 0xa69d},   {0xa770, 0xa770},   {0xa7f8, 0xa7f9},  {0xab5c, 0xab5f},
       {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107b0}, {0x107b2, 0x107ba}}};
  return std::any_of(others.begin(), others.end(),
                     [p](const auto& range) { return range.first <= p && p <= range.second; });
}
bool is_title(Point p) { return category(p) == UTF8PROC_CATEGORY_LT; }
bool is_printable(Point p) {
  if (p == ' ') return true;
  switch (category(p)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}
bool is_identifier_start(Point p) { return p == '_' || is_letter(p) || category(p) == UTF8PROC_CATEGORY_NL; }
bool is_identifier_part(Point p) {
  if (is_identifier_start(p)) return true;
  const auto c = category(p);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC ||
         c == UTF8PROC_CATEGORY_PC;
}

int decimal_value(Point p) {
  if (p >= '0' && p <= '9') return p - '0';
  if (p < 0x80 || !is_decimal(p)) return -1;
  Point zero = p;  // decimal digits stand in runs that begin with a zero
  while (is_decimal(zero - 1)) --zero;
  return (p - zero) % 10;
}

std::string upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  each_point(text, [&](Point p, std::size_t, std::size_t) { append_upper(out, p); });
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  each_point(text, [&](Point p, std::size_t b, std::size_t e) { append_lower(out, text, b, e, p); });
  return out;
}

std::string casefold(std::string_view text) {
  std::string out;
  each_point(text, [&](Point p, std::size_t, std::size_t) {
    const Folded full = fold(p, UTF8PROC_CASEFOLD);
    for (std::size_t i = 0; i < full.count; ++i) append_point(out, full.points[i]);
  });
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool inside = false;  // after a cased letter
  each_point(text, [&](Point p, std::size_t b, std::size_t e) {
    if (inside) {
      append_lower(out, text, b, e, p);
    } else {
      append_title(out, p);
    }
    inside = is_cased(p);
  });
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  each_point(text, [&](Point p, std::size_t b, std::size_t e) {
    if (b == 0) {
      append_title(out, p);
    } else {
      append_lower(out, text, b, e, p);
    }
  });
  return out;
}

std::string swapcase(std::string_view text) {
  std::string out;
  each_point(text, [&](Point p, std::size_t b, std::size_t e) {
    if (is_upper(p)) {
      append_lower(out, text, b, e, p);
    } else if (is_lower(p)) {
      append_upper(out, p);
    } else {
      append_point(out, p);
    }
  });
  return out;
}

std::string_view strip(std::string_view text, Side side) {
  return strip_where(text, side, [](Point p) { return is_space(p); });
}

std::string_view strip(std::string_view text, std::string_view set, Side side) {
  const std::vector<Point> points = points_of(set);
  return strip_where(text, side, [&](Point p) { return std::find(points.begin(), points.end(), p) != points.end(); });
}

}  // namespace assay::jinja
