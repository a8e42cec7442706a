#include "tokenizer/jinja/strftime.h"

#include <array>
#include <chrono>

namespace assay::jinja {
namespace {

constexpr std::array<std::string_view, 7> days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months = {"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};

std::string padded(std::int64_t value, std::size_t width, char fill = '0') {
  std::string out = std::to_string(value);
  return out.size() < width ? std::string(width - out.size(), fill) + out : out;
}

struct Moment {
  int year = 1970;
  unsigned month = 1, day = 1, weekday = 0;  // weekday: 0 is Sunday
  int day_of_year = 0;                       // from 0
  int hour = 0, minute = 0, second = 0;
  std::int64_t seconds = 0;
};

Moment moment_of(std::int64_t seconds) {
  using std::chrono::days;
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto midnight = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::int64_t rest = (time - midnight).count();
  Moment m;
  m.year = static_cast<int>(date.year());
  m.month = static_cast<unsigned>(date.month());
  m.day = static_cast<unsigned>(date.day());
  m.weekday = std::chrono::weekday(midnight).c_encoding();
  const auto new_year = std::chrono::sys_days(date.year() / std::chrono::January / 1);
  m.day_of_year = static_cast<int>((midnight - new_year).count());
  m.hour = static_cast<int>(rest / 3600);
  m.minute = static_cast<int>(rest / 60 % 60);
  m.second = static_cast<int>(rest % 60);
  m.seconds = seconds;
  return m;
}

bool is_leap(int year) { return std::chrono::year(year).is_leap(); }

// ISO 8601: weeks begin on Monday, the first one holds the year's first Thursday.
std::pair<int, int> iso_week(const Moment& m) {
  const int weekday = (static_cast<int>(m.weekday) + 6) % 7;  // 0 is Monday
  const int week = (m.day_of_year - weekday + 10) / 7;
  const auto weeks_in = [](int year) {
    const auto first =
        std::chrono::weekday(std::chrono::sys_days(std::chrono::year(year) / std::chrono::January / 1)).c_encoding();
    return first == 4 || (first == 3 && is_leap(year)) ? 53 : 52;
  };
  if (week < 1) return {m.year - 1, weeks_in(m.year - 1)};
  if (week > weeks_in(m.year)) return {m.year + 1, 1};
  return {m.year, week};
}

Result<std::string> directive(const Moment& m, char c) {
  const auto sub = [&m](std::string_view format) { return format_time(m.seconds, format); };
  const int hour12 = m.hour % 12 == 0 ? 12 : m.hour % 12;
  switch (c) {
    case 'a':
      return std::string(days[m.weekday].substr(0, 3));
    case 'A':
      return std::string(days[m.weekday]);
    case 'b':
    case 'h':
      return std::string(months[m.month - 1].substr(0, 3));
    case 'B':
      return std::string(months[m.month - 1]);
    case 'c':
      return sub("%a %b %e %H:%M:%S %Y");
    case 'C':
      return padded(m.year / 100, 2);
    case 'd':
      return padded(m.day, 2);
    case 'D':
    case 'x':
      return sub("%m/%d/%y");
    case 'e':
      return padded(m.day, 2, ' ');
    case 'f':
      return std::string("000000");
    case 'F':
      return sub("%Y-%m-%d");
    case 'g':
      return padded(iso_week(m).first % 100, 2);
    case 'G':
      return std::to_string(iso_week(m).first);
    case 'H':
      return padded(m.hour, 2);
    case 'I':
      return padded(hour12, 2);
    case 'j':
      return padded(m.day_of_year + 1, 3);
    case 'k':
      return padded(m.hour, 2, ' ');
    case 'l':
      return padded(hour12, 2, ' ');
    case 'm':
      return padded(m.month, 2);
    case 'M':
      return padded(m.minute, 2);
    case 'n':
      return std::string("\n");
    case 'p':
      return std::string(m.hour < 12 ? "AM" : "PM");
    case 'P':
      return std::string(m.hour < 12 ? "am" : "pm");
    case 'r':
      return sub("%I:%M:%S %p");
    case 'R':
      return sub("%H:%M");
    case 's':
      return std::to_string(m.seconds);
    case 'S':
      return padded(m.second, 2);
    case 't':
      return std::string("\t");
    case 'T':
    case 'X':
      return sub("%H:%M:%S");
    case 'u':
      return std::to_string(m.weekday == 0 ? 7 : m.weekday);
    case 'U':
      return padded((m.day_of_year + 7 - static_cast<int>(m.weekday)) / 7, 2);
    case 'V':
      return padded(iso_week(m).second, 2);
    case 'w':
      return std::to_string(m.weekday);
    case 'W':
      return padded((m.day_of_year + 7 - (static_cast<int>(m.weekday) + 6) % 7) / 7, 2);
    case 'y':
      return padded(m.year % 100, 2);
    case 'Y':
      return std::to_string(m.year);
    case 'z':
    case 'Z':
      return std::string();  // the moment carries no zone
    case '%':
      return std::string("%");
    default:
      return fail(Errc::unsupported, std::string("strftime directive '%") + c + "' is not supported");
  }
}

}  // namespace

Result<std::string> format_time(std::int64_t seconds, std::string_view format) {
  const Moment m = moment_of(seconds);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out += format[i];
      continue;
    }
    char c = format[++i];
    const bool bare = c == '-' && i + 1 < format.size();  // %-d: without leading zeros or spaces
    if (bare) c = format[++i];
    auto part = directive(m, c);
    if (!part) return part;
    if (bare) part->erase(0, std::min(part->find_first_not_of("0 "), part->size() - 1));
    out += *part;
  }
  return out;
}

}  // namespace assay::jinja
