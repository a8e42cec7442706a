#include <cmath>
#include <functional>

#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/operations.h"

namespace assay::jinja {
namespace {

// -1, 0, 1; 2 when unordered (NaN). Exact where a double cannot hold the integer.
int order_int_real(std::int64_t i, double d) {
  if (std::isnan(d)) return 2;
  if (d >= 0x1p63) return -1;
  if (d < -0x1p63) return 1;
  const double whole = std::trunc(d);
  const auto w = static_cast<std::int64_t>(whole);
  if (i != w) return i < w ? -1 : 1;
  return d > whole ? -1 : d < whole ? 1 : 0;
}

int order_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.integer() < b.integer() ? -1 : a.integer() > b.integer() ? 1 : 0;
  if (a.is_integral()) return order_int_real(a.integer(), b.real());
  if (b.is_integral()) {
    const int turned = order_int_real(b.integer(), a.real());
    return turned == 2 ? 2 : -turned;
  }
  if (std::isnan(a.real()) || std::isnan(b.real())) return 2;
  return a.real() < b.real() ? -1 : a.real() > b.real() ? 1 : 0;
}

const std::vector<Value>& items_of(const Value& value) { return static_cast<Sequence*>(value.object())->items; }

Result<bool> equal_sequences(Heap& heap, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    JINJA_LET(same, equal(heap, a[i], b[i]));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_dicts(Heap& heap, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    JINJA_LET(other, lookup(heap, b, key));
    if (other == nullptr) return false;
    JINJA_LET(same, equal(heap, value, *other));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_objects(Heap& heap, Object* a, Object* b) {
  if (a == b) return true;
  if (a->kind != b->kind) return false;
  switch (a->kind) {
    case ObjectKind::list:
    case ObjectKind::tuple:
      return equal_sequences(heap, static_cast<Sequence*>(a)->items, static_cast<Sequence*>(b)->items);
    case ObjectKind::dict:
      return equal_dicts(heap, *static_cast<Dict*>(a), *static_cast<Dict*>(b));
    case ObjectKind::range: {
      const auto* x = static_cast<Range*>(a);
      const auto* y = static_cast<Range*>(b);
      return x->count == y->count && (x->count == 0 || (x->start == y->start && (x->count == 1 || x->step == y->step)));
    }
    case ObjectKind::dict_view: {
      const auto* x = static_cast<DictView*>(a);
      const auto* y = static_cast<DictView*>(b);
      if (x->part == DictView::Part::values || x->part != y->part) return false;
      if (x->dict->entries.size() != y->dict->entries.size()) return false;
      if (x->part == DictView::Part::items) return equal_dicts(heap, *x->dict, *y->dict);
      for (const auto& [key, value] : x->dict->entries) {
        JINJA_LET(other, lookup(heap, *y->dict, key));
        if (other == nullptr) return false;
      }
      return true;
    }
    default:
      return false;
  }
}

std::string_view symbol(Comparison how) {
  switch (how) {
    case Comparison::less:
      return "<";
    case Comparison::less_equal:
      return "<=";
    case Comparison::greater:
      return ">";
    default:
      return ">=";
  }
}

bool holds(Comparison how, int order) {
  switch (how) {
    case Comparison::less:
      return order == -1;
    case Comparison::less_equal:
      return order == -1 || order == 0;
    case Comparison::greater:
      return order == 1;
    default:
      return order == 1 || order == 0;
  }
}

Result<bool> ordered(Heap& heap, Comparison how, const Value& a, const Value& b) {
  ASSAY_TRY(heap.step());
  if (a.is_number() && b.is_number()) return holds(how, order_numbers(a, b));
  if (a.is_text() && b.is_text()) {  // UTF-8 sorts as its code points do
    const int order = a.bytes().compare(b.bytes());
    return holds(how, order < 0 ? -1 : order > 0 ? 1 : 0);
  }
  if (a.is_undefined()) return undefined_error(a);
  if (b.is_undefined()) return undefined_error(b);
  if (a.is_sequence() && b.is_sequence() && a.object()->kind == b.object()->kind) {
    const Heap::Depth depth(heap);
    if (!depth.fits()) return depth.error();
    const auto& x = items_of(a);
    const auto& y = items_of(b);
    for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
      JINJA_LET(same, equal(heap, x[i], y[i]));
      if (!same) return ordered(heap, how, x[i], y[i]);
    }
    return holds(how, x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0);
  }
  return raise("TypeError", "'" + std::string(symbol(how)) + "' not supported between instances of '" +
                                std::string(type_name(a)) + "' and '" + std::string(type_name(b)) + "'");
}

std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
  return h;
}

}  // namespace

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_missing() || value.is_none()) return false;
  if (value.is_integral()) return value.integer() != 0;
  if (value.is_float()) return value.real() != 0;
  if (value.is_text()) return !value.bytes().empty();
  switch (value.object()->kind) {
    case ObjectKind::list:
    case ObjectKind::tuple:
      return !items_of(value).empty();
    case ObjectKind::dict:
      return !value.as<Dict>()->entries.empty();
    case ObjectKind::dict_view:
      return !value.as<DictView>()->dict->entries.empty();
    case ObjectKind::range:
      return value.as<Range>()->count > 0;
    default:
      return true;
  }
}

