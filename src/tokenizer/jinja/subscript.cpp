#include <algorithm>
#include <array>

#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

// Names that every Python object answers to; the sandbox hides them all.
bool is_dunder(std::string_view name) {
  static constexpr std::array<std::string_view, 24> names = {
      "class", "delattr", "dir",       "doc",           "eq",      "format", "ge",     "getattribute",
      "gt",    "hash",    "init",      "init_subclass", "le",      "lt",     "module", "ne",
      "new",   "reduce",  "reduce_ex", "repr",          "setattr", "sizeof", "str",    "subclasshook"};
  if (name.size() < 5 || !name.starts_with("__") || !name.ends_with("__")) return false;
  return std::find(names.begin(), names.end(), name.substr(2, name.size() - 4)) != names.end();
}

// The sandbox lets nothing change a list or dict.
bool changes(const Value& object, std::string_view name) {
  static constexpr std::array<std::string_view, 8> of_list = {"append", "clear", "pop",    "reverse",
                                                              "insert", "sort",  "extend", "remove"};
  static constexpr std::array<std::string_view, 5> of_dict = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.is(ObjectKind::list)) return std::find(of_list.begin(), of_list.end(), name) != of_list.end();
  if (object.is(ObjectKind::dict)) return std::find(of_dict.begin(), of_dict.end(), name) != of_dict.end();
  return false;
}

Value unsafe(Machine& machine, const Value& object, std::string_view name) {
  return machine.heap.undefined(
      "access to attribute '" + std::string(name) + "' of '" + std::string(type_name(object)) + "' object is unsafe.",
      true);
}

Result<Value> nothing_there(Machine& machine, const Value& object, const Value& name) {
  const std::string type = object.is_none() ? "None" : std::string(type_name(object)) + " object";
  if (name.is_text()) return machine.heap.undefined("'" + type + "' has no attribute " + repr_text(name.bytes()));
  JINJA_LET(shown, repr(machine, name));
  return machine.heap.undefined(type + " has no element " + shown);
}

Result<Value> loop_cycle(Machine&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) return raise("TypeError", "no items for cycling given");
  if (!arguments.named.empty()) return raise("TypeError", "cycle() takes no keyword arguments");
  const auto index = static_cast<std::size_t>(self.as<Loop>()->index0);
  return arguments.positional[index % arguments.positional.size()];
}

Result<Value> loop_changed(Machine& machine, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) return raise("TypeError", "changed() takes no keyword arguments");
  auto* loop = self.as<Loop>();
  auto* now = machine.heap.tuple(arguments.positional);
  if (loop->changed) {
    JINJA_LET(same, equal(machine.heap, *loop->changed, now));
    if (same) return Value(false);
  }
  loop->changed.emplace(now);
  return Value(true);
}

Result<std::optional<Value>> loop_attribute(Machine& machine, const Value& object, std::string_view name) {
  Loop& loop = *object.as<Loop>();
  if (name == "index") return Value(loop.index0 + 1);
  if (name == "index0") return Value(loop.index0);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "depth") return Value(loop.depth0 + 1);
  if (name == "depth0") return Value(loop.depth0);
  if (name == "length" || name == "revindex" || name == "revindex0") {
    JINJA_LET(count, machine.loop_length(loop));
    return Value(name == "length" ? count : name == "revindex" ? count - loop.index0 : count - loop.index0 - 1);
  }
  if (name == "last" || name == "nextitem") {
    JINJA_LET(next, machine.peek(loop));
    if (name == "last") return Value(!next.has_value());
    return next ? *next : machine.heap.undefined("there is no next item");
  }
  if (name == "previtem") {
    return loop.index0 == 0 ? machine.heap.undefined("there is no previous item") : loop.before;
  }
  if (name == "cycle") return Value(machine.heap.make<Method>(object, "cycle", loop_cycle));
  if (name == "changed") return Value(machine.heap.make<Method>(object, "changed", loop_changed));
  return std::nullopt;
}

std::optional<Value> macro_attribute(Machine& machine, const Macro& macro, std::string_view name) {
  const MacroCode& code = *macro.code;
  if (name == "name") return code.name.empty() ? Value(None{}) : machine.heap.text(code.name);
  if (name == "catch_kwargs") return Value(code.wants_named);
  if (name == "catch_varargs") return Value(code.wants_rest);
  if (name == "caller") return Value(code.wants_caller);
  if (name == "arguments") {
    std::vector<Value> names;
    names.reserve(code.parameters.size());
    for (const auto& parameter : code.parameters) names.push_back(machine.heap.text(parameter));
    return machine.heap.tuple(std::move(names));
  }
  return std::nullopt;
}

Result<Value> cycler_next(Machine&, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() || !arguments.named.empty()) return raise("TypeError", "next() takes no arguments");
  auto* cycler = self.as<Cycler>();
  const std::size_t shown = cycler->position;
  cycler->position = (shown + 1) % cycler->items.size();
  return cycler->items[shown];
}

