#include <algorithm>
#include <array>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/format.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

constexpr std::int64_t no_limit = -1;

// A result in the type of `self`: a string marked safe stays so.
Value like(Machine& machine, const Value& self, std::string_view bytes) {
  return machine.heap.text(std::string(bytes), self.text()->markup);
}

Value list_like(Machine& machine, const Value& self, const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const auto part : parts) items.push_back(like(machine, self, part));
  return machine.heap.list(std::move(items));
}

template <std::string (*Map)(std::string_view)>
Result<Value> mapped(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(none, bind("str method", {}, 0, arguments));
  static_cast<void>(none);
  return like(machine, self, Map(self.bytes()));
}

// All code points are so, and there is at least one.
template <bool (*Is)(Point)>
Result<Value> every(Machine&, const Value& self, const Arguments& arguments) {
  JINJA_LET(none, bind("str method", {}, 0, arguments));
  static_cast<void>(none);
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    if (!Is(next_point(bytes, at))) return Value(false);
  }
  return Value(!bytes.empty());
}

Result<Value> text_isascii(Machine&, const Value& self, const Arguments&) { return Value(self.text()->ascii()); }
Result<Value> text_isprintable(Machine& machine, const Value& self, const Arguments& arguments) {
  if (self.bytes().empty()) return Value(true);
  return every<is_printable>(machine, self, arguments);
}

// At least one cased letter, and no letter of the other case.
Result<Value> one_case(const Value& self, bool upper) {
  bool found = false;
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    const Point p = next_point(bytes, at);
    if (is_title(p) || (upper ? is_lower(p) : is_upper(p))) return Value(false);
    found = found || (upper ? is_upper(p) : is_lower(p));
  }
  return Value(found);
}
Result<Value> text_isupper(Machine&, const Value& self, const Arguments&) { return one_case(self, true); }
Result<Value> text_islower(Machine&, const Value& self, const Arguments&) { return one_case(self, false); }
Result<Value> text_istitle(Machine&, const Value& self, const Arguments&) {
  bool found = false;
  bool inside = false;
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    const Point p = next_point(bytes, at);
    if (is_upper(p) || is_title(p)) {
      if (inside) return Value(false);
      inside = found = true;
    } else if (is_lower(p)) {
      if (!inside) return Value(false);
    } else {
      inside = false;
    }
  }
  return Value(found);
}
Result<Value> text_isidentifier(Machine&, const Value& self, const Arguments&) {
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    const bool first = at == 0;
    const Point p = next_point(bytes, at);
    if (!(first ? is_identifier_start(p) : is_identifier_part(p))) return Value(false);
  }
  return Value(!bytes.empty());
}

template <Side side>
Result<Value> stripped(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("strip", {""}, 0, arguments));
  if (a[0] == nullptr || a[0]->is_none()) return like(machine, self, strip(self.bytes(), side));
  if (!a[0]->is_text()) return raise("TypeError", "strip arg must be None or str");
  return like(machine, self, strip(self.bytes(), a[0]->bytes(), side));
}

struct SplitArguments {
  std::optional<std::string_view> separator;
  std::int64_t most = no_limit;
};
Result<SplitArguments> split_arguments(const Arguments& arguments) {
  JINJA_LET(a, bind("split", {"sep", "maxsplit"}, 0, arguments));
  SplitArguments out;
  if (a[0] != nullptr && !a[0]->is_none()) {
    if (!a[0]->is_text()) return raise("TypeError", "must be str or None, not " + std::string(type_name(*a[0])));
    if (a[0]->bytes().empty()) return raise("ValueError", "empty separator");
    out.separator = a[0]->bytes();
  }
  JINJA_LET(most, int_argument("split", a[1], no_limit));
  out.most = most;
  return out;
}

Result<Value> text_split(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(split, split_arguments(arguments));
  const std::string_view text = self.bytes();
  if (!split.separator) return list_like(machine, self, split_space(text, split.most));
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  while (split.most < 0 || static_cast<std::int64_t>(parts.size()) < split.most) {
    const auto found = text.find(*split.separator, begin);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(begin, found - begin));
    begin = found + split.separator->size();
  }
  parts.push_back(text.substr(begin));
  ASSAY_TRY(machine.heap.step(parts.size()));
  return list_like(machine, self, parts);
}

