// HTML. Chat templates are not HTML, but the language has these.
#include <array>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
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
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

namespace {

Result<Value> filter_escape(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("escape", {}, 0, arguments));
  static_cast<void>(none);
  if (value.is_text() && value.text()->markup) return value;
  JINJA_LET(text, to_string(machine, value));
  return machine.heap.text(escape_html(text), true);
}

Result<Value> filter_forceescape(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_forceescape", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(text, to_string(machine, value));
  return machine.heap.text(escape_html(text), true);
}

Result<Value> filter_safe(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_mark_safe", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(text, to_string(machine, value));
  return machine.heap.text(std::move(text), true);
}

// The references that escape_html writes, numbers, and nbsp; others stay as they are.
std::string unescape_html(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> names = {
      {{"amp;", "&"}, {"lt;", "<"}, {"gt;", ">"}, {"quot;", "\""}, {"apos;", "'"}, {"nbsp;", "\xc2\xa0"}}};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '&') {
      out += text[i];
      continue;
    }
    const std::string_view rest = text.substr(i + 1);
    bool known = false;
    for (const auto& [name, shown] : names) {
      if (!rest.starts_with(name)) continue;
      out += shown;
      i += name.size();
      known = true;
      break;
    }
    if (known) continue;
    const auto end = rest.find(';');
    if (rest.starts_with('#') && end != std::string_view::npos && end > 1 && end < 10) {
      const bool hex = rest[1] == 'x' || rest[1] == 'X';
      Point point = 0;
      bool valid = end > (hex ? 2U : 1U);
      for (const char c : rest.substr(hex ? 2 : 1, end - (hex ? 2 : 1))) {
        const int digit = c >= '0' && c <= '9'                            ? c - '0'
                          : hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                          : -1;
        valid = valid && digit >= 0 && point <= 0x10ffff;
        if (valid) point = point * (hex ? 16 : 10) + digit;
      }
      if (valid && point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) {
        append_point(out, point);
        i += end + 1;
        continue;
      }
    }
    out += '&';
  }
  return out;
}

Result<Value> filter_striptags(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_striptags", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(text, to_string(machine, value));
  std::string plain;
  std::size_t begin = 0;
  while (true) {
    const auto open = text.find('<', begin);
    if (open == std::string::npos) break;
    const bool comment = text.compare(open, 4, "<!--") == 0;
    const auto close = comment ? text.find("-->", open + 4) : text.find('>', open);
    if (close == std::string::npos) break;
    plain += text.substr(begin, open - begin);
    begin = close + (comment ? 3 : 1);
  }
  plain += text.substr(begin);
  std::string joined;
  for (const auto word : split_space(plain, -1)) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return machine.heap.text(unescape_html(joined));
}

std::string url_quoted(std::string_view text, bool query) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                       c == '.' || c == '-' || c == '~' || (c == '/' && !query);
    if (plain) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      out += '%';
      out += hex[byte >> 4U];
      out += hex[byte & 0xfU];
    }
  }
  return out;
}

Result<Value> filter_urlencode(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_urlencode", {}, 0, arguments));
  static_cast<void>(none);
  if (value.is_text() || !is_iterable(value)) {
    JINJA_LET(text, to_string(machine, value));
    return machine.heap.text(url_quoted(text, false));
  }
  Value pairs = value;
  if (const auto* dict = value.as<Dict>()) pairs = machine.heap.make<DictView>(dict, DictView::Part::items);
  JINJA_LET(items, collect(machine, pairs));
  std::string out;
  for (const Value& item : items) {
    JINJA_LET(pair, collect(machine, item));
    if (pair.size() != 2) return raise("ValueError", "expected 2 values to unpack, got " + std::to_string(pair.size()));
    JINJA_LET(key, to_string(machine, pair[0]));
    JINJA_LET(shown, to_string(machine, pair[1]));
    if (!out.empty()) out += '&';
    out += url_quoted(key, true) + "=" + url_quoted(shown, true);
  }
  return machine.heap.text(std::move(out));
}

Result<Value> filter_xmlattr(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_xmlattr", {"autospace"}, 0, arguments));
  const auto* dict = value.as<Dict>();
  if (dict == nullptr) {
    if (value.is_undefined()) return undefined_error(value);
    return raise("AttributeError", "'" + std::string(type_name(value)) + "' object has no attribute 'items'");
  }
  std::string out;
  for (const auto& [key, item] : dict->entries) {
    if (item.is_none() || item.is_undefined()) continue;
    if (!key.is_text())
      return raise("TypeError", "expected string or bytes-like object, got '" + std::string(type_name(key)) + "'");
    if (key.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      return raise("ValueError", "Invalid character in attribute name: " + repr_text(key.bytes()));
    }
    JINJA_LET(shown, to_string(machine, item));
    const bool safe = item.is_text() && item.text()->markup;
    if (!out.empty()) out += ' ';
    out += escape_html(key.bytes()) + "=\"" + (safe ? shown : escape_html(shown)) + "\"";
  }
  if (flag_argument(a[0], true) && !out.empty()) out.insert(0, " ");
  return machine.heap.text(std::move(out));
}

constexpr std::array<FilterEntry, 7> entries = {{
    {"e", filter_escape},
    {"escape", filter_escape},
    {"forceescape", filter_forceescape},
    {"safe", filter_safe},
    {"striptags", filter_striptags},
    {"urlencode", filter_urlencode},
    {"xmlattr", filter_xmlattr},
}};

}  // namespace

std::span<const FilterEntry> markup_filters() { return entries; }

}  // namespace assay::jinja
