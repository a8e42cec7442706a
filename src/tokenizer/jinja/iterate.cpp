#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {

bool is_iterable(const Value& value) {
  if (value.is_undefined() || value.is_text()) return true;
  if (!value.is_object()) return false;
  switch (value.object()->kind) {
    case ObjectKind::list:
    case ObjectKind::tuple:
    case ObjectKind::dict:
    case ObjectKind::dict_view:
    case ObjectKind::range:
    case ObjectKind::generator:
    case ObjectKind::loop:
      return true;
    default:
      return false;
  }
}

Result<Iterator> Iterator::over(const Value& value) {
  if (!is_iterable(value)) return raise("TypeError", "'" + std::string(type_name(value)) + "' object is not iterable");
  return Iterator(value);
}

Value view_item(Heap& heap, const DictView& view, std::size_t index) {
  const auto& [key, value] = view.dict->entries[index];
  switch (view.part) {
    case DictView::Part::keys:
      return key;
    case DictView::Part::values:
      return value;
    case DictView::Part::items:
      break;
  }
  return heap.tuple({key, value});
}

Result<std::optional<Value>> next_of(Machine& machine, Generator& generator) {
  if (generator.done) return std::nullopt;
  if (generator.running) return raise("ValueError", "generator already executing");
  const Heap::Depth depth(machine.heap);
  if (!depth.fits()) return depth.error();
  generator.running = true;
  auto next = generator.next();
  generator.running = false;
  if (!next || !*next) generator.done = true;
  return next;
}

Result<std::optional<Value>> Iterator::next(Machine& machine) {
  ASSAY_TRY(machine.heap.step());
  if (value_.is_undefined()) return std::nullopt;
  if (value_.is_text()) {
    const std::string& bytes = value_.bytes();
    if (at_ >= bytes.size()) return std::nullopt;
    const std::size_t begin = at_;
    next_point(bytes, at_);
    return machine.heap.text(bytes.substr(begin, at_ - begin));
  }
  switch (value_.object()->kind) {
    case ObjectKind::list:
    case ObjectKind::tuple: {
      const auto& items = static_cast<Sequence*>(value_.object())->items;
      if (at_ >= items.size()) return std::nullopt;
      return items[at_++];
    }
    case ObjectKind::dict: {
      const auto& entries = static_cast<Dict*>(value_.object())->entries;
      if (at_ >= entries.size()) return std::nullopt;
      return entries[at_++].first;
    }
    case ObjectKind::dict_view: {
      const auto* view = static_cast<DictView*>(value_.object());
      if (at_ >= view->dict->entries.size()) return std::nullopt;
      return view_item(machine.heap, *view, at_++);
    }
    case ObjectKind::range: {
      const auto* range = static_cast<Range*>(value_.object());
      if (static_cast<std::int64_t>(at_) >= range->count) return std::nullopt;
      return Value(range->at(static_cast<std::int64_t>(at_++)));
    }
    case ObjectKind::generator:
      return next_of(machine, *static_cast<Generator*>(value_.object()));
    case ObjectKind::loop: {
      JINJA_LET(item, machine.advance(*static_cast<Loop*>(value_.object())));
      if (!item) return std::nullopt;
      return machine.heap.tuple({*item, value_});
    }
    default:
      return std::nullopt;
  }
}

Result<std::vector<Value>> collect(Machine& machine, const Value& iterable) {
  JINJA_LET(iterator, Iterator::over(iterable));
  std::vector<Value> items;
  while (true) {
    JINJA_LET(next, iterator.next(machine));
    if (!next) return items;
    items.push_back(std::move(*next));
    if (items.size() % 1024 == 0) ASSAY_TRY(machine.heap.room(items.size() * sizeof(Value)));
  }
}

