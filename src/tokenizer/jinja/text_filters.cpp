#include <array>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/format.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/unicode.h"
#include "tokenizer/jinja/wrap.h"

namespace assay::jinja {
namespace {

// The operand as a string; one marked safe stays so.
Result<Value> soft_text(Machine& machine, const Value& value) {
  if (value.is_text()) return value;
  return to_text(machine, value);
}

std::unexpected<Error> no_attribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) return undefined_error(value);
  return raise("AttributeError",
               "'" + std::string(type_name(value)) + "' object has no attribute '" + std::string(name) + "'");
}

// A filter that is a str method of the same name without arguments.
Result<Value> by_method(Machine& machine, const Value& value, const Arguments& arguments, std::string_view method) {
  JINJA_LET(none, bind(method, {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(text, soft_text(machine, value));
  return find_text_method(method)->call(machine, text, {});
}
Result<Value> filter_upper(Machine& m, const Value& v, const Arguments& a) { return by_method(m, v, a, "upper"); }
Result<Value> filter_lower(Machine& m, const Value& v, const Arguments& a) { return by_method(m, v, a, "lower"); }
Result<Value> filter_capitalize(Machine& m, const Value& v, const Arguments& a) {
  return by_method(m, v, a, "capitalize");
}

Result<Value> filter_title(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("title", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(text, soft_text(machine, value));
  const std::string& bytes = text.bytes();
  // Words begin after whitespace and - ( { [ <; each gets one capital and is lower case after it.
  std::string out;
  std::string word;
  const auto flush = [&] {
    if (word.empty()) return;
    const std::size_t first = byte_offset(word, 1);
    out += upper(std::string_view(word).substr(0, first));
    out += lower(std::string_view(word).substr(first));
    word.clear();
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t begin = at;
    const Point p = next_point(bytes, at);
    const bool breaks = is_space(p) || p == '-' || p == '(' || p == '{' || p == '[' || p == '<';
    if (breaks) flush();
    (breaks ? out : word) += bytes.substr(begin, at - begin);
  }
  flush();
  return machine.heap.text(std::move(out));
}

Result<Value> filter_trim(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_trim", {"chars"}, 0, arguments));
  JINJA_LET(text, soft_text(machine, value));
  Arguments passed;
  if (a[0] != nullptr) passed.positional.push_back(*a[0]);
  return find_text_method("strip")->call(machine, text, passed);
}

Result<Value> filter_center(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_center", {"width"}, 0, arguments));
  JINJA_LET(text, soft_text(machine, value));
  Arguments passed;
  passed.positional.push_back(a[0] != nullptr ? *a[0] : Value(std::int64_t{80}));
  return find_text_method("center")->call(machine, text, passed);
}

Result<Value> filter_replace(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_replace", {"old", "new", "count"}, 2, arguments));
  JINJA_LET(text, to_string(machine, value));
  JINJA_LET(old, to_string(machine, *a[0]));
  JINJA_LET(fresh, to_string(machine, *a[1]));
  JINJA_LET(most, int_argument("replace", a[2] != nullptr && a[2]->is_none() ? nullptr : a[2], -1));
  ASSAY_TRY(machine.heap.room(replaced_size(text, old, fresh, most)));
  return machine.heap.text(replace_text(text, old, fresh, most));
}

Result<Value> filter_string(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("soft_str", {}, 0, arguments));
  static_cast<void>(none);
  return soft_text(machine, value);
}

Result<Value> filter_indent(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_indent", {"width", "first", "blank"}, 0, arguments));
  std::string indention;
  if (a[0] != nullptr && a[0]->is_text()) {
    indention = a[0]->bytes();
  } else {
    JINJA_LET(width, int_argument("do_indent", a[0], 4));
    ASSAY_TRY(machine.heap.room(width > 0 ? static_cast<std::uint64_t>(width) : 0));
    indention.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
  }
  if (value.is(ObjectKind::list)) return no_attribute(value, "splitlines");
  JINJA_LET(with_newline, add(machine, value, machine.heap.text("\n", value.is_text() && value.text()->markup)));
  if (!with_newline.is_text()) return no_attribute(with_newline, "splitlines");
  const bool blank = flag_argument(a[2], false);
  const std::vector<std::string_view> lines = split_lines(with_newline.bytes(), false);
  ASSAY_TRY(machine.heap.room(with_newline.bytes().size() + lines.size() * indention.size()));
  std::string out = flag_argument(a[1], false) ? indention : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) {
      out += '\n';
      if (blank || !lines[i].empty()) out += indention;
    }
    out += lines[i];
  }
  return machine.heap.text(std::move(out), value.is_text() && value.text()->markup);
}

Result<Value> filter_truncate(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_truncate", {"length", "killwords", "end", "leeway"}, 0, arguments));
  JINJA_LET(most, int_argument("do_truncate", a[0], 255));
  JINJA_LET(end, text_argument("do_truncate", a[2], "..."));
  JINJA_LET(leeway, int_argument("do_truncate", a[3] != nullptr && a[3]->is_none() ? nullptr : a[3], 5));
  const auto end_size = static_cast<std::int64_t>(count_points(end));
  if (most < end_size) {
    return raise("AssertionError", "expected length >= " + std::to_string(end_size) + ", got " + std::to_string(most));
  }
  if (leeway < 0) return raise("AssertionError", "expected leeway >= 0, got " + std::to_string(leeway));
  JINJA_LET(size, length_or_error(machine, value));
  if (size <= most || size - most <= leeway) return value;
  JINJA_LET(head, get_slice(machine, value, None{}, Value(most - end_size), None{}));
  if (!head.is_text()) return no_attribute(head, "rsplit");
  std::string_view kept = head.bytes();
  if (!flag_argument(a[1], false)) kept = kept.substr(0, kept.rfind(' '));
  return machine.heap.text(std::string(kept) + std::string(end), head.text()->markup);
}

Result<Value> filter_wordcount(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_wordcount", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(text, to_string(machine, value));
  std::int64_t count = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const Point p = next_point(text, at);
    const bool word = p == '_' || is_alnum(p);
    if (word && !inside) ++count;
    inside = word;
  }
  return Value(count);
}

