#include <array>
#include <bit>
#include <cmath>
#include <span>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/operations.h"

namespace assay::jinja {
namespace {

Result<Value> sequence_count(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("count", {""}, 1, arguments));
  JINJA_LET(iterator, Iterator::over(self));
  std::int64_t count = 0;
  while (true) {
    JINJA_LET(item, iterator.next(machine));
    if (!item) return Value(count);
    JINJA_LET(same, equal(machine.heap, *item, *a[0]));
    count += same ? 1 : 0;
  }
}

Result<Value> sequence_index(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("index", {"", "", ""}, 1, arguments));
  const std::int64_t count = *length(machine, self);
  JINJA_LET(start_given, int_argument("index", a[1], 0));
  JINJA_LET(stop_given, int_argument("index", a[2], count));
  const auto clamp = [count](std::int64_t at) {
    return at < 0 ? std::max<std::int64_t>(at < -count ? 0 : at + count, 0) : at;
  };
  const std::int64_t start = clamp(start_given);
  const std::int64_t stop = std::min(clamp(stop_given), count);
  JINJA_LET(iterator, Iterator::over(self));
  for (std::int64_t i = 0; i < stop; ++i) {
    JINJA_LET(item, iterator.next(machine));
    if (i < start) continue;
    JINJA_LET(same, equal(machine.heap, *item, *a[0]));
    if (same) return Value(i);
  }
  JINJA_LET(shown, repr(machine, *a[0]));
  return raise("ValueError", shown + " is not in " + std::string(type_name(self)));
}

Result<Value> itself(Machine&, const Value& self, const Arguments& arguments) {
  JINJA_LET(none, bind("copy", {}, 0, arguments));
  static_cast<void>(none);
  return self;
}

template <DictView::Part part>
Result<Value> dict_part(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(none, bind("dict method", {}, 0, arguments));
  static_cast<void>(none);
  return machine.heap.make<DictView>(self.as<Dict>(), part);
}

Result<Value> dict_get(Machine& machine, const Value& self, const Arguments& arguments) {
  JINJA_LET(a, bind("get", {"", ""}, 1, arguments));
  JINJA_LET(found, lookup(machine.heap, *self.as<Dict>(), *a[0]));
  if (found != nullptr) return *found;
  return a[1] != nullptr ? *a[1] : Value(None{});
}

Result<Value> refused(Machine&, const Value& self, const Arguments&) {
  return fail(Errc::unsupported, "this method of '" + std::string(type_name(self)) + "' is not supported in templates");
}

Result<Value> int_bit_length(Machine&, const Value& self, const Arguments&) {
  const std::int64_t i = self.integer();
  const std::uint64_t size = i < 0 ? ~static_cast<std::uint64_t>(i) + 1 : static_cast<std::uint64_t>(i);
  return Value(static_cast<std::int64_t>(std::bit_width(size)));
}
Result<Value> int_bit_count(Machine&, const Value& self, const Arguments&) {
  const std::int64_t i = self.integer();
  const std::uint64_t size = i < 0 ? ~static_cast<std::uint64_t>(i) + 1 : static_cast<std::uint64_t>(i);
  return Value(static_cast<std::int64_t>(std::popcount(size)));
}
Result<Value> int_plain(Machine&, const Value& self, const Arguments&) { return Value(self.integer()); }
Result<Value> int_ratio(Machine& machine, const Value& self, const Arguments&) {
  return machine.heap.tuple({Value(self.integer()), Value(std::int64_t{1})});
}
Result<Value> float_is_integer(Machine&, const Value& self, const Arguments&) {
  return Value(std::isfinite(self.real()) && self.real() == std::trunc(self.real()));
}

constexpr std::array<MethodEntry, 3> list_methods = {
    {{"copy", itself}, {"count", sequence_count}, {"index", sequence_index}}};
constexpr std::array<MethodEntry, 2> tuple_methods = {{{"count", sequence_count}, {"index", sequence_index}}};
constexpr std::array<MethodEntry, 6> dict_methods = {{{"copy", itself},
                                                      {"fromkeys", refused},
                                                      {"get", dict_get},
                                                      {"items", dict_part<DictView::Part::items>},
                                                      {"keys", dict_part<DictView::Part::keys>},
                                                      {"values", dict_part<DictView::Part::values>}}};
constexpr std::array<MethodEntry, 6> int_methods = {{{"as_integer_ratio", int_ratio},
                                                     {"bit_count", int_bit_count},
                                                     {"bit_length", int_bit_length},
                                                     {"conjugate", int_plain},
                                                     {"from_bytes", refused},
                                                     {"to_bytes", refused}}};
constexpr std::array<MethodEntry, 5> float_methods = {{{"as_integer_ratio", refused},
                                                       {"conjugate", itself},
                                                       {"fromhex", refused},
                                                       {"hex", refused},
                                                       {"is_integer", float_is_integer}}};

std::span<const MethodEntry> methods_of(const Value& self) {
  if (self.is_integral()) return int_methods;
  if (self.is_float()) return float_methods;
  if (!self.is_object()) return {};
  switch (self.object()->kind) {
    case ObjectKind::list:
      return list_methods;
    case ObjectKind::tuple:
    case ObjectKind::range:
      return tuple_methods;
    case ObjectKind::dict:
      return dict_methods;
    default:
      return {};
  }
}

}  // namespace

const MethodEntry* find_object_method(const Value& self, std::string_view name) {
  for (const MethodEntry& entry : methods_of(self)) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace assay::jinja
