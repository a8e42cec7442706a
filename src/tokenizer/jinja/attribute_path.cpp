#include "tokenizer/jinja/attribute_path.h"

#include <algorithm>

#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/predicates.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {

Result<AttributePath> AttributePath::of(Machine& machine, const Value* attribute, const Value* otherwise) {
  AttributePath path;
  if (otherwise != nullptr && !otherwise->is_none()) path.otherwise_ = *otherwise;
  if (attribute == nullptr || attribute->is_none()) return path;
  if (!attribute->is_text()) {
    path.parts_.push_back(*attribute);
    return path;
  }
  std::string_view rest = attribute->bytes();
  while (true) {
    const auto dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits) {
      JINJA_LET(index, parse_int(part, 10));
      path.parts_.emplace_back(index.value_or(0));
    } else {
      path.parts_.push_back(machine.heap.text(std::string(part)));
    }
    if (dot == std::string_view::npos) return path;
    rest.remove_prefix(dot + 1);
  }
}

Result<Value> AttributePath::get(Machine& machine, const Value& item) const {
  Value at = item;
  for (const Value& part : parts_) {
    JINJA_LET(next, get_item(machine, at, part));
    if (next.is_undefined() && otherwise_) {
      at = *otherwise_;
    } else {
      at = std::move(next);
    }
  }
  return at;
}

Value without_case(Machine& machine, const Value& value) {
  if (!value.is_text()) return value;
  return machine.heap.text(lower(value.bytes()), value.text()->markup);
}

// Merge sort of our own: the comparison may fail, and may be no order at all (NaN), which std::sort does not forgive.
Result<void> sort_keyed(Machine& machine, std::vector<Keyed>& items) {
  std::vector<Keyed> other(items.size());
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    for (std::size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, items.size());
      const std::size_t end = std::min(begin + 2 * width, items.size());
      std::size_t left = begin;
      std::size_t right = middle;
      for (std::size_t out = begin; out < end; ++out) {
        bool take_right = left >= middle;
        if (!take_right && right < end) {
          JINJA_LET(smaller, less(machine.heap, items[right].key, items[left].key));
          take_right = smaller;
        }
        other[out] = std::move(take_right ? items[right++] : items[left++]);
      }
    }
    std::swap(items, other);
  }
  return {};
}

Result<Value> sorted(Machine& machine, std::vector<Keyed> items, bool descending) {
  if (descending) std::reverse(items.begin(), items.end());  // so that equal items keep their order in the end
  ASSAY_TRY(sort_keyed(machine, items));
  if (descending) std::reverse(items.begin(), items.end());
  std::vector<Value> out;
  out.reserve(items.size());
  for (Keyed& keyed : items) out.push_back(std::move(keyed.item));
  return machine.heap.list(std::move(out));
}

namespace {

Arguments rest_of(const Arguments& arguments, std::size_t skip) {
  Arguments rest;
  rest.named = arguments.named;
  if (arguments.positional.size() > skip) {
    rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(skip),
                           arguments.positional.end());
  }
  return rest;
}

Result<std::string> shown_name(Machine& machine, const Value& name) {
  if (name.is_undefined()) return std::string("Undefined");
  return repr(machine, name);
}

// What map does with one item.
struct Mapping {
  AttributePath path;
  const FilterEntry* filter = nullptr;
  Arguments arguments;
};
Result<Mapping> mapping_of(Machine& machine, const Arguments& arguments) {
  Mapping mapping;
  const Value* attribute = nullptr;
  for (const auto& [name, value] : arguments.named) {
    if (name == "attribute") attribute = &value;
  }
  if (arguments.positional.empty() && attribute != nullptr) {
    const Value* otherwise = nullptr;
    for (const auto& [name, value] : arguments.named) {
      if (name == "default") {
        otherwise = &value;
      } else if (name != "attribute") {
        return raise("FilterArgumentError", "Unexpected keyword argument " + repr_text(name));
      }
    }
    JINJA_LET(path, AttributePath::of(machine, attribute, otherwise));
    mapping.path = std::move(path);
    return mapping;
  }
  if (arguments.positional.empty()) return raise("FilterArgumentError", "map requires a filter argument");
  const Value& name = arguments.positional[0];
  mapping.filter = name.is_text() ? find_filter(name.bytes()) : nullptr;
  mapping.arguments = rest_of(arguments, 1);
  return mapping;
}

