#include "tokenizer/jinja/format.h"

#include <algorithm>
#include <cmath>

#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

constexpr std::int64_t precision_max = 1000;  // digits after the point; no double has more to show than 1074

std::string digits_of(std::uint64_t value, unsigned base, bool capitals) {
  std::string out;
  do {
    const auto digit = static_cast<unsigned>(value % base);
    out.push_back(static_cast<char>(digit < 10 ? '0' + digit : (capitals ? 'A' : 'a') + digit - 10));
    value /= base;
  } while (value > 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
}

// "%5.1f" and its like.
class PercentFormatter {
 public:
  PercentFormatter(Machine& machine, const Value& format, const Value& values)
      : machine_(machine), text_(format.bytes()), markup_(format.text()->markup), values_(values) {
    if (values.is(ObjectKind::tuple)) {
      positional_ = static_cast<Sequence*>(values.object())->items;
    } else {
      positional_ = {values};
    }
  }

  Result<Value> run() {
    while (at_ < text_.size()) {
      const auto percent = text_.find('%', at_);
      if (percent == std::string_view::npos) {
        out_ += text_.substr(at_);
        break;
      }
      out_ += text_.substr(at_, percent - at_);
      at_ = percent + 1;
      ASSAY_TRY(directive());
      ASSAY_TRY(machine_.heap.room(out_.size()));
    }
    // Mappings and sequences need not be used up; a lone value or a tuple must.
    const bool mapping = values_.is(ObjectKind::dict) || values_.is(ObjectKind::list) || values_.is_undefined() ||
                         values_.is(ObjectKind::range);
    if (used_ < positional_.size() && !mapping) {
      return raise("TypeError", "not all arguments converted during string formatting");
    }
    return machine_.heap.text(std::move(out_), markup_);
  }

 private:
  Result<Value> next_value() {
    if (keyed_) return *keyed_;
    if (used_ >= positional_.size()) return raise("TypeError", "not enough arguments for format string");
    return positional_[used_++];
  }

  std::unexpected<Error> incomplete() const { return raise("ValueError", "incomplete format"); }

  Result<std::int64_t> number_or_star() {
    if (at_ < text_.size() && text_[at_] == '*') {
      ++at_;
      JINJA_LET(value, next_value());
      if (!value.is_integral()) return raise("TypeError", "* wants int");
      return value.integer();
    }
    std::int64_t number = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      number = number * 10 + (text_[at_] - '0');
      if (number > INT32_MAX) return raise("ValueError", "width too big");
    }
    return number;
  }

  Result<void> directive() {
    keyed_.reset();
    if (at_ < text_.size() && text_[at_] == '(') {
      const auto* dict = values_.as<Dict>();
      if (dict == nullptr) return raise("TypeError", "format requires a mapping");
      int open = 1;
      const std::size_t begin = ++at_;
      for (; at_ < text_.size() && open > 0; ++at_) open += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
      if (open > 0) return raise("ValueError", "incomplete format key");
      const std::string_view key = text_.substr(begin, at_ - 1 - begin);
      const Value* found = lookup(*dict, key);
      if (found == nullptr) return raise("KeyError", repr_text(key));
      keyed_ = *found;
    }
    bool left = false, zero = false, plus = false, space = false, alternate = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '-')
        left = true;
      else if (c == '0')
        zero = true;
      else if (c == '+')
        plus = true;
      else if (c == ' ')
        space = true;
      else if (c == '#')
        alternate = true;
      else
        break;
    }
    JINJA_LET(width, number_or_star());
    if (width < 0) {
      left = true;
      width = -width;
    }
    std::int64_t precision = -1;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      JINJA_LET(given, number_or_star());
      precision = std::max<std::int64_t>(given, 0);
    }
    while (at_ < text_.size() && (text_[at_] == 'l' || text_[at_] == 'h' || text_[at_] == 'L')) ++at_;
    if (at_ >= text_.size()) return incomplete();
    const char type = text_[at_++];
    if (type == '%') {
      out_ += '%';
      return {};
    }
    ASSAY_TRY(machine_.heap.room(static_cast<std::uint64_t>(width)));
    JINJA_LET(value, next_value());
    std::string body;
    std::string sign;
    bool number = true;
    switch (type) {
      case 's':
      case 'r':
      case 'a': {
        JINJA_LET(shown, type == 's' ? to_string(machine_, value) : repr(machine_, value));
        if (markup_ && !(value.is_text() && value.text()->markup && type == 's')) shown = escape_html(shown);
        body = precision < 0 ? shown : shown.substr(0, byte_offset(shown, static_cast<std::size_t>(precision)));
        number = false;
        break;
      }
      case 'c': {
        if (value.is_integral()) {
          if (value.integer() < 0 || value.integer() > 0x10ffff)
            return raise("OverflowError", "%c arg not in range(0x110000)");
          append_point(body, static_cast<Point>(value.integer()));
        } else if (value.is_text() && value.text()->points == 1) {
          body = value.bytes();
        } else {
          return raise("TypeError", "%c requires int or char");
        }
        number = false;
        break;
      }
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        ASSAY_TRY(integer(type, value, alternate, precision, sign, body));
        break;
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': {
        if (value.is_undefined()) return undefined_error(value);
        if (!value.is_number()) return raise("TypeError", "must be real number, not " + std::string(type_name(value)));
        if (precision > precision_max)
          return fail(Errc::full, "a precision of " + std::to_string(precision) + " digits");
        body = format_real(std::abs(value.real()), type, precision < 0 ? 6 : static_cast<int>(precision), alternate);
        if (std::signbit(value.real()) && !std::isnan(value.real())) sign = "-";
        break;
      }
      default: {
        std::string shown;
        append_point(shown, static_cast<unsigned char>(type));
        return raise("ValueError", "unsupported format character '" + shown + "'");
      }
    }
    if (number && sign.empty()) sign = plus ? "+" : space ? " " : "";
    const auto size = static_cast<std::int64_t>(count_points(sign) + count_points(body));
    const std::string fill(static_cast<std::size_t>(std::max<std::int64_t>(width - size, 0)),
                           zero && number && !left ? '0' : ' ');
    if (left) {
      out_ += sign + body + fill;
    } else if (zero && number) {
      // the zeros stand after the sign and after 0x
      const bool prefixed = alternate && (type == 'x' || type == 'X' || type == 'o');
      out_ += sign + (prefixed ? body.substr(0, 2) : "") + fill + (prefixed ? body.substr(2) : body);
    } else {
      out_ += fill + sign + body;
    }
    return {};
  }

  static Result<void> integer(char type, const Value& value, bool alternate, std::int64_t precision, std::string& sign,
                              std::string& body) {
    std::int64_t i = 0;
    if (value.is_undefined()) return undefined_error(value);
    const bool decimal = type == 'd' || type == 'i' || type == 'u';
    if (value.is_integral()) {
      i = value.integer();
    } else if (value.is_float() && decimal) {
      if (!std::isfinite(value.real())) return raise("ValueError", "cannot convert float NaN or infinity to integer");
      if (std::abs(value.real()) >= 0x1p63) return int_overflow("%d");
      i = static_cast<std::int64_t>(value.real());
    } else {
      return raise("TypeError", std::string("%") + type + " format: " + (decimal ? "a real number" : "an integer") +
                                    " is required, not " + std::string(type_name(value)));
    }
    if (i < 0) sign = "-";
    body = digits_of(magnitude(i), type == 'o' ? 8 : decimal ? 10 : 16, type == 'X');
    if (precision > precision_max) return fail(Errc::full, "a precision of " + std::to_string(precision) + " digits");
    if (precision > static_cast<std::int64_t>(body.size()))
      body.insert(0, static_cast<std::size_t>(precision) - body.size(), '0');
    if (alternate && !decimal) body.insert(0, std::string("0") + type);
    return {};
  }

  Machine& machine_;
  std::string_view text_;
  bool markup_;
  Value values_;
  std::vector<Value> positional_;
  std::size_t used_ = 0;
  std::optional<Value> keyed_;
  std::size_t at_ = 0;
  std::string out_;
};