Result<Value> filter_wordwrap(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_wordwrap", {"width", "break_long_words", "wrapstring", "break_on_hyphens"}, 0, arguments));
  if (!value.is_text()) return no_attribute(value, "splitlines");
  JINJA_LET(width, int_argument("do_wordwrap", a[0], 79));
  JINJA_LET(joint, text_argument("do_wordwrap", a[2] != nullptr && a[2]->is_none() ? nullptr : a[2], "\n"));
  const WrapOptions options{width, flag_argument(a[1], true), flag_argument(a[3], true)};
  if (width <= 0) return raise("ValueError", "invalid width " + std::to_string(width) + " (must be > 0)");
  std::string out;
  bool first = true;
  for (const auto line : split_lines(value.bytes(), false)) {
    ASSAY_TRY(machine.heap.step(line.size() + 1));
    if (!first) out += joint;
    first = false;
    bool first_part = true;
    for (const std::string& part : wrap_line(line, options)) {
      if (!first_part) out += joint;
      first_part = false;
      out += part;
    }
    ASSAY_TRY(machine.heap.room(out.size()));
  }
  return machine.heap.text(std::move(out));
}

Result<Value> filter_format(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(text, soft_text(machine, value));
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    return raise("FilterArgumentError", "can't handle positional and keyword arguments at the same time");
  }
  if (arguments.named.empty()) return percent_format(machine, text, machine.heap.tuple(arguments.positional));
  auto* dict = machine.heap.make<Dict>();
  for (const auto& [key, item] : arguments.named) ASSAY_TRY(assign(machine.heap, *dict, machine.heap.text(key), item));
  return percent_format(machine, text, dict);
}

constexpr std::array<FilterEntry, 13> entries = {{
    {"capitalize", filter_capitalize},
    {"center", filter_center},
    {"format", filter_format},
    {"indent", filter_indent},
    {"lower", filter_lower},
    {"replace", filter_replace},
    {"string", filter_string},
    {"title", filter_title},
    {"trim", filter_trim},
    {"truncate", filter_truncate},
    {"upper", filter_upper},
    {"wordcount", filter_wordcount},
    {"wordwrap", filter_wordwrap},
}};

}  // namespace

std::span<const FilterEntry> text_filters() { return entries; }

}  // namespace assay::jinja
