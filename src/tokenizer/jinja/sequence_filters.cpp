#include <algorithm>
#include <array>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/attribute_path.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

std::unexpected<Error> no_attribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) return undefined_error(value);
  return raise("AttributeError",
               "'" + std::string(type_name(value)) + "' object has no attribute '" + std::string(name) + "'");
}

Result<Value> filter_first(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_first", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(iterator, Iterator::over(value));
  JINJA_LET(next, iterator.next(machine));
  return next ? *next : machine.heap.undefined("No first item, sequence was empty.");
}

Result<Value> filter_last(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_last", {}, 0, arguments));
  static_cast<void>(none);
  if (value.is_sequence() && truth(value)) return static_cast<Sequence*>(value.object())->items.back();
  JINJA_LET(turned, reversed(machine, value));
  if (!turned) return raise("TypeError", "'" + std::string(type_name(value)) + "' object is not reversible");
  JINJA_LET(next, next_of(machine, *turned->as<Generator>()));
  return next ? *next : machine.heap.undefined("No last item, sequence was empty.");
}

Result<Value> filter_list(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_list", {}, 0, arguments));
  static_cast<void>(none);
  JINJA_LET(items, collect(machine, value));
  return machine.heap.list(std::move(items));
}

Result<Value> filter_join(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_join", {"d", "attribute"}, 0, arguments));
  std::string joint;
  if (a[0] != nullptr) {
    JINJA_LET(text, to_string(machine, *a[0]));
    joint = std::move(text);
  }
  const bool mapped = a[1] != nullptr && !a[1]->is_none();
  JINJA_LET(path, AttributePath::of(machine, mapped ? a[1] : nullptr));
  if (!is_iterable(value)) {
    return mapped ? raise("TypeError", "'" + std::string(type_name(value)) + "' object is not iterable")
                  : raise("TypeError", "can only join an iterable");
  }
  JINJA_LET(iterator, Iterator::over(value));
  std::string out;
  bool first = true;
  while (true) {
    JINJA_LET(next, iterator.next(machine));
    if (!next) break;
    JINJA_LET(item, path.get(machine, *next));
    if (!first) out += joint;
    first = false;
    if (item.is_text()) {
      out += item.bytes();
    } else {
      JINJA_LET(text, to_string(machine, item));
      out += text;
    }
    ASSAY_TRY(machine.heap.room(out.size()));
  }
  return machine.heap.text(std::move(out));
}

Result<Value> filter_reverse(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_reverse", {}, 0, arguments));
  static_cast<void>(none);
  if (value.is_text()) return get_slice(machine, value, None{}, None{}, Value(std::int64_t{-1}));
  JINJA_LET(turned, reversed(machine, value));
  if (turned) return std::move(*turned);
  if (!is_iterable(value)) return raise("FilterArgumentError", "argument must be iterable");
  JINJA_LET(items, collect(machine, value));
  std::reverse(items.begin(), items.end());
  return machine.heap.list(std::move(items));
}

Result<Value> filter_items(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(none, bind("do_items", {}, 0, arguments));
  static_cast<void>(none);
  Value source = value;
  if (const auto* dict = value.as<Dict>()) source = machine.heap.make<DictView>(dict, DictView::Part::items);
  auto next = [&machine, source, iterator = std::optional<Iterator>()]() mutable -> Result<std::optional<Value>> {
    if (source.is_undefined()) return std::nullopt;
    if (!source.is(ObjectKind::dict_view)) return raise("TypeError", "Can only get item pairs from a mapping.");
    if (!iterator) iterator = *Iterator::over(source);
    return iterator->next(machine);
  };
  return machine.heap.make<Generator>(std::move(next), "generator");
}

// The value of a dict view is a dict_items too, but only a dict has .items().
Result<Value> filter_dictsort(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_dictsort", {"case_sensitive", "by", "reverse"}, 0, arguments));
  JINJA_LET(by, text_argument("do_dictsort", a[1], "key"));
  if (by != "key" && by != "value") {
    return raise("FilterArgumentError", "You can only sort by either \"key\" or \"value\"");
  }
  const auto* dict = value.as<Dict>();
  if (dict == nullptr) return no_attribute(value, "items");
  std::vector<Keyed> keyed;
  for (const auto& [key, item] : dict->entries) {
    const Value& chosen = by == "key" ? key : item;
    keyed.push_back(
        {flag_argument(a[0], false) ? chosen : without_case(machine, chosen), machine.heap.tuple({key, item})});
  }
  return sorted(machine, std::move(keyed), flag_argument(a[2], false));
}