// ---- "{...}".format

Result<FormatSpec> parse_spec(std::string_view spec, const Value& value) {
  FormatSpec out;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  std::size_t at = 0;
  if (!spec.empty()) {
    std::size_t second = 0;
    next_point(spec, second);
    if (second < spec.size() && is_align(spec[second])) {
      out.fill = spec.substr(0, second);
      out.align = spec[second];
      at = second + 1;
    } else if (is_align(spec[0])) {
      out.align = spec[0];
      at = 1;
    }
  }
  const auto here = [&] { return at < spec.size() ? spec[at] : '\0'; };
  if (here() == '+' || here() == '-' || here() == ' ') out.sign = spec[at++];
  if (here() == 'z') return fail(Errc::unsupported, "the format option 'z' is not supported");
  if (here() == '#') {
    out.alternate = true;
    ++at;
  }
  if (here() == '0') {
    if (out.align == 0) {
      out.fill = "0";
      out.align = value.is_number() ? '=' : '<';
    }
    ++at;
  }
  const auto number = [&](std::int64_t& into) -> Result<void> {
    into = 0;
    for (; here() >= '0' && here() <= '9'; ++at) {
      into = into * 10 + (here() - '0');
      if (into > INT32_MAX) return raise("ValueError", "Too many decimal digits in format string");
    }
    return {};
  };
  ASSAY_TRY(number(out.width));
  if (here() == ',' || here() == '_') out.grouping = spec[at++];
  if (here() == '.') {
    ++at;
    if (here() < '0' || here() > '9') return raise("ValueError", "Format specifier missing precision");
    ASSAY_TRY(number(out.precision));
    if (out.precision > precision_max && !value.is_text()) {
      return fail(Errc::full, "a precision of " + std::to_string(out.precision) + " digits");
    }
  }
  if (at < spec.size()) out.type = spec[at++];
  if (at < spec.size()) return raise("ValueError", "Invalid format specifier");
  return out;
}