std::vector<std::string_view> rsplit_space(std::string_view text, std::int64_t most) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::right);
  while (!text.empty()) {
    if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
      parts.push_back(text);
      break;
    }
    std::size_t begin = text.size();
    while (begin > 0) {
      std::size_t at = begin;
      if (is_space(previous_point(text, at))) break;
      begin = at;
    }
    parts.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), Side::right);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Result<Value> text_rsplit(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(split, split_arguments(arguments));
  std::string_view text = self.bytes();
  if (!split.separator) return list_like(machine, self, rsplit_space(text, split.most));
  std::vector<std::string_view> parts;
  while (split.most < 0 || static_cast<std::int64_t>(parts.size()) < split.most) {
    const auto found = text.rfind(*split.separator);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(found + split.separator->size()));
    text = text.substr(0, found);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  ASSAY_TRY(machine.heap.step(parts.size()));
  return list_like(machine, self, parts);
}

Result<Value> text_splitlines(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("splitlines", {"keepends"}, 0, arguments));
  return list_like(machine, self, split_lines(self.bytes(), flag_argument(a[0], false)));
}

template <bool last>
Result<Value> partitioned(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("partition", {""}, 1, arguments));
  JINJA_LET(separator, text_argument("partition", a[0], ""));
  if (separator.empty()) return raise("ValueError", "empty separator");
  const std::string_view text = self.bytes();
  const auto found = last ? text.rfind(separator) : text.find(separator);
  std::array<std::string_view, 3> parts = {text, "", ""};
  if (last) parts = {"", "", text};
  if (found != std::string_view::npos)
    parts = {text.substr(0, found), separator, text.substr(found + separator.size())};
  return machine.heap.tuple(
      {like(machine, self, parts[0]), like(machine, self, parts[1]), like(machine, self, parts[2])});
}

Result<Value> text_replace(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("replace", {"", "", ""}, 2, arguments));
  JINJA_LET(old, text_argument("replace", a[0], ""));
  JINJA_LET(fresh_text, text_argument("replace", a[1], ""));
  JINJA_LET(most, int_argument("replace", a[2], no_limit));
  std::string fresh(fresh_text);
  if (self.text()->markup && !a[1]->text()->markup) fresh = escape_html(fresh);
  ASSAY_TRY(machine.heap.room(replaced_size(self.bytes(), old, fresh, most)));
  return like(machine, self, replace_text(self.bytes(), old, fresh, most));
}

// [start, end) in code points by Python's rules for negative and large bounds, as bytes. Nothing: start past the end.
struct Window {
  std::size_t begin = 0, end = 0;
};
Result<std::optional<Window>> window(const Value& self, const Value* start, const Value* end) {
  const auto count = static_cast<std::int64_t>(self.text()->points);
  const auto bound = [count](const Value* value, std::int64_t otherwise) -> Result<std::int64_t> {
    if (value == nullptr || value->is_none()) return otherwise;
    if (!value->is_integral())
      return raise("TypeError", "slice indices must be integers or None or have an __index__ method");
    const std::int64_t i = value->integer();
    return i < 0 ? std::max<std::int64_t>(i < -count ? -1 : i + count, 0) : i;
  };
  JINJA_LET(first, bound(start, 0));
  JINJA_LET(last_bound, bound(end, count));
  const std::int64_t last = std::min(last_bound, count);
  if (first > last) return std::nullopt;
  return Window{byte_offset(self.bytes(), static_cast<std::size_t>(first)),
                byte_offset(self.bytes(), static_cast<std::size_t>(last))};
}

template <bool ends>
Result<Value> affixed(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind(ends ? "endswith" : "startswith", {"", "", ""}, 1, arguments));
  std::vector<Value> wanted = {*a[0]};
  if (a[0]->is(ObjectKind::tuple)) wanted = static_cast<Sequence*>(a[0]->object())->items;
  JINJA_LET(where, window(self, a[1], a[2]));
  for (const Value& affix : wanted) {
    if (!affix.is_text()) {
      return raise("TypeError", std::string(ends ? "endswith" : "startswith") +
                                    " first arg must be str or a tuple of str, not " + std::string(type_name(affix)));
    }
    ASSAY_TRY(machine.heap.step());
    if (!where) continue;
    const std::string_view part = std::string_view(self.bytes()).substr(where->begin, where->end - where->begin);
    if (ends ? part.ends_with(affix.bytes()) : part.starts_with(affix.bytes())) return Value(true);
  }
  return Value(false);
}

template <bool last, bool must>
Result<Value> found(Machine&, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("find", {"", "", ""}, 1, arguments));
  JINJA_LET(wanted, text_argument("find", a[0], ""));
  JINJA_LET(where, window(self, a[1], a[2]));
  if (where) {
    const std::string_view part = std::string_view(self.bytes()).substr(where->begin, where->end - where->begin);
    const auto at = last ? part.rfind(wanted) : part.find(wanted);
    if (at != std::string_view::npos) {
      return Value(
          static_cast<std::int64_t>(count_points(std::string_view(self.bytes()).substr(0, where->begin + at))));
    }
  }
  if (must) return raise("ValueError", "substring not found");
  return Value(std::int64_t{-1});
}

