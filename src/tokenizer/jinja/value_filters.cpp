#include <array>
#include <cmath>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/json_text.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/number.h"

namespace assay::jinja {
namespace {

Result<Value> filter_abs(Machine&, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("abs", {}, 0, arguments));
  static_cast<void>(none);
  if (value.is_integral()) return negate(Value(value.integer()), value.integer() < 0);
  if (value.is_float()) return Value(std::abs(value.real()));
  return raise("TypeError", "bad operand type for abs(): '" + std::string(type_name(value)) + "'");
}

Result<Value> filter_default(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_default", {"default_value", "boolean"}, 0, arguments));
  if (!value.is_undefined() && !(flag_argument(a[1], false) && !truth(value))) return value;
  return a[0] != nullptr ? *a[0] : machine.heap.text("");
}

Result<Value> filter_attr(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_attr", {"name"}, 1, arguments));
  if (!a[0]->is_text())
    return raise("TypeError", "attribute name must be string, not '" + std::string(type_name(*a[0])) + "'");
  JINJA_LET(own, own_attribute(machine, value, *a[0]));
  if (own) return std::move(*own);
  return machine.heap.undefined("'" + std::string(type_name(value)) + " object' has no attribute " +
                                repr_text(a[0]->bytes()));
}

Result<Value> truncated(double value) {
  if (std::isnan(value)) return raise("ValueError", "cannot convert float NaN to integer");
  if (std::isinf(value)) return raise("OverflowError", "cannot convert float infinity to integer");
  const double whole = std::trunc(value);
  if (whole >= 0x1p63 || whole < -0x1p63) return int_overflow("int()");
  return Value(static_cast<std::int64_t>(whole));
}

Result<Value> filter_int(Machine&, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_int", {"default", "base"}, 0, arguments));
  const Value otherwise = a[0] != nullptr ? *a[0] : Value(std::int64_t{0});
  if (value.is_integral()) return Value(value.integer());
  if (value.is_float()) {
    if (std::isinf(value.real())) return truncated(value.real());  // Python lets this one through
    return std::isnan(value.real()) ? otherwise : truncated(value.real());
  }
  if (value.is_undefined()) return undefined_error(value);
  if (!value.is_text()) return otherwise;
  JINJA_LET(base, int_argument("int", a[1], 10));
  if (base == 0 || (base >= 2 && base <= 36)) {
    JINJA_LET(parsed, parse_int(value.bytes(), static_cast<int>(base)));
    if (parsed) return Value(*parsed);
  }
  const auto real = parse_float(value.bytes());  // "42.23" is 42
  if (!real || !std::isfinite(*real)) return otherwise;
  return truncated(*real);
}

Result<Value> filter_float(Machine&, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_float", {"default"}, 0, arguments));
  if (value.is_number()) return Value(value.real());
  if (value.is_undefined()) return undefined_error(value);
  if (value.is_text()) {
    if (const auto real = parse_float(value.bytes())) return Value(*real);
  }
  return a[0] != nullptr ? *a[0] : Value(0.0);
}

// round(int, -n): to tens, hundreds, ..., ties to even.
Result<Value> round_integer(std::int64_t value, std::int64_t places) {
  if (places >= 0) return Value(value);
  if (places < -18) return Value(std::int64_t{0});
  std::int64_t unit = 1;
  for (std::int64_t i = 0; i < -places; ++i) unit *= 10;
  std::int64_t quotient = value / unit;
  const std::int64_t rest = value % unit;
  const std::int64_t size = rest < 0 ? -rest : rest;
  if (size > unit - size || (size == unit - size && quotient % 2 != 0)) quotient += value < 0 ? -1 : 1;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(quotient, unit, &result)) return int_overflow("round()");
  return Value(result);
}