std::string grouped(const std::string& digits, char mark, std::size_t every) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % every == 0) out += mark;
    out += digits[i];
  }
  return out;
}

// sign, prefix and digits to the asked width.
std::string lay_out(const FormatSpec& spec, const std::string& sign, const std::string& digits, char default_align) {
  const char align = spec.align == 0 ? default_align : spec.align;
  const auto size = static_cast<std::int64_t>(count_points(sign) + count_points(digits));
  const std::int64_t missing = std::max<std::int64_t>(spec.width - size, 0);
  if (align == '=') {
    std::string fill;
    for (std::int64_t i = 0; i < missing; ++i) fill += spec.fill;
    return sign + fill + digits;
  }
  return pad(sign + digits, spec.width, spec.fill,
             align == '<'   ? Align::left
             : align == '>' ? Align::right
                            : Align::centre);
}

// Python puts the extra space of an uneven width on the right here, unlike str.center.
std::string centred(const FormatSpec& spec, const std::string& text) {
  const std::int64_t missing = spec.width - static_cast<std::int64_t>(count_points(text));
  std::string out;
  for (std::int64_t i = 0; i < missing / 2; ++i) out += spec.fill;
  out += text;
  for (std::int64_t i = 0; i < missing - missing / 2; ++i) out += spec.fill;
  return out;
}