Result<Value> cycler_reset(Machine&, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() || !arguments.named.empty())
    return raise("TypeError", "reset() takes no arguments");
  self.as<Cycler>()->position = 0;
  return None{};
}

std::optional<Value> number_attribute(const Value& number, std::string_view name) {
  if (name == "real") return number.is_float() ? number : Value(number.integer());
  if (name == "imag") return number.is_float() ? Value(0.0) : Value(std::int64_t{0});
  if (number.is_float()) return std::nullopt;
  if (name == "numerator") return Value(number.integer());
  if (name == "denominator") return Value(std::int64_t{1});
  return std::nullopt;
}

std::optional<Value> object_attribute(Machine& machine, const Value& object, std::string_view name) {
  if (const auto* group = object.is(ObjectKind::tuple) ? static_cast<Sequence*>(object.object()) : nullptr;
      group != nullptr && group->group) {
    if (name == "grouper") return group->items[0];
    if (name == "list") return group->items[1];
  }
  if (const auto* range = object.as<Range>()) {
    if (name == "start") return Value(range->start);
    if (name == "stop") return Value(range->stop);
    if (name == "step") return Value(range->step);
  }
  if (const auto* cycler = object.as<Cycler>()) {
    if (name == "current") return cycler->items[cycler->position];
    if (name == "pos") return Value(static_cast<std::int64_t>(cycler->position));
    if (name == "items") return machine.heap.tuple(cycler->items);
    if (name == "next") return Value(machine.heap.make<Method>(object, "next", cycler_next));
    if (name == "reset") return Value(machine.heap.make<Method>(object, "reset", cycler_reset));
  }
  if (const auto* joiner = object.as<Joiner>()) {
    if (name == "sep") return joiner->separator;
    if (name == "used") return Value(joiner->used);
  }
  if (const auto* macro = object.as<Macro>()) return macro_attribute(machine, *macro, name);
  if (const auto* method = find_object_method(object, name)) {
    return Value(machine.heap.make<Method>(object, method->name, method->call));
  }
  return std::nullopt;
}

// Where `start:stop:step` begins and how many items it takes from `count`.
struct Slice {
  std::int64_t start = 0, end = 0, step = 1, count = 0;
};
Result<Slice> slice_of(std::int64_t count, const Value& start, const Value& stop, const Value& step) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (!bound->is_none() && !bound->is_integral()) {
      return raise("TypeError", "slice indices must be integers or None or have an __index__ method");
    }
  }
  Slice out;
  out.step = step.is_none() ? 1 : step.integer();
  if (out.step == 0) return raise("ValueError", "slice step cannot be zero");
  const bool back = out.step < 0;
  const auto clamp = [count, back](std::int64_t at) {
    if (at < 0) at = at < -count ? -1 : at + count;
    if (at < 0) return back ? std::int64_t{-1} : std::int64_t{0};
    return std::min(at, back ? count - 1 : count);
  };
  out.start = start.is_none() ? (back ? count - 1 : 0) : clamp(start.integer());
  const std::int64_t end = stop.is_none() ? (back ? -1 : count) : clamp(stop.integer());
  out.end = end;
  const std::int64_t distance = back ? out.start - end : end - out.start;
  if (distance > 0) {
    // the step's size without overflow for the smallest integer
    const std::uint64_t size = back ? ~static_cast<std::uint64_t>(out.step) + 1 : static_cast<std::uint64_t>(out.step);
    out.count = static_cast<std::int64_t>((static_cast<std::uint64_t>(distance) - 1) / size) + 1;
  }
  return out;
}

std::string slice_text(const Text& text, const Slice& slice) {
  if (slice.count == 0) return {};
  if (slice.step == 1) {
    const auto from = static_cast<std::size_t>(slice.start);
    const auto n = static_cast<std::size_t>(slice.count);
    if (text.ascii()) return text.bytes.substr(from, n);
    const std::size_t begin = byte_offset(text.bytes, from);
    const std::string_view rest = std::string_view(text.bytes).substr(begin);
    return std::string(rest.substr(0, byte_offset(rest, n)));
  }
  std::string out;
  if (text.ascii()) {
    for (std::int64_t i = 0; i < slice.count; ++i)
      out += text.bytes[static_cast<std::size_t>(slice.start + i * slice.step)];
    return out;
  }
  const std::vector<Point> points = points_of(text.bytes);
  for (std::int64_t i = 0; i < slice.count; ++i) {
    append_point(out, points[static_cast<std::size_t>(slice.start + i * slice.step)]);
  }
  return out;
}