enum class Keep : bool { where_true, where_false };

// The lazy filters share this: the work is prepared when the first item is asked for, and not at all for an empty operand.
Result<Value> select_items(Machine& machine, const Value& value, const Arguments& arguments, Keep keep,
                           bool by_attribute) {
  struct State {
    std::optional<Iterator> iterator;
    AttributePath path;
    const TestEntry* test = nullptr;
    bool tested = false;
    Arguments rest;
  };
  auto next = [&machine, value, arguments, keep, by_attribute,
               state = State()]() mutable -> Result<std::optional<Value>> {
    const std::size_t skip = by_attribute ? 1 : 0;
    if (!state.iterator) {
      if (!truth(value)) return std::nullopt;
      if (by_attribute) {
        if (arguments.positional.empty()) return raise("FilterArgumentError", "Missing parameter for attribute name");
        JINJA_LET(path, AttributePath::of(machine, arguments.positional.data()));
        state.path = std::move(path);
      }
      state.tested = arguments.positional.size() > skip;
      if (state.tested) {
        const Value& name = arguments.positional[skip];
        state.test = name.is_text() ? find_test(name.bytes()) : nullptr;
        state.rest = rest_of(arguments, skip + 1);
      }
      JINJA_LET(iterator, Iterator::over(value));
      state.iterator = iterator;
    }
    while (true) {
      JINJA_LET(item, state.iterator->next(machine));
      if (!item) return std::nullopt;
      JINJA_LET(subject, state.path.get(machine, *item));
      bool holds = false;
      if (!state.tested) {
        holds = truth(subject);
      } else if (state.test == nullptr) {
        JINJA_LET(name, shown_name(machine, arguments.positional[skip]));
        return raise("TemplateRuntimeError", "No test named " + name + ".");
      } else {
        JINJA_LET(answer, state.test->holds(machine, subject, state.rest));
        holds = answer;
      }
      if (holds == (keep == Keep::where_true)) return item;
    }
  };
  return machine.heap.make<Generator>(std::move(next), "generator");
}

}  // namespace

Result<Value> filter_map(Machine& machine, const Value& value, const Arguments& arguments) {
  auto next = [&machine, value, arguments, iterator = std::optional<Iterator>(),
               mapping = Mapping()]() mutable -> Result<std::optional<Value>> {
    if (!iterator) {
      if (!truth(value)) return std::nullopt;
      JINJA_LET(prepared, mapping_of(machine, arguments));
      mapping = std::move(prepared);
      JINJA_LET(made, Iterator::over(value));
      iterator = made;
    }
    JINJA_LET(item, iterator->next(machine));
    if (!item) return std::nullopt;
    if (arguments.positional.empty()) {
      JINJA_LET(got, mapping.path.get(machine, *item));
      return std::optional(std::move(got));
    }
    if (mapping.filter == nullptr) {
      JINJA_LET(name, shown_name(machine, arguments.positional[0]));
      return raise("TemplateRuntimeError", "No filter named " + name + ".");
    }
    JINJA_LET(mapped, mapping.filter->apply(machine, *item, mapping.arguments));
    return std::optional(std::move(mapped));
  };
  return machine.heap.make<Generator>(std::move(next), "generator");
}

Result<Value> filter_select(Machine& machine, const Value& value, const Arguments& arguments) {
  return select_items(machine, value, arguments, Keep::where_true, false);
}
Result<Value> filter_reject(Machine& machine, const Value& value, const Arguments& arguments) {
  return select_items(machine, value, arguments, Keep::where_false, false);
}
Result<Value> filter_selectattr(Machine& machine, const Value& value, const Arguments& arguments) {
  return select_items(machine, value, arguments, Keep::where_true, true);
}
Result<Value> filter_rejectattr(Machine& machine, const Value& value, const Arguments& arguments) {
  return select_items(machine, value, arguments, Keep::where_false, true);
}

}  // namespace assay::jinja