Result<Value> filter_sort(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_sort", {"reverse", "case_sensitive", "attribute"}, 0, arguments));
  const bool fold = !flag_argument(a[1], false);
  // "a,b" sorts by several attributes at once
  std::vector<AttributePath> paths;
  if (a[2] != nullptr && a[2]->is_text()) {
    std::string_view rest = a[2]->bytes();
    while (true) {
      const auto comma = rest.find(',');
      const Value part = machine.heap.text(std::string(rest.substr(0, comma)));
      JINJA_LET(path, AttributePath::of(machine, &part));
      paths.push_back(std::move(path));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  } else {
    JINJA_LET(path, AttributePath::of(machine, a[2]));
    paths.push_back(std::move(path));
  }
  JINJA_LET(items, collect(machine, value));
  std::vector<Keyed> keyed;
  for (Value& item : items) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      JINJA_LET(key, path.get(machine, item));
      keys.push_back(fold ? without_case(machine, key) : key);
    }
    keyed.push_back({machine.heap.list(std::move(keys)), std::move(item)});
  }
  return sorted(machine, std::move(keyed), flag_argument(a[0], false));
}

Result<Value> filter_unique(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_unique", {"case_sensitive", "attribute"}, 0, arguments));
  JINJA_LET(path, AttributePath::of(machine, a[1]));
  const bool fold = !flag_argument(a[0], false);
  auto* seen = machine.heap.make<Dict>();
  auto next = [&machine, value, path, fold, seen,
               iterator = std::optional<Iterator>()]() mutable -> Result<std::optional<Value>> {
    if (!iterator) {
      JINJA_LET(made, Iterator::over(value));
      iterator = made;
    }
    while (true) {
      JINJA_LET(item, iterator->next(machine));
      if (!item) return std::nullopt;
      JINJA_LET(raw, path.get(machine, *item));
      const Value key = fold ? without_case(machine, raw) : raw;
      JINJA_LET(known, lookup(machine.heap, *seen, key));
      if (known != nullptr) continue;
      ASSAY_TRY(assign(machine.heap, *seen, key, None{}));
      return item;
    }
  };
  return machine.heap.make<Generator>(std::move(next), "generator");
}

template <bool largest>
Result<Value> extreme(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_min", {"case_sensitive", "attribute"}, 0, arguments));
  JINJA_LET(iterator, Iterator::over(value));
  JINJA_LET(path, AttributePath::of(machine, a[1]));
  const bool fold = !flag_argument(a[0], false);
  std::optional<Keyed> best;
  while (true) {
    JINJA_LET(item, iterator.next(machine));
    if (!item) break;
    JINJA_LET(raw, path.get(machine, *item));
    Keyed keyed{fold ? without_case(machine, raw) : raw, *item};
    if (!best) {
      best = std::move(keyed);
      continue;
    }
    JINJA_LET(better, compare(machine, largest ? Comparison::greater : Comparison::less, keyed.key, best->key));
    if (better) best = std::move(keyed);
  }
  return best ? best->item : machine.heap.undefined("No aggregated item, sequence was empty.");
}

Result<Value> filter_sum(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_sum", {"attribute", "start"}, 0, arguments));
  JINJA_LET(path, AttributePath::of(machine, a[0]));
  Value total = a[1] != nullptr ? *a[1] : Value(std::int64_t{0});
  JINJA_LET(iterator, Iterator::over(value));
  if (total.is_text()) return raise("TypeError", "sum() can't sum strings [use ''.join(seq) instead]");
  while (true) {
    JINJA_LET(item, iterator.next(machine));
    if (!item) return total;
    JINJA_LET(part, path.get(machine, *item));
    JINJA_LET(next, add(machine, total, part));
    total = std::move(next);
  }
}

Result<Value> filter_groupby(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_groupby", {"attribute", "default", "case_sensitive"}, 1, arguments));
  JINJA_LET(path, AttributePath::of(machine, a[0], a[1]));
  const bool fold = !flag_argument(a[2], false);
  JINJA_LET(items, collect(machine, value));
  std::vector<Keyed> keyed;
  for (Value& item : items) {
    JINJA_LET(key, path.get(machine, item));
    keyed.push_back({fold ? without_case(machine, key) : key, std::move(item)});
  }
  ASSAY_TRY(sort_keyed(machine, keyed));
  auto* groups = machine.heap.list();
  for (std::size_t i = 0; i < keyed.size();) {
    std::vector<Value> members;
    const std::size_t first = i;
    for (; i < keyed.size(); ++i) {
      JINJA_LET(same, equal(machine.heap, keyed[i].key, keyed[first].key));
      if (!same) break;
      members.push_back(keyed[i].item);
    }
    JINJA_LET(shown, path.get(machine, members[0]));
    auto* group = machine.heap.tuple({fold ? shown : keyed[first].key, machine.heap.list(std::move(members))});
    group->group = true;
    groups->items.push_back(group);
  }
  machine.heap.grown(groups->items.size() * sizeof(Value));
  return groups;
}

