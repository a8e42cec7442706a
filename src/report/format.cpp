#include "report/format.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "record/printed.h"

namespace assay::measure::report {
namespace {

constexpr std::string_view dash = "–";
constexpr std::string_view thin_space = "\u202f";  // narrow and not broken at a line's end
constexpr std::string_view replacement = "\ufffd";

// "-12345.6" -> "-12 345.6". Changed in place, as by put_minus: GCC 12 warns of uninitialised characters in a string
// that goes through both by value.
void group(std::string& digits) {
  const std::size_t start = digits.starts_with('-') ? 1 : 0;
  std::size_t end = digits.find('.');
  if (end == std::string::npos) end = digits.size();
  if (end - start < 5) return;
  for (std::size_t at = end - 3; at > start; at -= 3) {
    digits.insert(at, thin_space);
    if (at < start + 4) break;
  }
}

// "-3" -> "−3", as wide as a plus.
void put_minus(std::string& text) {
  if (text.starts_with('-')) text.replace(0, 1, "−");
}

// "1.2×10⁻⁶".
std::string with_exponent(double value) {
  const auto exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
  double mantissa = value / std::pow(10.0, exponent);
  int shown = exponent;
  if (!std::isfinite(mantissa)) mantissa = 1;  // below the smallest power of ten that a double holds
  if (std::abs(mantissa) >= 9.95) {
    mantissa /= 10;
    ++shown;
  }
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", mantissa);
  std::string out = buffer.data();
  put_minus(out);
  out += "×10";
  constexpr std::array superscripts{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  if (shown < 0) out += "⁻";
  for (const char c : std::to_string(std::abs(shown))) out += superscripts.at(static_cast<std::size_t>(c - '0'));
  return out;
}

// Length of the well-formed UTF-8 sequence that begins at `at`; 0: there is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned second = byte(at + 1);
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return tail(at + 1) && tail(at + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned second = byte(at + 1);
    const bool out_of_range = (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return tail(at + 1) && tail(at + 2) && tail(at + 3) && !out_of_range ? 4 : 0;
  }
  return 0;
}

// Control characters and the marks that turn the reading direction, which could make one name look like another.
bool harmful(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (sequence.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (sequence.size() != 3) return false;
  const unsigned code = (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
  return (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF || code >= 0xFFFE;
}

}  // namespace

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return std::string(dash);
  if (std::abs(value) >= 1e15) return with_exponent(value);
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  std::string text = buffer.data();
  if (text.starts_with('-') && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  group(text);
  put_minus(text);
  return text;
}

std::string number(double value) {
  if (!std::isfinite(value)) return std::string(dash);
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size < 1e-3 || size >= 1e7) return with_exponent(value);
  return fixed(value, decimals(value));
}

std::string interval(const Estimate& e) {
  if (e.n < 2 || !std::isfinite(e.low) || !std::isfinite(e.high)) return {};
  const double size = std::abs(e.median);
  if (size < 1e-3 || size >= 1e7) return "[" + number(e.low) + ", " + number(e.high) + "]";
  const int places = decimals(e.median);
  return "[" + fixed(e.low, places) + ", " + fixed(e.high, places) + "]";
}

Tail tail_of_delay(const Delay& delay) {
  if (delay.samples >= percentile_values_min) return {delay.p99_ms, "p99"};
  return {delay.max_ms, "max of " + std::to_string(delay.samples)};
}

std::string percent(double share) {
  if (!std::isfinite(share)) return std::string(dash);
  return number(share * 100) + "\u202f%";
}

std::string multiple(double ratio) { return number(ratio) + "×"; }

std::string bytes(double count) {
  if (!std::isfinite(count)) return std::string(dash);
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (std::abs(count) >= 999.5 && unit + 1 < units.size()) {
    count /= 1024;
    ++unit;
  }
  return (unit == 0 ? fixed(count, 0) : number(count)) + "\u202f" + units[unit];
}

std::string seconds(double value) {
  if (!std::isfinite(value) || value < 0) return std::string(dash);
  if (value < 99.5) return number(value) + "\u202fs";
  const double whole = std::round(std::min(value, 1e12));
  const double hours = std::floor(whole / 3600);
  const double minutes = std::floor((whole - hours * 3600) / 60);
  if (hours >= 1) return fixed(hours, 0) + "\u202fh " + fixed(minutes, 0) + "\u202fmin";
  const double rest = whole - minutes * 60;
  return fixed(minutes, 0) + "\u202fmin" + (rest > 0 ? " " + fixed(rest, 0) + "\u202fs" : "");
}

std::string utc(std::int64_t unix_s) {
  constexpr std::int64_t year_10000 = 253'402'300'800;
  if (unix_s <= 0 || unix_s >= year_10000) return {};
  // Days to a civil date: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  const std::int64_t day = unix_s / 86400 + 719468;
  const std::int64_t era = day / 146097;
  const std::int64_t of_era = day - era * 146097;
  const std::int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * of_year + 2) / 153;
  const auto date = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1);
  const auto month = static_cast<std::size_t>(shifted < 10 ? shifted + 3 : shifted - 9);
  const auto year = static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto second = static_cast<int>(unix_s % 86400);
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%d %s %d, %02d:%02d UTC", date, months.at(month - 1), year,
                second / 3600, second / 60 % 60);
  return buffer.data();
}

std::string clean(std::string_view text, std::size_t bytes_max) {
  std::string out;
  out.reserve(std::min(text.size(), bytes_max) + 8);
  for (std::size_t at = 0; at < text.size();) {
    if (out.size() >= bytes_max) {
      out += "…";
      break;
    }
    const std::size_t length = sequence_length(text, at);
    const std::string_view sequence = text.substr(at, length);
    if (length == 1 && (text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) {
      out += ' ';
    } else if (length == 0 || harmful(sequence)) {
      out += replacement;
    } else {
      out += sequence;
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

std::string escaped(std::string_view text, std::size_t bytes_max) {
  std::string out;
  for (const char c : clean(text, bytes_max)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string markdown(std::string_view text, std::size_t bytes_max) {
  const std::string whole = clean(text, bytes_max);
  std::string out;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const char c = whole[i];
    if (std::string_view("\\`*_[]|~#!").find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '@' || (c == ':' && whole.substr(i + 1, 2) == "//")) {
      out += c;
      out += "\u2060";  // "@name" would notify somebody, "http://..." would become a link
    } else {
      out += c;
    }
  }
  return out;
}

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

std::string shortened(std::string_view text, std::size_t characters) {
  std::string whole = clean(text);
  const std::size_t count = code_points(whole);
  if (count <= characters || characters < 3) return whole;
  const std::size_t tail = (characters - 1) / 3;
  const std::size_t head = characters - 1 - tail;
  std::string out;
  std::size_t index = 0;
  for (const char c : whole) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      if (index == head) out += "…";
      ++index;
    }
    if (index <= head || index > count - tail) out += c;
  }
  return out;
}

}  // namespace assay::measure::report
