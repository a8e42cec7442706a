#include <cmath>

#include "tokenizer/jinja/format.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/operations.h"

namespace assay::jinja {
namespace {

std::string_view symbol(ExpressionKind operation) {
  switch (operation) {
    case ExpressionKind::add:
      return "+";
    case ExpressionKind::subtract:
      return "-";
    case ExpressionKind::multiply:
      return "*";
    case ExpressionKind::divide:
      return "/";
    case ExpressionKind::floor_divide:
      return "//";
    case ExpressionKind::modulo:
      return "%";
    default:
      return "** or pow()";
  }
}

std::unexpected<Error> unsupported(ExpressionKind operation, const Value& a, const Value& b) {
  return raise("TypeError", "unsupported operand type(s) for " + std::string(symbol(operation)) + ": '" +
                                std::string(type_name(a)) + "' and '" + std::string(type_name(b)) + "'");
}

double python_fmod(double a, double b) {
  double r = std::fmod(a, b);
  if (r != 0 && (b < 0) != (r < 0)) r += b;
  if (r == 0) r = std::copysign(0.0, b);
  return r;
}

Result<Value> int_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return raise("ZeroDivisionError", "0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return int_overflow("**");
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return int_overflow("**");
  }
  return Value(result);
}

Result<Value> real_power(double a, double b) {
  if (a == 0 && b < 0) return raise("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::trunc(b)) {
    return fail(Errc::unsupported, "complex numbers are not supported: negative number to a fractional power");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    return raise("OverflowError", "(34, 'Numerical result out of range')");
  }
  return Value(result);
}

Result<Value> int_operation(ExpressionKind operation, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (operation) {
    case ExpressionKind::add:
      if (__builtin_add_overflow(a, b, &result)) return int_overflow("+");
      return Value(result);
    case ExpressionKind::subtract:
      if (__builtin_sub_overflow(a, b, &result)) return int_overflow("-");
      return Value(result);
    case ExpressionKind::multiply:
      if (__builtin_mul_overflow(a, b, &result)) return int_overflow("*");
      return Value(result);
    case ExpressionKind::power:
      return int_power(a, b);
    default:
      break;
  }
  if (b == 0) {
    return raise("ZeroDivisionError",
                 operation == ExpressionKind::divide ? "division by zero" : "integer division or modulo by zero");
  }
  if (operation == ExpressionKind::divide) return Value(static_cast<double>(a) / static_cast<double>(b));
  if (b == -1) {  // the one quotient that may not fit
    if (operation == ExpressionKind::modulo) return Value(std::int64_t{0});
    if (__builtin_sub_overflow(std::int64_t{0}, a, &result)) return int_overflow("//");
    return Value(result);
  }
  std::int64_t quotient = a / b;
  std::int64_t remainder = a % b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    --quotient;
    remainder += b;
  }
  return Value(operation == ExpressionKind::modulo ? remainder : quotient);
}

Result<Value> real_operation(ExpressionKind operation, double a, double b) {
  switch (operation) {
    case ExpressionKind::add:
      return Value(a + b);
    case ExpressionKind::subtract:
      return Value(a - b);
    case ExpressionKind::multiply:
      return Value(a * b);
    case ExpressionKind::power:
      return real_power(a, b);
    default:
      break;
  }
  if (b == 0) {
    return raise("ZeroDivisionError", operation == ExpressionKind::divide         ? "float division by zero"
                                      : operation == ExpressionKind::floor_divide ? "float floor division by zero"
                                                                                  : "float modulo");
  }
  if (operation == ExpressionKind::divide) return Value(a / b);
  const double remainder = python_fmod(a, b);
  if (operation == ExpressionKind::modulo) return Value(remainder);
  const double quotient = (a - remainder) / b;
  double whole = std::floor(quotient);
  if (quotient - whole > 0.5) whole += 1;
  if (whole == 0) whole = std::copysign(0.0, a / b);
  return Value(whole);
}