Result<Value> filter_batch(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_batch", {"linecount", "fill_with"}, 1, arguments));
  const Value size_value = *a[0];
  const Value fill = a[1] != nullptr ? *a[1] : Value(None{});
  auto next = [&machine, value, size_value, fill, ended = false, held = std::optional<Value>(),
               iterator = std::optional<Iterator>()]() mutable -> Result<std::optional<Value>> {
    if (!iterator) {
      JINJA_LET(made, Iterator::over(value));
      iterator = made;
    }
    if (ended) return std::nullopt;
    // a count that is never met collects everything, as it does in Python
    const std::int64_t size = size_value.is_integral() ? size_value.integer() : -1;
    std::vector<Value> items;
    if (held) items.push_back(std::move(*held));
    held.reset();
    while (true) {
      JINJA_LET(item, iterator->next(machine));
      if (!item) break;
      if (static_cast<std::int64_t>(items.size()) == size) {
        held = std::move(item);
        return Value(machine.heap.list(std::move(items)));
      }
      items.push_back(std::move(*item));
    }
    ended = true;
    if (items.empty()) return std::nullopt;
    if (!fill.is_none() && static_cast<std::int64_t>(items.size()) < size) {
      ASSAY_TRY(machine.heap.room(static_cast<std::uint64_t>(size) * sizeof(Value)));
      items.resize(static_cast<std::size_t>(size), fill);
    }
    return Value(machine.heap.list(std::move(items)));
  };
  return machine.heap.make<Generator>(std::move(next), "generator");
}

Result<Value> filter_slice(Machine& machine, const Value& value, const Arguments& arguments) {
  JINJA_LET(a, bind("do_slice", {"slices", "fill_with"}, 1, arguments));
  const Value count_value = *a[0];
  const Value fill = a[1] != nullptr ? *a[1] : Value(None{});
  auto next = [&machine, value, count_value, fill, slice = std::int64_t{0}, offset = std::int64_t{0},
               items = std::optional<std::vector<Value>>()]() mutable -> Result<std::optional<Value>> {
    if (!items) {
      JINJA_LET(collected, collect(machine, value));
      items = std::move(collected);
      if (!count_value.is_integral()) {
        return raise("TypeError",
                     "slice(): the number of slices is an integer, met " + std::string(type_name(count_value)));
      }
    }
    const std::int64_t slices = count_value.integer();
    if (slices == 0) return raise("ZeroDivisionError", "integer division or modulo by zero");
    if (slice >= slices) return std::nullopt;
    const auto total = static_cast<std::int64_t>(items->size());
    const std::int64_t each = total / slices;
    const std::int64_t longer = total % slices;
    const std::int64_t start = offset + slice * each;
    if (slice < longer) ++offset;
    const std::int64_t end = offset + (slice + 1) * each;
    std::vector<Value> part(items->begin() + start, items->begin() + end);
    if (!fill.is_none() && slice >= longer) part.push_back(fill);
    ++slice;
    return Value(machine.heap.list(std::move(part)));
  };
  return machine.heap.make<Generator>(std::move(next), "generator");
}

constexpr std::array<FilterEntry, 20> entries = {{
    {"batch", filter_batch},
    {"dictsort", filter_dictsort},
    {"first", filter_first},
    {"groupby", filter_groupby},
    {"items", filter_items},
    {"join", filter_join},
    {"last", filter_last},
    {"list", filter_list},
    {"map", filter_map},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", filter_reject},
    {"rejectattr", filter_rejectattr},
    {"reverse", filter_reverse},
    {"select", filter_select},
    {"selectattr", filter_selectattr},
    {"slice", filter_slice},
    {"sort", filter_sort},
    {"sum", filter_sum},
    {"unique", filter_unique},
}};

}  // namespace

std::span<const FilterEntry> sequence_filters() { return entries; }

}  // namespace assay::jinja