std::optional<std::int64_t> length(Machine& machine, const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_text()) return static_cast<std::int64_t>(value.text()->points);
  if (!value.is_object()) return std::nullopt;
  switch (value.object()->kind) {
    case ObjectKind::list:
    case ObjectKind::tuple:
      return static_cast<std::int64_t>(static_cast<Sequence*>(value.object())->items.size());
    case ObjectKind::dict:
      return static_cast<std::int64_t>(value.as<Dict>()->entries.size());
    case ObjectKind::dict_view:
      return static_cast<std::int64_t>(value.as<DictView>()->dict->entries.size());
    case ObjectKind::range:
      return value.as<Range>()->count;
    case ObjectKind::loop: {
      auto n = machine.loop_length(*static_cast<Loop*>(value.object()));
      return n ? std::optional(*n) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

Result<std::int64_t> length_or_error(Machine& machine, const Value& value) {
  if (value.is(ObjectKind::loop)) return machine.loop_length(*static_cast<Loop*>(value.object()));
  if (const auto n = length(machine, value)) return *n;
  return raise("TypeError", "object of type '" + std::string(type_name(value)) + "' has no len()");
}

Result<std::optional<Value>> reversed(Machine& machine, const Value& value) {
  std::string_view name;
  if (value.is_undefined() || value.is_text()) {
    name = "reversed";
  } else if (!value.is_object()) {
    return std::nullopt;
  } else {
    switch (value.object()->kind) {
      case ObjectKind::list:
        name = "list_reverseiterator";
        break;
      case ObjectKind::tuple:
        name = "reversed";
        break;
      case ObjectKind::dict:
        name = "dict_reversekeyiterator";
        break;
      case ObjectKind::dict_view:
        name = "dict_reverseitemiterator";
        break;
      case ObjectKind::range:
        name = "range_iterator";
        break;
      default:
        return std::nullopt;
    }
  }
  if (const auto* range = value.as<Range>()) {
    const std::int64_t last = range->count > 0 ? range->at(range->count - 1) : range->start;
    auto* turned = machine.heap.make<Range>(last, range->start, -range->step, range->count);
    auto iterator = *Iterator::over(turned);
    return Value(machine.heap.make<Generator>([iterator, &machine]() mutable { return iterator.next(machine); }, name));
  }
  JINJA_LET(items, collect(machine, value));
  auto* list = machine.heap.list(std::vector<Value>(items.rbegin(), items.rend()));
  auto iterator = *Iterator::over(list);
  return Value(machine.heap.make<Generator>([iterator, &machine]() mutable { return iterator.next(machine); }, name));
}

Result<const Value*> lookup(Heap& heap, const Dict& dict, const Value& key) {
  JINJA_LET(wanted, hash(heap, key));
  if (dict.index.empty()) {
    for (const auto& [other, value] : dict.entries) {
      JINJA_LET(same, equal(heap, other, key));
      if (same) return &value;
    }
    return nullptr;
  }
  const auto [begin, end] = dict.index.equal_range(wanted);
  for (auto it = begin; it != end; ++it) {
    const auto& [other, value] = dict.entries[it->second];
    JINJA_LET(same, equal(heap, other, key));
    if (same) return &value;
  }
  return nullptr;
}

const Value* lookup(const Dict& dict, std::string_view key) {
  if (dict.index.empty()) {
    for (const auto& [other, value] : dict.entries) {
      if (other.is_text() && other.bytes() == key) return &value;
    }
    return nullptr;
  }
  const auto [begin, end] = dict.index.equal_range(std::hash<std::string_view>{}(key));
  for (auto it = begin; it != end; ++it) {
    const auto& [other, value] = dict.entries[it->second];
    if (other.is_text() && other.bytes() == key) return &value;
  }
  return nullptr;
}

Result<void> assign(Heap& heap, Dict& dict, Value key, Value value) {
  JINJA_LET(found, lookup(heap, dict, key));
  if (found != nullptr) {
    *const_cast<Value*>(found) = std::move(value);  // NOLINT: the dict itself is ours to change
    return {};
  }
  dict.entries.emplace_back(std::move(key), std::move(value));
  heap.grown(2 * sizeof(Value));
  constexpr std::size_t index_from = 9;  // a scan of fewer entries is as fast
  if (dict.entries.size() < index_from) return {};
  for (std::size_t i = dict.index.size(); i < dict.entries.size(); ++i) {
    JINJA_LET(h, hash(heap, dict.entries[i].first));
    dict.index.emplace(h, static_cast<std::uint32_t>(i));
    heap.grown(48);
  }
  return {};
}

}  // namespace assay::jinja