Result<Value> text_count(Machine&, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("count", {"", "", ""}, 1, arguments));
  JINJA_LET(wanted, text_argument("count", a[0], ""));
  JINJA_LET(where, window(self, a[1], a[2]));
  if (!where) return Value(std::int64_t{0});
  const std::string_view part = std::string_view(self.bytes()).substr(where->begin, where->end - where->begin);
  if (wanted.empty()) return Value(static_cast<std::int64_t>(count_points(part)) + 1);
  std::int64_t count = 0;
  for (auto at = part.find(wanted); at != std::string_view::npos; at = part.find(wanted, at + wanted.size())) ++count;
  return Value(count);
}

Result<Value> text_join(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("join", {""}, 1, arguments));
  if (!is_iterable(*a[0])) return raise("TypeError", "can only join an iterable");
  JINJA_LET(items, collect(machine, *a[0]));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_text()) {
      return raise("TypeError", "sequence item " + std::to_string(i) + ": expected str instance, " +
                                    std::string(type_name(items[i])) + " found");
    }
    if (i > 0) out += self.bytes();
    out += self.text()->markup && !items[i].text()->markup ? escape_html(items[i].bytes()) : items[i].bytes();
    ASSAY_TRY(machine.heap.room(out.size()));
  }
  return like(machine, self, out);
}

template <Align align>
Result<Value> padded(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("center", {"", ""}, 1, arguments));
  JINJA_LET(width, int_argument("center", a[0], 0));
  JINJA_LET(fill, text_argument("center", a[1], " "));
  if (count_points(fill) != 1) return raise("TypeError", "The fill character must be exactly one character long");
  ASSAY_TRY(machine.heap.room(width > 0 ? static_cast<std::uint64_t>(width) * fill.size() : 0));
  return like(machine, self, pad(self.bytes(), width, fill, align));
}

Result<Value> text_zfill(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("zfill", {""}, 1, arguments));
  JINJA_LET(width, int_argument("zfill", a[0], 0));
  ASSAY_TRY(machine.heap.room(width > 0 ? static_cast<std::uint64_t>(width) : 0));
  const std::string& bytes = self.bytes();
  const auto missing = width - static_cast<std::int64_t>(self.text()->points);
  if (missing <= 0) return self;
  const bool sign = !bytes.empty() && (bytes[0] == '+' || bytes[0] == '-');
  return like(machine, self,
              (sign ? bytes.substr(0, 1) : "") + std::string(static_cast<std::size_t>(missing), '0') +
                  bytes.substr(sign ? 1 : 0));
}

template <bool suffix>
Result<Value> without(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("removeprefix", {""}, 1, arguments));
  JINJA_LET(affix, text_argument("removeprefix", a[0], ""));
  std::string_view text = self.bytes();
  if (suffix ? text.ends_with(affix) : text.starts_with(affix)) {
    text = suffix ? text.substr(0, text.size() - affix.size()) : text.substr(affix.size());
  }
  return like(machine, self, text);
}

Result<Value> text_expandtabs(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("expandtabs", {"tabsize"}, 0, arguments));
  JINJA_LET(size, int_argument("expandtabs", a[0], 8));
  std::string out;
  std::int64_t column = 0;
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    const Point p = next_point(bytes, at);
    if (p == '\t') {
      const std::int64_t fill = size > 0 ? size - column % size : 0;
      ASSAY_TRY(machine.heap.room(out.size() + static_cast<std::uint64_t>(fill)));
      out.append(static_cast<std::size_t>(fill), ' ');
      column += fill;
      continue;
    }
    append_point(out, p);
    column = p == '\n' || p == '\r' ? 0 : column + 1;
  }
  return like(machine, self, out);
}

Result<Value> text_format(Machine& machine, const Value& self, const Arguments& arguments) {
  return brace_format(machine, self, arguments);
}
Result<Value> text_format_map(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("format_map", {""}, 1, arguments));
  Arguments named;
  const auto* dict = a[0]->as<Dict>();
  if (dict == nullptr) return raise("TypeError", "format_map() takes a dict, met " + std::string(type_name(*a[0])));
  for (const auto& [key, value] : dict->entries) {
    if (key.is_text()) named.named.emplace_back(key.bytes(), value);
  }
  return brace_format(machine, self, named);
}