Result<std::string> format_integer(const FormatSpec& spec, const Value& value) {
  const std::int64_t i = value.integer();
  if (spec.precision >= 0) return raise("ValueError", "Precision not allowed in integer format specifier");
  std::string sign = i < 0 ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  if (spec.type == 'c') {
    if (i < 0 || i > 0x10ffff) return raise("OverflowError", "%c arg not in range(0x110000)");
    std::string out;
    append_point(out, static_cast<Point>(i));
    return lay_out(spec, "", out, '<');
  }
  const unsigned base = spec.type == 'b' ? 2 : spec.type == 'o' ? 8 : spec.type == 'x' || spec.type == 'X' ? 16 : 10;
  std::string digits = digits_of(magnitude(i), base, spec.type == 'X');
  if (spec.grouping == ',' && base != 10) return raise("ValueError", "Cannot specify ',' with this format type.");
  std::size_t every = base == 10 ? 3 : 4;
  if (spec.grouping != 0) {
    // zeros that fill the width are grouped as well
    if (spec.align == '=' && spec.fill == "0") {
      while (static_cast<std::int64_t>(sign.size() + grouped(digits, spec.grouping, every).size()) < spec.width &&
             digits.size() < 4096) {
        digits.insert(0, "0");
      }
    }
    digits = grouped(digits, spec.grouping, every);
  }
  if (spec.alternate && base != 10) sign += std::string("0") + spec.type;
  if (spec.align == '^') return centred(spec, sign + digits);
  return lay_out(spec, sign, digits, '>');
}

Result<std::string> format_float(const FormatSpec& spec, double value) {
  std::string sign = std::signbit(value) && !std::isnan(value) ? "-"
                     : spec.sign == '-'                        ? ""
                                                               : std::string(1, spec.sign);
  const double size = std::abs(value);
  std::string digits;
  if (spec.type == 0 && spec.precision < 0) {
    digits = float_repr(size);
  } else if (spec.type == 0) {
    digits = format_real(size, 'g', spec.precision == 0 ? 1 : static_cast<int>(spec.precision), false);
    if (digits.find_first_of(".en") == std::string::npos) {
      // like repr, at least one digit behind the point, unless that needs an exponent
      const bool fits = static_cast<std::int64_t>(digits.size()) < std::max<std::int64_t>(spec.precision, 1);
      digits = fits ? digits + ".0"
                    : format_real(size, 'e', static_cast<int>(std::max<std::int64_t>(spec.precision, 1)) - 1, false);
      if (!fits) {
        const auto e = digits.find('e');
        std::string mantissa = digits.substr(0, e);
        if (mantissa.find('.') != std::string::npos) {
          mantissa.erase(mantissa.find_last_not_of('0') + 1);
          if (mantissa.back() == '.') mantissa.pop_back();
        }
        digits = mantissa + digits.substr(e);
      }
    }
  } else if (spec.type == '%') {
    digits =
        format_real(size * 100, 'f', spec.precision < 0 ? 6 : static_cast<int>(spec.precision), spec.alternate) + "%";
  } else {
    const char type = spec.type == 'n' ? 'g' : spec.type;
    digits = format_real(size, type, spec.precision < 0 ? 6 : static_cast<int>(spec.precision), spec.alternate);
  }
  if (spec.grouping != 0) {
    const auto end = std::min(digits.find_first_not_of("0123456789"), digits.size());
    std::string whole = digits.substr(0, end);
    const std::string rest = digits.substr(end);
    if (spec.align == '=' && spec.fill == "0") {
      while (static_cast<std::int64_t>(sign.size() + rest.size() + grouped(whole, spec.grouping, 3).size()) <
                 spec.width &&
             whole.size() < 4096) {
        whole.insert(0, "0");
      }
    }
    digits = grouped(whole, spec.grouping, 3) + rest;
  }
  if (spec.align == '^') return centred(spec, sign + digits);
  return lay_out(spec, sign, digits, '>');
}

class BraceFormatter {
 public:
  BraceFormatter(Machine& machine, const Value& format, const Arguments& arguments)
      : machine_(machine), markup_(format.text()->markup), arguments_(arguments) {}

