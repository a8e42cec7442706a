#include "tokenizer/jinja/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

// Whitespace gone, every Unicode decimal digit as ASCII, underscores only between digits (and then dropped).
std::optional<std::string> plain_number(std::string_view text) {
  std::string ascii;
  const std::string_view inner = strip(text, Side::both);
  for (std::size_t at = 0; at < inner.size();) {
    const Point p = next_point(inner, at);
    if (const int digit = decimal_value(p); digit >= 0) {
      ascii.push_back(static_cast<char>('0' + digit));
    } else if (p < 0x80) {
      ascii.push_back(static_cast<char>(p));
    } else {
      return std::nullopt;
    }
  }
  return ascii;
}

int digit_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'z' ? low - 'a' + 10 : 99;
}

}  // namespace

std::optional<double> parse_float(std::string_view text) {
  const auto ascii = plain_number(text);
  if (!ascii || ascii->empty()) return std::nullopt;
  std::string plain;
  std::string word;
  for (std::size_t i = 0; i < ascii->size(); ++i) {
    const char c = (*ascii)[i];
    if (c == '_') {
      if (i == 0 || i + 1 >= ascii->size() || !is_ascii_digit((*ascii)[i - 1]) || !is_ascii_digit((*ascii)[i + 1])) {
        return std::nullopt;
      }
      continue;
    }
    plain.push_back(c);
    word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  }
  const bool negative = word[0] == '-';
  if (word[0] == '-' || word[0] == '+') word.erase(0, 1);
  if (word == "inf" || word == "infinity") return negative ? -HUGE_VAL : HUGE_VAL;
  if (word == "nan") return negative ? -std::nan("") : std::nan("");
  if (word.empty() || word.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  if (end != plain.c_str() + plain.size()) return std::nullopt;
  return value;
}

Result<std::optional<std::int64_t>> parse_int(std::string_view text, int base) {
  const auto ascii = plain_number(text);
  if (!ascii || ascii->empty()) return std::nullopt;
  std::string_view rest = *ascii;
  const bool negative = rest[0] == '-';
  if (rest[0] == '-' || rest[0] == '+') rest.remove_prefix(1);
  bool after_prefix = false;
  if (rest.size() >= 2 && rest[0] == '0') {
    const char mark = static_cast<char>(rest[1] | 0x20);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == 0 || base == marked)) {
      base = marked;
      rest.remove_prefix(2);
      after_prefix = true;
    }
  }
  const bool literal = base == 0;
  if (literal) base = 10;
  std::string digits;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '_') {
      const bool before = i > 0 ? rest[i - 1] != '_' : after_prefix;
      if (!before || i + 1 >= rest.size()) return std::nullopt;
      continue;
    }
    if (digit_value(rest[i]) >= base) return std::nullopt;
    digits.push_back(rest[i]);
  }
  if (digits.empty()) return std::nullopt;
  if (literal && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos) {
    return std::nullopt;  // base 0 refuses 010
  }
  if (negative) digits.insert(0, 1, '-');
  std::int64_t value = 0;
  const auto [stop, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (status != std::errc{}) return int_overflow("int(\"" + digits.substr(0, 40) + "\")");
  return value;
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  const std::string_view shown(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const auto e = shown.find('e');
  std::string digits;
  for (const char c : shown.substr(0, e)) {
    if (is_ascii_digit(c)) digits.push_back(c);
  }
  const std::string exponent_text(shown.substr(e + 1));
  const int exponent = static_cast<int>(std::strtol(exponent_text.c_str(), nullptr, 10));
  std::string out = shown[0] == '-' ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (digits.size() > 1) out += "." + digits.substr(1);
    const int size = std::abs(exponent);
    return out + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + std::to_string(size);
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string format_real(double value, char type, int precision, bool alternate) {
  if (!std::isfinite(value)) {
    std::string word = std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    if (type == 'F' || type == 'E' || type == 'G') {
      for (char& c : word) c = c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
    }
    return word;
  }
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + type;
  const int size = std::snprintf(nullptr, 0, format.c_str(), precision, value);
  std::string out(static_cast<std::size_t>(size > 0 ? size : 0), '\0');
  std::snprintf(out.data(), out.size() + 1, format.c_str(), precision, value);
  return out;
}

double round_places(double value, int places) {
  if (!std::isfinite(value) || places > 330) return value;
  if (places >= 0) return std::strtod(format_real(value, 'f', places, false).c_str(), nullptr);
  if (places < -310) return value < 0 ? -0.0 : 0.0;
  const double scale = std::pow(10.0, -places);
  return std::nearbyint(value / scale) * scale;
}

std::unexpected<Error> int_overflow(std::string_view operation) {
  return fail(Errc::unsupported, "the result of " + std::string(operation) + " does not fit in a 64-bit integer");
}

}  // namespace assay::jinja