Result<Value> repeat(Machine& machine, const Value& value, std::int64_t count) {
  Heap& heap = machine.heap;
  const auto times = static_cast<std::uint64_t>(count > 0 ? count : 0);
  const std::uint64_t unit =
      value.is_text() ? value.bytes().size() : static_cast<Sequence*>(value.object())->items.size() * sizeof(Value);
  std::uint64_t total = 0;
  if (__builtin_mul_overflow(times, unit, &total)) total = ~std::uint64_t{0};
  ASSAY_TRY(heap.room(total));
  if (value.is_text()) {
    std::string out;
    if (unit > 0) {
      out.reserve(total);
      for (std::uint64_t i = 0; i < times; ++i) out += value.bytes();
    }
    return heap.text(std::move(out), value.text()->markup);
  }
  const auto& items = static_cast<Sequence*>(value.object())->items;
  std::vector<Value> out;
  if (unit > 0) {
    ASSAY_TRY(heap.step(times * items.size()));
    out.reserve(times * items.size());
    for (std::uint64_t i = 0; i < times; ++i) out.insert(out.end(), items.begin(), items.end());
  }
  return value.is(ObjectKind::list) ? heap.list(std::move(out)) : heap.tuple(std::move(out));
}

bool is_repeatable(const Value& value) { return value.is_text() || value.is_sequence(); }

}  // namespace

Result<Value> add(Machine& machine, const Value& a, const Value& b) {
  Heap& heap = machine.heap;
  if (a.is_text() && b.is_text()) {
    ASSAY_TRY(heap.room(a.bytes().size() + b.bytes().size()));
    const bool markup = a.text()->markup || b.text()->markup;
    if (!markup || (a.text()->markup && b.text()->markup)) return heap.text(a.bytes() + b.bytes(), markup);
    return heap.text(a.text()->markup ? a.bytes() + escape_html(b.bytes()) : escape_html(a.bytes()) + b.bytes(), true);
  }
  if (a.is_sequence() && b.is_sequence() && a.object()->kind == b.object()->kind) {
    const auto& x = static_cast<Sequence*>(a.object())->items;
    const auto& y = static_cast<Sequence*>(b.object())->items;
    ASSAY_TRY(heap.step(x.size() + y.size()));
    std::vector<Value> items;
    items.reserve(x.size() + y.size());
    items.insert(items.end(), x.begin(), x.end());
    items.insert(items.end(), y.begin(), y.end());
    return a.is(ObjectKind::list) ? heap.list(std::move(items)) : heap.tuple(std::move(items));
  }
  if (a.is_number() && b.is_number()) return arithmetic(machine, ExpressionKind::add, a, b);
  if (a.is_undefined()) return undefined_error(a);
  if (b.is_undefined()) return undefined_error(b);
  if (a.is_text() || a.is_sequence()) {
    const std::string type(a.is_text() ? "str" : type_name(a));
    return raise("TypeError",
                 "can only concatenate " + type + " (not \"" + std::string(type_name(b)) + "\") to " + type);
  }
  return unsupported(ExpressionKind::add, a, b);
}

Result<Value> arithmetic(Machine& machine, ExpressionKind operation, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return int_operation(operation, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return real_operation(operation, a.real(), b.real());
  if (operation == ExpressionKind::add) return add(machine, a, b);
  if (operation == ExpressionKind::modulo && a.is_text()) return percent_format(machine, a, b);
  if (a.is_undefined()) return undefined_error(a);
  if (b.is_undefined()) return undefined_error(b);
  if (operation == ExpressionKind::multiply) {
    if (is_repeatable(a) && b.is_integral()) return repeat(machine, a, b.integer());
    if (is_repeatable(b) && a.is_integral()) return repeat(machine, b, a.integer());
    if (is_repeatable(a) || is_repeatable(b)) {
      const Value& other = is_repeatable(a) ? b : a;
      return raise("TypeError", "can't multiply sequence by non-int of type '" + std::string(type_name(other)) + "'");
    }
  }
  return unsupported(operation, a, b);
}

Result<Value> negate(const Value& value, bool minus) {
  if (value.is_integral()) {
    std::int64_t result = value.integer();
    if (minus && __builtin_sub_overflow(std::int64_t{0}, result, &result)) return int_overflow("-");
    return Value(result);
  }
  if (value.is_float()) return Value(minus ? -value.real() : value.real());
  if (value.is_undefined()) return undefined_error(value);
  return raise("TypeError", std::string("bad operand type for unary ") + (minus ? "-" : "+") + ": '" +
                                std::string(type_name(value)) + "'");
}

}  // namespace assay::jinja