  Result<std::string> run(std::string_view text, int nesting) {
    std::string out;
    if (nesting > 2) return raise("ValueError", "Max string recursion exceeded");
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char c = text[at];
      const bool doubled = at + 1 < text.size() && text[at + 1] == c;
      if ((c == '{' || c == '}') && doubled && (nesting == 0)) {
        out += c;
        ++at;
        continue;
      }
      if (c == '}') return raise("ValueError", "Single '}' encountered in format string");
      if (c != '{') {
        out += c;
        continue;
      }
      const std::size_t begin = ++at;
      int open = 1;
      bool bracket = false;
      for (; at < text.size(); ++at) {
        if (text[at] == '[' && open == 1) bracket = true;
        if (text[at] == ']') bracket = false;
        if (bracket) continue;
        if (text[at] == '{') ++open;
        if (text[at] == '}' && --open == 0) break;
      }
      if (open > 0) {
        return raise("ValueError", begin >= text.size() ? "Single '{' encountered in format string"
                                                        : "expected '}' before end of string");
      }
      JINJA_LET(shown, field(text.substr(begin, at - begin), nesting));
      out += shown;
      ASSAY_TRY(machine_.heap.room(out.size()));
    }
    return out;
  }

 private:
  Result<std::string> field(std::string_view field_text, int nesting) {
    ASSAY_TRY(machine_.heap.step());
    std::size_t end = 0;
    bool bracket = false;
    for (; end < field_text.size(); ++end) {
      const char c = field_text[end];
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (!bracket && (c == ':' || c == '!')) break;
    }
    const std::string_view name = field_text.substr(0, end);
    char conversion = 0;
    std::string_view spec;
    if (end < field_text.size() && field_text[end] == '!') {
      if (end + 1 >= field_text.size())
        return raise("ValueError", "end of string while looking for conversion specifier");
      conversion = field_text[end + 1];
      end += 2;
      if (end < field_text.size() && field_text[end] != ':') {
        return raise("ValueError", "expected ':' after conversion specifier");
      }
    }
    if (end < field_text.size()) spec = field_text.substr(end + 1);
    JINJA_LET(value, get_field(name));
    if (conversion == 'r' || conversion == 'a') {
      JINJA_LET(shown, repr(machine_, value));
      value = machine_.heap.text(std::move(shown));
    } else if (conversion == 's') {
      JINJA_LET(shown, to_text(machine_, value));
      value = std::move(shown);
    } else if (conversion != 0) {
      return raise("ValueError", "Unknown conversion specifier " + std::string(1, conversion));
    }
    JINJA_LET(plain_spec, run(spec, nesting + 1));
    JINJA_LET(shown, format_value(machine_, value, plain_spec));
    if (markup_ && !(value.is_text() && value.text()->markup)) return escape_html(shown.bytes());
    return shown.bytes();
  }

  Result<Value> get_field(std::string_view name) {
    std::size_t end = std::min(name.find_first_of(".["), name.size());
    JINJA_LET(value, first_value(name.substr(0, end), end == name.size()));
    while (end < name.size()) {
      if (name[end] == '.') {
        const std::size_t next = std::min(name.find_first_of(".[", end + 1), name.size());
        if (next == end + 1) return raise("ValueError", "Empty attribute in format string");
        JINJA_LET(member, get_attribute(machine_, value,
                                        machine_.heap.text(std::string(name.substr(end + 1, next - end - 1)))));
        value = std::move(member);
        end = next;
        continue;
      }
      if (name[end] != '[') return raise("ValueError", "Only '.' or '[' may follow ']' in format field specifier");
      const auto close = name.find(']', end);
      if (close == std::string_view::npos) return raise("ValueError", "Missing ']' in format string");
      const std::string_view key = name.substr(end + 1, close - end - 1);
      if (key.empty()) return raise("ValueError", "Empty attribute in format string");
      const bool digits = key.find_first_not_of("0123456789") == std::string_view::npos;
      Value index = machine_.heap.text(std::string(key));
      if (digits) {
        JINJA_LET(number, parse_int(key, 10));
        index = Value(number.value_or(0));
      }
      JINJA_LET(item, get_item(machine_, value, index));
      value = std::move(item);
      end = close + 1;
    }
    return std::move(value);
  }

  // whole: no attribute or index follows; only then does Python tell counted from numbered fields.
  Result<Value> first_value(std::string_view name, bool whole) {
    const bool digits = !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
    if ((name.empty() && whole) || digits) {
      std::size_t index = automatic_;
      if (name.empty()) {
        if (manual_)
          return raise("ValueError", "cannot switch from manual field specification to automatic field numbering");
        ++automatic_;
        counted_ = true;
      } else {
        if (counted_ && whole)
          return raise("ValueError", "cannot switch from automatic field numbering to manual field specification");
        manual_ = manual_ || whole;
        JINJA_LET(number, parse_int(name, 10));
        index = static_cast<std::size_t>(number.value_or(0));
      }
      if (index >= arguments_.positional.size()) {
        return raise("IndexError",
                     "Replacement index " + std::to_string(index) + " out of range for positional args tuple");
      }
      return arguments_.positional[index];
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    return raise("KeyError", repr_text(name));
  }

  Machine& machine_;
  bool markup_;
  const Arguments& arguments_;
  std::size_t automatic_ = 0;
  bool counted_ = false, manual_ = false;
};

}  // namespace