// object[index] of Python; nothing where it raises TypeError or LookupError.
Result<std::optional<Value>> plain_item(Machine& machine, const Value& object, const Value& index) {
  if (object.is_undefined()) return undefined_error(object);
  if (const auto* dict = object.as<Dict>()) {
    if (index.is_text()) {
      const Value* found = lookup(*dict, index.bytes());
      return found == nullptr ? std::nullopt : std::optional(*found);
    }
    auto found = lookup(machine.heap, *dict, index);
    if (!found) {
      if (found.error().code != Errc::bad_value) return std::unexpected(std::move(found.error()));
      return std::nullopt;  // an unhashable key
    }
    return *found == nullptr ? std::nullopt : std::optional(**found);
  }
  const bool indexable = object.is_text() || object.is_sequence() || object.is(ObjectKind::range);
  if (!indexable || !index.is_integral()) return std::nullopt;
  const std::int64_t count = *length(machine, object);
  std::int64_t i = index.integer();
  if (i < 0) i += count;
  if (i < 0 || i >= count) return std::nullopt;
  if (object.is_text()) {
    return machine.heap.text(slice_text(*object.text(), Slice{i, i + 1, 1, 1}), object.text()->markup);
  }
  if (const auto* range = object.as<Range>()) return Value(range->at(i));
  return static_cast<Sequence*>(object.object())->items[static_cast<std::size_t>(i)];
}

}  // namespace

Result<std::optional<Value>> own_attribute(Machine& machine, const Value& object, const Value& name_value) {
  const std::string_view name = name_value.bytes();
  if (object.is_undefined()) {
    if (is_dunder(name)) return unsafe(machine, object, name);
    return undefined_error(object);  // whatever else is asked of it
  }
  if (auto* space = object.as<Namespace>()) {
    if (name == "__class__" || name == "_Namespace__attrs") return unsafe(machine, object, name);
    const Value* found = lookup(space->attributes, name);
    if (found == nullptr) return std::nullopt;
    return name.starts_with("_") ? unsafe(machine, object, name) : *found;
  }
  if (is_dunder(name) || changes(object, name)) return unsafe(machine, object, name);
  if (object.is_text()) {
    const MethodEntry* method = find_text_method(name);
    if (method == nullptr) return std::nullopt;
    return Value(machine.heap.make<Method>(object, method->name, method->call));
  }
  if (object.is(ObjectKind::loop)) return loop_attribute(machine, object, name);
  if (object.is_object()) return object_attribute(machine, object, name);
  if (object.is_number()) {
    if (auto value = number_attribute(object, name)) return value;
    if (const auto* method = find_object_method(object, name)) {
      return Value(machine.heap.make<Method>(object, method->name, method->call));
    }
  }
  return std::nullopt;
}

Result<Value> get_attribute(Machine& machine, const Value& object, const Value& name) {
  JINJA_LET(own, own_attribute(machine, object, name));
  if (own) return std::move(*own);
  JINJA_LET(item, plain_item(machine, object, name));
  if (item) return std::move(*item);
  return nothing_there(machine, object, name);
}

Result<Value> get_item(Machine& machine, const Value& object, const Value& index) {
  JINJA_LET(item, plain_item(machine, object, index));
  if (item) return std::move(*item);
  if (index.is_text()) {
    JINJA_LET(own, own_attribute(machine, object, index));
    if (own) return std::move(*own);
  }
  return nothing_there(machine, object, index);
}

Result<Value> get_slice(Machine& machine, const Value& object, const Value& start, const Value& stop,
                        const Value& step) {
  if (object.is_undefined()) return undefined_error(object);
  const bool sliceable = object.is_text() || object.is_sequence() || object.is(ObjectKind::range);
  if (!sliceable) {
    if (object.is(ObjectKind::dict)) return raise("TypeError", "unhashable type: 'slice'");
    return raise("TypeError", "'" + std::string(type_name(object)) + "' object is not subscriptable");
  }
  JINJA_LET(slice, slice_of(*length(machine, object), start, stop, step));
  ASSAY_TRY(machine.heap.step(static_cast<std::uint64_t>(slice.count) / 16));
  if (object.is_text()) return machine.heap.text(slice_text(*object.text(), slice), object.text()->markup);
  if (const auto* range = object.as<Range>()) {
    std::int64_t step_of_both = 0;
    if (__builtin_mul_overflow(range->step, slice.step, &step_of_both)) return int_overflow("a slice's step");
    return machine.heap.make<Range>(range->at(slice.start), range->at(slice.end), step_of_both, slice.count);
  }
  const auto& items = static_cast<Sequence*>(object.object())->items;
  std::vector<Value> out;
  out.reserve(static_cast<std::size_t>(slice.count));
  for (std::int64_t i = 0; i < slice.count; ++i)
    out.push_back(items[static_cast<std::size_t>(slice.start + i * slice.step)]);
  return object.is(ObjectKind::list) ? machine.heap.list(std::move(out)) : machine.heap.tuple(std::move(out));
}

bool is_callable(const Value& value) {
  if (value.is_undefined()) return true;  // it has the means to be called, if only to complain
  if (!value.is_object()) return false;
  switch (value.object()->kind) {
    case ObjectKind::macro:
    case ObjectKind::builtin:
    case ObjectKind::method:
    case ObjectKind::loop:
    case ObjectKind::joiner:
      return true;
    default:
      return false;
  }
}

}  // namespace assay::jinja