Result<Value> filter_round(Machine&, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_round", {"precision", "method"}, 0, arguments));
  JINJA_LET(method, text_argument("do_round", a[1], "common"));
  if (method != "common" && method != "ceil" && method != "floor") {
    return raise("FilterArgumentError", "method must be common, ceil or floor");
  }
  if (value.is_undefined() && method != "common") return undefined_error(value);
  if (!value.is_number()) {
    return raise("TypeError", "type " + std::string(type_name(value)) + " doesn't define __round__ method");
  }
  if (method == "common" && a[0] != nullptr && a[0]->is_none()) {
    if (value.is_integral()) return Value(value.integer());
    return truncated(std::nearbyint(value.real()));
  }
  JINJA_LET(places, int_argument("round", a[0], 0));
  if (method == "common") {
    if (value.is_integral()) return round_integer(value.integer(), places);
    return Value(round_places(value.real(), static_cast<int>(std::clamp<std::int64_t>(places, -400, 400))));
  }
  // floor and ceil give an integer, and that over a power of ten a float
  const double scale = std::pow(10.0, static_cast<double>(places));
  const double scaled = value.real() * scale;
  if (!std::isfinite(scaled)) return truncated(scaled);
  const double whole = method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  return Value((whole == 0 ? 0.0 : whole) / scale);
}

Result<Value> filter_filesizeformat(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_filesizeformat", {"binary"}, 0, arguments));
  double bytes = 0;
  if (value.is_undefined()) return undefined_error(value);
  if (value.is_number()) {
    bytes = value.real();
  } else if (value.is_text()) {
    const auto real = parse_float(value.bytes());
    if (!real) return raise("ValueError", "could not convert string to float: " + repr_text(value.bytes()));
    bytes = *real;
  } else {
    return raise("TypeError",
                 "float() argument must be a string or a real number, not '" + std::string(type_name(value)) + "'");
  }
  const bool binary = flag_argument(a[0], false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return machine.heap.text("1 Byte");
  if (bytes < base) {
    JINJA_LET(whole, truncated(bytes));
    return machine.heap.text(std::to_string(whole.integer()) + " Bytes");
  }
  static constexpr std::string_view units = "kMGTPEZY";
  double unit = base;
  std::size_t i = 0;
  for (; i < units.size(); ++i) {
    unit *= base;
    if (bytes < unit) break;
  }
  if (i == units.size()) --i;
  const char letter = binary && units[i] == 'k' ? 'K' : units[i];
  return machine.heap.text(format_real(base * bytes / unit, 'f', 1, false) + " " + letter + (binary ? "iB" : "B"));
}

Result<Value> filter_tojson(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0, arguments));
  JsonStyle style;
  style.ascii = flag_argument(a[0], false);
  style.sort_keys = flag_argument(a[3], false);
  if (a[1] != nullptr && !a[1]->is_none()) {
    style.lines = true;
    style.item_separator = ",";
    if (a[1]->is_text()) {
      style.indent = a[1]->bytes();
    } else {
      JINJA_LET(width, int_argument("tojson", a[1], 0));
      ASSAY_TRY(machine.heap.room(width > 0 ? static_cast<std::uint64_t>(width) : 0));
      style.indent.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    }
  }
  if (a[2] != nullptr && !a[2]->is_none()) {
    JINJA_LET(parts, collect(machine, *a[2]));
    if (parts.size() != 2) {
      return raise("ValueError", "separators: expected 2 values, got " + std::to_string(parts.size()));
    }
    JINJA_LET(item, text_argument("tojson", &parts[0], ""));
    JINJA_LET(key, text_argument("tojson", &parts[1], ""));
    style.item_separator = item;
    style.key_separator = key;
  }
  JINJA_LET(text, json_text(machine, value, style));
  return machine.heap.text(std::move(text));
}

Result<Value> filter_length(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("len", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(count, length_or_error(machine, value));
  return Value(count);
}

constexpr std::array<FilterEntry, 11> entries = {{
    {"abs", filter_abs},
    {"attr", filter_attr},
    {"count", filter_length},
    {"d", filter_default},
    {"default", filter_default},
    {"filesizeformat", filter_filesizeformat},
    {"float", filter_float},
    {"int", filter_int},
    {"length", filter_length},
    {"round", filter_round},
    {"tojson", filter_tojson},
}};

}  // namespace

std::span<const FilterEntry> value_filters() { return entries; }

}  // namespace assay::jinja