std::string pad(std::string_view text, std::int64_t width, std::string_view fill, Align align) {
  const auto missing = std::max<std::int64_t>(width - static_cast<std::int64_t>(count_points(text)), 0);
  // str.center puts the odd one on the left when the width is odd
  const std::int64_t before = align == Align::left    ? 0
                              : align == Align::right ? missing
                                                      : missing / 2 + (missing & width & 1);
  std::string out;
  for (std::int64_t i = 0; i < before; ++i) out += fill;
  out += text;
  for (std::int64_t i = before; i < missing; ++i) out += fill;
  return out;
}

Result<Value> percent_format(Machine& machine, const Value& format, const Value& values) {
  return PercentFormatter(machine, format, values).run();
}

Result<Value> brace_format(Machine& machine, const Value& format, const Arguments& arguments) {
  JINJA_LET(out, BraceFormatter(machine, format, arguments).run(format.bytes(), 0));
  return machine.heap.text(std::move(out), format.text()->markup);
}

Result<Value> format_value(Machine& machine, const Value& value, std::string_view spec_text) {
  const bool plain = !value.is_text() && !value.is_number();
  if (spec_text.empty() || plain) {
    if (!spec_text.empty()) {
      return raise("TypeError", "unsupported format string passed to " + std::string(type_name(value)) + ".__format__");
    }
    return to_text(machine, value);
  }
  JINJA_LET(spec, parse_spec(spec_text, value));
  ASSAY_TRY(machine.heap.room(static_cast<std::uint64_t>(spec.width) * spec.fill.size()));
  const auto unknown = [&] {
    return raise("ValueError", std::string("Unknown format code '") + spec.type + "' for object of type '" +
                                   std::string(type_name(value)) + "'");
  };
  const std::string_view float_types = "eEfFgG%";
  if (value.is_text()) {
    if (spec.type != 0 && spec.type != 's') return unknown();
    if (spec.align == '=') return raise("ValueError", "'=' alignment not allowed in string format specifier");
    if (spec.sign != '-' || spec.alternate || spec.grouping != 0) {
      return raise("ValueError", "Sign, alternate form or grouping not allowed in string format specifier");
    }
    std::string text = value.bytes();
    if (spec.precision >= 0) text = text.substr(0, byte_offset(text, static_cast<std::size_t>(spec.precision)));
    if (spec.align == '^') return machine.heap.text(centred(spec, text));
    return machine.heap.text(lay_out(spec, "", text, '<'));
  }
  if (value.is_bool() && spec.type == 0) spec.type = 'd';
  if (value.is_integral()) {
    if (spec.type == 0 || std::string_view("bcdoxXn").find(spec.type) != std::string_view::npos) {
      JINJA_LET(out, format_integer(spec, value));
      return machine.heap.text(std::move(out));
    }
    if (float_types.find(spec.type) == std::string_view::npos) return unknown();
  } else if (spec.type != 0 && spec.type != 'n' && float_types.find(spec.type) == std::string_view::npos) {
    return unknown();
  }
  JINJA_LET(out, format_float(spec, value.real()));
  return machine.heap.text(std::move(out));
}

}  // namespace assay::jinja