Result<Value> refused(Machine&, const Value&, const Arguments&) {
  return fail(Errc::unsupported, "the str methods encode, maketrans and translate are not supported in templates");
}

constexpr std::array<MethodEntry, 47> text_methods = {{
    {"capitalize", mapped<capitalize>},
    {"casefold", mapped<casefold>},
    {"center", padded<Align::centre>},
    {"count", text_count},
    {"encode", refused},
    {"endswith", affixed<true>},
    {"expandtabs", text_expandtabs},
    {"find", found<false, false>},
    {"format", text_format},
    {"format_map", text_format_map},
    {"index", found<false, true>},
    {"isalnum", every<is_alnum>},
    {"isalpha", every<is_alpha>},
    {"isascii", text_isascii},
    {"isdecimal", every<is_decimal>},
    {"isdigit", every<is_digit>},
    {"isidentifier", text_isidentifier},
    {"islower", text_islower},
    {"isnumeric", every<is_numeric>},
    {"isprintable", text_isprintable},
    {"isspace", every<is_space>},
    {"istitle", text_istitle},
    {"isupper", text_isupper},
    {"join", text_join},
    {"ljust", padded<Align::left>},
    {"lower", mapped<lower>},
    {"lstrip", stripped<Side::left>},
    {"maketrans", refused},
    {"partition", partitioned<false>},
    {"removeprefix", without<false>},
    {"removesuffix", without<true>},
    {"replace", text_replace},
    {"rfind", found<true, false>},
    {"rindex", found<true, true>},
    {"rjust", padded<Align::right>},
    {"rpartition", partitioned<true>},
    {"rsplit", text_rsplit},
    {"rstrip", stripped<Side::right>},
    {"split", text_split},
    {"splitlines", text_splitlines},
    {"startswith", affixed<false>},
    {"strip", stripped<Side::both>},
    {"swapcase", mapped<swapcase>},
    {"title", mapped<title>},
    {"translate", refused},
    {"upper", mapped<upper>},
    {"zfill", text_zfill},
}};

}  // namespace

const MethodEntry* find_text_method(std::string_view name) {
  const auto it = std::lower_bound(text_methods.begin(), text_methods.end(), name,
                                   [](const MethodEntry& entry, std::string_view n) { return entry.name < n; });
  return it != text_methods.end() && it->name == name ? &*it : nullptr;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  const auto ends_line = [](Point p) {
    return (p >= 0x0a && p <= 0x0d) || (p >= 0x1c && p <= 0x1e) || p == 0x85 || p == 0x2028 || p == 0x2029;
  };
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at;
    const Point p = next_point(text, at);
    if (!ends_line(p)) continue;
    if (p == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::vector<std::string_view> split_space(std::string_view text, std::int64_t most) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::left);
  while (!text.empty()) {
    if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
      parts.push_back(text);  // what is left keeps its trailing whitespace
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      std::size_t at = end;
      if (is_space(next_point(text, at))) break;
      end = at;
    }
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::left);
  }
  return parts;
}

std::string replace_text(std::string_view text, std::string_view old, std::string_view fresh, std::int64_t most) {
  std::string out;
  std::size_t begin = 0;
  std::int64_t done = 0;
  if (old.empty()) {  // between all code points
    while (most < 0 || done < most) {
      out += fresh;
      ++done;
      if (begin >= text.size()) return out;
      const std::size_t at = begin;
      next_point(text, begin);
      out += text.substr(at, begin - at);
    }
    return out += text.substr(begin);
  }
  while (most < 0 || done < most) {
    const auto at = text.find(old, begin);
    if (at == std::string_view::npos) break;
    out += text.substr(begin, at - begin);
    out += fresh;
    begin = at + old.size();
    ++done;
  }
  return out += text.substr(begin);
}

std::uint64_t replaced_size(std::string_view text, std::string_view old, std::string_view fresh, std::int64_t most) {
  if (fresh.size() <= old.size()) return text.size();
  const std::uint64_t places = old.empty() ? count_points(text) + 1 : text.size() / old.size();
  const std::uint64_t times = most < 0 ? places : std::min(places, static_cast<std::uint64_t>(most));
  if (places * fresh.size() <= 4096) return text.size() + times * fresh.size();
  std::uint64_t found = times;
  if (!old.empty()) {
    found = 0;
    for (auto at = text.find(old); at != std::string_view::npos && found < times; at = text.find(old, at + old.size()))
      ++found;
  }
  return text.size() + found * fresh.size();
}

}  // namespace assay::jinja