bool identical(const Value& a, const Value& b) {
  if (a.is_object() || b.is_object()) return a.is_object() && b.is_object() && a.object() == b.object();
  if (a.is_text()) return b.is_text() && a.bytes() == b.bytes() && a.text()->markup == b.text()->markup;
  if (a.is_bool() || b.is_bool()) return a.is_bool() && b.is_bool() && a.boolean() == b.boolean();
  if (a.is_int()) return b.is_int() && a.integer() == b.integer();
  if (a.is_float()) return b.is_float() && a.real() == b.real();
  if (a.is_none()) return b.is_none();
  return a.is_undefined() && b.is_undefined() && a.why() == b.why();
}

Result<bool> equal(Heap& heap, const Value& a, const Value& b) {
  ASSAY_TRY(heap.step());
  if (a.is_number()) return b.is_number() && order_numbers(a, b) == 0;
  if (a.is_text()) return b.is_text() && a.bytes() == b.bytes();
  if (a.is_none()) return b.is_none();
  if (a.is_undefined()) return b.is_undefined();
  if (!a.is_object() || !b.is_object()) return false;
  const Heap::Depth depth(heap);
  if (!depth.fits()) return depth.error();
  return equal_objects(heap, a.object(), b.object());
}

Result<bool> less(Heap& heap, const Value& a, const Value& b) { return ordered(heap, Comparison::less, a, b); }

Result<bool> compare(Machine& machine, Comparison how, const Value& a, const Value& b) {
  switch (how) {
    case Comparison::equal:
      return equal(machine.heap, a, b);
    case Comparison::unequal: {
      JINJA_LET(same, equal(machine.heap, a, b));
      return !same;
    }
    case Comparison::in:
      return contains(machine, b, a);
    case Comparison::not_in: {
      JINJA_LET(inside, contains(machine, b, a));
      return !inside;
    }
    default:
      return ordered(machine.heap, how, a, b);
  }
}

Result<bool> contains(Machine& machine, const Value& container, const Value& item) {
  if (container.is_text()) {
    if (!item.is_text()) {
      return raise("TypeError", "'in <string>' requires string as left operand, not " + std::string(type_name(item)));
    }
    return container.bytes().find(item.bytes()) != std::string::npos;
  }
  const Dict* dict = container.as<Dict>();
  if (const auto* view = container.as<DictView>(); view != nullptr && view->part == DictView::Part::keys)
    dict = view->dict;
  if (dict != nullptr) {
    JINJA_LET(found, lookup(machine.heap, *dict, item));
    return found != nullptr;
  }
  auto iterator = Iterator::over(container);
  if (!iterator) {
    return raise("TypeError", "argument of type '" + std::string(type_name(container)) + "' is not iterable");
  }
  while (true) {
    JINJA_LET(next, iterator->next(machine));
    if (!next) return false;
    JINJA_LET(same, equal(machine.heap, *next, item));
    if (same) return true;
  }
}

Result<std::uint64_t> hash(Heap& heap, const Value& value) {
  ASSAY_TRY(heap.step());
  if (value.is_integral()) return std::hash<std::int64_t>{}(value.integer());
  if (value.is_float()) {  // equal numbers hash equally, whatever their type
    const double d = value.real();
    if (d == std::trunc(d) && d >= -0x1p63 && d < 0x1p63)
      return std::hash<std::int64_t>{}(static_cast<std::int64_t>(d));
    return std::hash<double>{}(d);
  }
  if (value.is_text()) return std::hash<std::string>{}(value.bytes());
  if (value.is_none()) return 1;
  if (!value.is_object()) return 2;
  if (value.is(ObjectKind::tuple)) {
    const Heap::Depth depth(heap);
    if (!depth.fits()) return depth.error();
    std::uint64_t h = 3;
    for (const Value& item : items_of(value)) {
      JINJA_LET(part, hash(heap, item));
      h = mix(h, part);
    }
    return h;
  }
  if (value.is(ObjectKind::list) || value.is(ObjectKind::dict) || value.is(ObjectKind::dict_view)) {
    return raise("TypeError", "unhashable type: '" + std::string(type_name(value)) + "'");
  }
  if (const auto* range = value.as<Range>()) {
    return mix(mix(4, static_cast<std::uint64_t>(range->count)),
               static_cast<std::uint64_t>(range->count > 0 ? range->start : 0));
  }
  return std::hash<const void*>{}(value.object());
}

std::unexpected<Error> undefined_error(const Value& value) {
  const Why* why = value.is_undefined() ? value.why() : nullptr;
  if (why == nullptr) return raise("UndefinedError", "value is undefined");
  return raise(why->unsafe ? "SecurityError" : "UndefinedError", why->sentence);
}

}  // namespace assay::jinja
