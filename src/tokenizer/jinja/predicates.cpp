#include "tokenizer/jinja/predicates.h"

#include <algorithm>
#include <array>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/methods.h"

namespace assay::jinja {
namespace {

Result<void> no_arguments(std::string_view name, const Arguments& arguments) {
  auto bound = bind(name, {}, 0, arguments);
  if (!bound) return std::unexpected(std::move(bound.error()));
  return {};
}

// A test of the operand alone.
template <bool (*Is)(const Value&)>
Result<bool> plain(Machine&, const Value& value, const Arguments& arguments) {
  ASSAY_TRY(no_arguments("test", arguments));
  return Is(value);
}

bool is_defined(const Value& v) { return !v.is_undefined(); }
bool is_undefined(const Value& v) { return v.is_undefined(); }
bool is_none(const Value& v) { return v.is_none(); }
bool is_boolean(const Value& v) { return v.is_bool(); }
bool is_false(const Value& v) { return v.is_bool() && !v.boolean(); }
bool is_true(const Value& v) { return v.is_bool() && v.boolean(); }
bool is_integer(const Value& v) { return v.is_int(); }
bool is_float(const Value& v) { return v.is_float(); }
bool is_string(const Value& v) { return v.is_text(); }
bool is_mapping(const Value& v) { return v.is(ObjectKind::dict); }
bool is_number(const Value& v) { return v.is_number(); }
bool is_escaped(const Value& v) { return v.is_text() && v.text()->markup; }
bool is_sequence(const Value& v) {
  // has a length and subscripts; an undefined value has both
  return v.is_undefined() || v.is_text() || v.is_sequence() || v.is(ObjectKind::dict) || v.is(ObjectKind::range);
}

template <std::int64_t remainder>
Result<bool> parity(Machine& machine, const Value& value, const Arguments& arguments) {
  ASSAY_TRY(no_arguments("test", arguments));
  JINJA_LET(rest, arithmetic(machine, ExpressionKind::modulo, value, Value(std::int64_t{2})));
  return equal(machine.heap, rest, Value(remainder));
}

Result<bool> divisible(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("divisibleby", {"num"}, 1, arguments));
  JINJA_LET(rest, arithmetic(machine, ExpressionKind::modulo, value, *a[0]));
  return equal(machine.heap, rest, Value(std::int64_t{0}));
}

Result<bool> known_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  ASSAY_TRY(no_arguments("test", arguments));
  JINJA_LET(key, hash(machine.heap, value));
  static_cast<void>(key);
  return value.is_text() && find_filter(value.bytes()) != nullptr;
}
Result<bool> known_test(Machine& machine, const Value& value, const Arguments& arguments) {
  ASSAY_TRY(no_arguments("test", arguments));
  JINJA_LET(key, hash(machine.heap, value));
  static_cast<void>(key);
  return value.is_text() && find_test(value.bytes()) != nullptr;
}

Result<bool> cased(Machine& machine, const Value& value, std::string_view method) {
  JINJA_LET(text, to_text(machine, value));
  JINJA_LET(holds, find_text_method(method)->call(machine, text, {}));
  return truth(holds);
}
Result<bool> is_lower_case(Machine& machine, const Value& value, const Arguments& arguments) {
  ASSAY_TRY(no_arguments("test", arguments));
  return cased(machine, value, "islower");
}
Result<bool> is_upper_case(Machine& machine, const Value& value, const Arguments& arguments) {
  ASSAY_TRY(no_arguments("test", arguments));
  return cased(machine, value, "isupper");
}

Result<bool> same_as(Machine&, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("sameas", {"other"}, 1, arguments));
  return identical(value, *a[0]);
}

Result<bool> inside(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("in", {"seq"}, 1, arguments));
  return contains(machine, *a[0], value);
}

template <Comparison how>
Result<bool> compared(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("comparison", {""}, 1, arguments));
  return compare(machine, how, value, *a[0]);
}

constexpr std::array<TestEntry, 39> tests = {{
    {"!=", compared<Comparison::unequal>},
    {"<", compared<Comparison::less>},
    {"<=", compared<Comparison::less_equal>},
    {"==", compared<Comparison::equal>},
    {">", compared<Comparison::greater>},
    {">=", compared<Comparison::greater_equal>},
    {"boolean", plain<is_boolean>},
    {"callable", plain<is_callable>},
    {"defined", plain<is_defined>},
    {"divisibleby", divisible},
    {"eq", compared<Comparison::equal>},
    {"equalto", compared<Comparison::equal>},
    {"escaped", plain<is_escaped>},
    {"even", parity<0>},
    {"false", plain<is_false>},
    {"filter", known_filter},
    {"float", plain<is_float>},
    {"ge", compared<Comparison::greater_equal>},
    {"greaterthan", compared<Comparison::greater>},
    {"gt", compared<Comparison::greater>},
    {"in", inside},
    {"integer", plain<is_integer>},
    {"iterable", plain<is_iterable>},
    {"le", compared<Comparison::less_equal>},
    {"lessthan", compared<Comparison::less>},
    {"lower", is_lower_case},
    {"lt", compared<Comparison::less>},
    {"mapping", plain<is_mapping>},
    {"ne", compared<Comparison::unequal>},
    {"none", plain<is_none>},
    {"number", plain<is_number>},
    {"odd", parity<1>},
    {"sameas", same_as},
    {"sequence", plain<is_sequence>},
    {"string", plain<is_string>},
    {"test", known_test},
    {"true", plain<is_true>},
    {"undefined", plain<is_undefined>},
    {"upper", is_upper_case},
}};

}  // namespace

const TestEntry* find_test(std::string_view name) {
  const auto it = std::lower_bound(tests.begin(), tests.end(), name,
                                   [](const TestEntry& entry, std::string_view n) { return entry.name < n; });
  return it != tests.end() && it->name == name ? &*it : nullptr;
}

}  // namespace assay::jinja
