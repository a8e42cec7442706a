#include "tokenizer/jinja/machine.h"

#include <algorithm>

#include "tokenizer/jinja/lexer.h"

namespace assay::jinja {

std::unexpected<Error> Machine::located(Position at, Error error) {
  if (located_) return std::unexpected(std::move(error));
  located_ = true;
  return std::unexpected(at_position(at, std::move(error)));
}

Result<void> Machine::write(std::string& out, std::string_view text) const {
  if (out.size() + text.size() > heap.limits().output_bytes_max) {
    return fail(Errc::full,
                "the rendered text grows past " + std::to_string(heap.limits().output_bytes_max) + " bytes");
  }
  out += text;
  return {};
}

Value& Machine::at(Slot slot, Frame& frame) const {
  Frame* there = &frame;
  for (std::uint32_t i = 0; i < slot.hops; ++i) there = there->parent;
  ASSAY_ASSERT(there != nullptr && slot.index < there->slots.size());
  return there->slots[slot.index];
}

void Machine::enter(const Scope& scope, Frame& frame) {
  for (const Load& load : scope.loads) {
    switch (load.from) {
      case Load::From::context: {
        const Value* found = lookup(context_, load.name);
        frame.slots[load.slot] = found == nullptr ? Value(Missing{}) : *found;
        break;
      }
      case Load::From::outer:
        frame.slots[load.slot] = at(load.outer, frame);
        break;
      case Load::From::nothing:
        frame.slots[load.slot] = Missing{};
        break;
    }
  }
}

void Machine::leave(const Scope& scope, Frame& frame) {
  for (const std::uint32_t slot : scope.own) frame.slots[slot] = Missing{};
}

Result<std::string> Machine::render(const Tree& tree, const Json& context) {
  if (!context.is_object()) {
    return fail(Errc::bad_value, std::string("the context of a template is a JSON object, met ") + context.type_name());
  }
  ASSAY_TRY(add_globals(*this, context_));
  for (const auto& [key, json] : context.items()) {
    auto value = from_json(json);
    if (!value) return std::unexpected(with_context("context." + key, std::move(value.error())));
    ASSAY_TRY(assign(heap, context_, heap.text(key), std::move(*value)));
  }
  auto* frame = heap.make<Frame>(nullptr, tree.slots);
  enter(tree.scope, *frame);
  std::string out;
  auto flow = execute(tree.body, *frame, out);
  if (!flow) return std::unexpected(std::move(flow.error()));
  return out;
}

Result<Machine::Flow> Machine::execute(const Body& body, Frame& frame, std::string& out) {
  const Heap::Depth depth(heap);
  if (!depth.fits()) return depth.error();
  for (const auto& statement : body) {
    auto flow = execute(*statement, frame, out);
    if (!flow) return located(statement->at, std::move(flow.error()));
    if (*flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Result<Machine::Flow> Machine::execute(const Statement& statement, Frame& frame, std::string& out) {
  ASSAY_TRY(heap.step());
  switch (statement.kind) {
    case StatementKind::text:
      ASSAY_TRY(write(out, statement.text));
      return Flow::normal;
    case StatementKind::output:
      for (const auto& expression : statement.expressions) {
        JINJA_LET(value, evaluate(*expression, frame));
        if (value.is_text()) {
          ASSAY_TRY(write(out, value.bytes()));
          continue;
        }
        auto text = to_string(*this, value);
        if (!text) return located(expression->at, std::move(text.error()));
        ASSAY_TRY(write(out, *text));
      }
      return Flow::normal;
    case StatementKind::branch:
      return execute_branch(statement, frame, out);
    case StatementKind::loop:
      return execute_loop(*statement.loop, frame, out);
    case StatementKind::set: {
      ASSAY_TRY(check_spaces(*statement.expressions[0], frame));
      JINJA_LET(value, evaluate(*statement.expressions[1], frame));
      ASSAY_TRY(store(*statement.expressions[0], std::move(value), frame));
      return Flow::normal;
    }
    case StatementKind::set_block:
    case StatementKind::filter_block:
    case StatementKind::with:
      return execute_block(statement, frame, out);
    case StatementKind::macro: {
      for (Frame* f = &frame; f != nullptr; f = f->parent) f->captured = true;
      at(statement.slot, frame) = heap.make<Macro>(statement.macro.get(), &frame);
      return Flow::normal;
    }
    case StatementKind::call_block:
      ASSAY_TRY(execute_call_block(statement, frame, out));
      return Flow::normal;
    case StatementKind::stop:
      return Flow::stop;
    case StatementKind::next:
      return Flow::next;
  }
  return Flow::normal;
}

Result<Machine::Flow> Machine::execute_branch(const Statement& statement, Frame& frame, std::string& out) {
  const std::size_t tests = statement.expressions.size();
  for (std::size_t i = 0; i < tests; ++i) {
    JINJA_LET(value, evaluate(*statement.expressions[i], frame));
    if (truth(value)) return execute(statement.bodies[i], frame, out);
  }
  if (statement.bodies.size() > tests) return execute(statement.bodies[tests], frame, out);
  return Flow::normal;
}

Result<Machine::Flow> Machine::execute_block(const Statement& statement, Frame& frame, std::string& out) {
  if (statement.kind == StatementKind::with) {
    enter(statement.scope, frame);
    for (std::size_t i = 0; i < statement.expressions.size(); i += 2) {
      JINJA_LET(value, evaluate(*statement.expressions[i + 1], frame));
      ASSAY_TRY(store(*statement.expressions[i], std::move(value), frame));
    }
    auto flow = execute(statement.bodies[0], frame, out);
    leave(statement.scope, frame);
    return flow;
  }
  enter(statement.scope, frame);
  std::string text;
  JINJA_LET(flow, execute(statement.bodies[0], frame, text));
  if (flow != Flow::normal) {  // break and continue leave the block without its text
    leave(statement.scope, frame);
    return flow;
  }
  Value value = heap.text(std::move(text));
  const bool set = statement.kind == StatementKind::set_block;
  if (const std::size_t filter = set ? 1 : 0; statement.expressions.size() > filter) {
    Value before = std::exchange(captured_, std::move(value));
    auto filtered_value = evaluate(*statement.expressions[filter], frame);
    captured_ = std::move(before);
    if (!filtered_value) return std::unexpected(std::move(filtered_value.error()));
    value = std::move(*filtered_value);
  }
  if (set) {
    ASSAY_TRY(check_spaces(*statement.expressions[0], frame));
    ASSAY_TRY(store(*statement.expressions[0], std::move(value), frame));
  } else {
    if (!value.is_text()) {
      return raise("TypeError", "sequence item 0: expected str instance, " + std::string(type_name(value)) + " found");
    }
    ASSAY_TRY(write(out, value.bytes()));
  }
  leave(statement.scope, frame);
  return Flow::normal;
}

Result<void> Machine::execute_call_block(const Statement& statement, Frame& frame, std::string& out) {
  for (Frame* f = &frame; f != nullptr; f = f->parent) f->captured = true;
  auto* caller = heap.make<Macro>(statement.macro.get(), &frame);
  auto result = Result<Value>();
  if (statement.expressions.empty()) {  // {% generation %}
    result = call_macro(*caller, {});
  } else {
    const Value value(caller);
    result = evaluate_call(*statement.expressions[0], frame, &value);
  }
  if (!result) return std::unexpected(std::move(result.error()));
  if (!result->is_text()) {
    return raise("TypeError", "sequence item 0: expected str instance, " + std::string(type_name(*result)) + " found");
  }
  return write(out, result->bytes());
}

Result<void> Machine::check_spaces(const Expression& target, Frame& frame) {
  if (target.kind == ExpressionKind::space_attribute && at(target.slot, frame).as<Namespace>() == nullptr) {
    return raise("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
  }
  for (const auto& part : target.parts) ASSAY_TRY(check_spaces(*part, frame));
  return {};
}

Result<void> Machine::store(const Expression& target, Value value, Frame& frame) {
  if (target.kind == ExpressionKind::name) {
    at(target.slot, frame) = std::move(value);
    return {};
  }
  if (target.kind == ExpressionKind::space_attribute) {
    auto* space = at(target.slot, frame).as<Namespace>();
    if (space == nullptr) return raise("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
    return assign(heap, space->attributes, heap.text(target.attribute), std::move(value));
  }
  auto iterator = Iterator::over(value);
  if (!iterator) return raise("TypeError", "cannot unpack non-iterable " + std::string(type_name(value)) + " object");
  const std::size_t wanted = target.parts.size();
  std::vector<Value> items;
  while (true) {
    JINJA_LET(next, iterator->next(*this));
    if (!next) break;
    if (items.size() == wanted) {
      return raise("ValueError", "too many values to unpack (expected " + std::to_string(wanted) + ")");
    }
    items.push_back(std::move(*next));
  }
  if (items.size() < wanted) {
    return raise("ValueError", "not enough values to unpack (expected " + std::to_string(wanted) + ", got " +
                                   std::to_string(items.size()) + ")");
  }
  for (std::size_t i = 0; i < wanted; ++i) ASSAY_TRY(store(*target.parts[i], std::move(items[i]), frame));
  return {};
}

// ---- Loops

Result<Machine::Flow> Machine::execute_loop(const LoopCode& loop, Frame& frame, std::string& out) {
  JINJA_LET(iterable, evaluate(*loop.iterable, frame));
  if (!loop.recursive) return run_loop(loop, std::move(iterable), frame, frame, 0, out);
  JINJA_LET(text, run_recursive(loop, std::move(iterable), &frame, 0));
  ASSAY_TRY(write(out, text.bytes()));
  return Flow::normal;
}

Result<Value> Machine::run_recursive(const LoopCode& loop, Value iterable, Frame* outer, std::int64_t depth0) {
  auto* frame = heap.make<Frame>(outer, loop.recursive_slots);
  std::string text;
  auto flow = run_loop(loop, std::move(iterable), *frame, *outer, depth0, text);
  if (!flow) return std::unexpected(std::move(flow.error()));
  return heap.text(std::move(text));
}

// The items for which the loop's condition holds, as a generator with its own frame.
Value Machine::filtered(const LoopCode& loop, Iterator items, Frame& frame) {
  auto* own = heap.make<Frame>(&frame, loop.condition_slots);
  bool entered = false;
  return heap.make<Generator>(
      [this, &loop, own, items, entered]() mutable -> Result<std::optional<Value>> {
        if (!entered) enter(loop.condition_scope, *own);
        entered = true;
        while (true) {
          JINJA_LET(next, items.next(*this));
          if (!next) return std::nullopt;
          ASSAY_TRY(store(*loop.condition_target, *next, *own));
          JINJA_LET(holds, evaluate(*loop.condition, *own));
          if (truth(holds)) return next;
        }
      },
      "generator");
}

Result<Machine::Flow> Machine::run_loop(const LoopCode& loop, Value iterable, Frame& frame, Frame& outer,
                                        std::int64_t depth0, std::string& out) {
  JINJA_LET(items, Iterator::over(iterable));
  if (loop.condition != nullptr) {
    iterable = filtered(loop, items, outer);
    items = *Iterator::over(iterable);
  }
  Loop* state = nullptr;
  if (loop.uses_loop) {
    state = heap.make<Loop>(iterable, items);
    state->depth0 = depth0;
    state->code = loop.recursive ? &loop : nullptr;
    state->frame = &outer;
    frame.slots[loop.loop_slot] = state;
  }
  bool empty = true;  // until one turn reaches the end of the body
  while (true) {
    auto next = state != nullptr ? advance(*state) : items.next(*this);
    if (!next) return std::unexpected(std::move(next.error()));
    if (!*next) break;
    ASSAY_TRY(store(*loop.target, std::move(**next), frame));
    enter(loop.scope, frame);
    JINJA_LET(flow, execute(loop.body, frame, out));
    if (flow == Flow::stop) break;
    if (flow == Flow::normal) empty = false;
  }
  leave(loop.scope, frame);
  if (loop.otherwise.empty() || !empty) return Flow::normal;
  enter(loop.else_scope, frame);
  JINJA_LET(flow, execute(loop.otherwise, frame, out));
  leave(loop.else_scope, frame);
  return flow;
}

Result<std::optional<Value>> Machine::advance(Loop& loop) {
  auto next = loop.peeked ? Result<std::optional<Value>>(std::move(loop.after)) : loop.iterator.next(*this);
  if (!next) return next;
  loop.peeked = false;
  loop.after.reset();
  if (!*next) {
    // Asking again after the end finds the end again.
    return std::nullopt;
  }
  ++loop.index0;
  loop.before = std::move(loop.now);
  loop.now = **next;
  return next;
}

Result<std::optional<Value>> Machine::peek(Loop& loop) {
  if (!loop.peeked || !loop.after) {
    JINJA_LET(next, loop.iterator.next(*this));
    loop.after = std::move(next);
    loop.peeked = loop.after.has_value();
  }
  return loop.after;
}

Result<std::int64_t> Machine::loop_length(Loop& loop) {
  if (loop.length) return *loop.length;
  if (!loop.iterable.is(ObjectKind::loop)) {
    if (const auto n = length(*this, loop.iterable)) {
      loop.length = n;
      return *n;
    }
  }
  std::vector<Value> rest;
  while (true) {
    JINJA_LET(next, loop.iterator.next(*this));
    if (!next) break;
    rest.push_back(std::move(*next));
  }
  const auto count = static_cast<std::int64_t>(rest.size()) + loop.index0 + 1 + (loop.after ? 1 : 0);
  loop.iterator = *Iterator::over(heap.list(std::move(rest)));
  loop.length = count;
  return count;
}

// ---- Calls

Result<Value> Machine::call_loop(Loop& loop, const Arguments& arguments) {
  if (loop.code == nullptr) {
    return raise("TypeError", "The loop must have the 'recursive' marker to be called recursively.");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    return raise("TypeError", "loop() takes exactly one argument, the items to go over");
  }
  return run_recursive(*loop.code, arguments.positional[0], loop.frame, loop.depth0 + 1);
}

Result<Value> Machine::call_macro(const Macro& macro, Arguments arguments) {
  const Heap::Depth depth(heap);
  if (!depth.fits()) return depth.error();
  const MacroCode& code = *macro.code;
  const std::string name = code.name.empty() ? "None" : "'" + code.name + "'";
  Named& named = arguments.named;
  const auto take = [&named](std::string_view key) -> std::optional<Value> {
    const auto it = std::find_if(named.begin(), named.end(), [&](const auto& entry) { return entry.first == key; });
    if (it == named.end()) return std::nullopt;
    Value value = std::move(it->second);
    named.erase(it);
    return value;
  };

  auto* frame = heap.make<Frame>(macro.frame, code.slots);
  heap.grown(code.slots * sizeof(Value));
  std::size_t filled = 0;
  const auto give = [&](Value value) { frame->slots[code.argument_slots[filled++]] = std::move(value); };
  const std::size_t count = code.parameters.size();
  const std::size_t positional = std::min(count, arguments.positional.size());
  bool found_caller = false;
  for (std::size_t i = 0; i < positional; ++i) {
    found_caller = found_caller || (positional == count && code.parameters[i] == "caller");
    give(arguments.positional[i]);
  }
  for (std::size_t i = positional; i < count; ++i) {
    found_caller = found_caller || code.parameters[i] == "caller";
    give(take(code.parameters[i]).value_or(Value(Missing{})));
  }
  if (code.wants_caller && !found_caller) {
    auto caller = take("caller");
    if (!caller || caller->is_none()) caller = heap.undefined("No caller defined");
    give(std::move(*caller));
  }
  if (code.wants_named) {
    auto* dict = heap.make<Dict>();
    for (auto& [key, value] : named) ASSAY_TRY(assign(heap, *dict, heap.text(key), std::move(value)));
    give(dict);
  } else if (!named.empty()) {
    for (const auto& [key, value] : named) {
      if (key == "caller") {
        return raise("TypeError",
                     "macro " + name +
                         " was invoked with two values for the special caller argument. This is most likely "
                         "a bug.");
      }
    }
    return raise("TypeError", "macro " + name + " takes no keyword argument '" + named[0].first + "'");
  }
  if (code.wants_rest) {
    give(heap.tuple(std::vector<Value>(arguments.positional.begin() + static_cast<std::ptrdiff_t>(positional),
                                       arguments.positional.end())));
  } else if (arguments.positional.size() > count) {
    return raise("TypeError", "macro " + name + " takes not more than " + std::to_string(count) + " argument(s)");
  }

  enter(code.scope, *frame);
  for (std::size_t i = 0; i < count; ++i) {
    Value& slot = frame->slots[code.argument_slots[i]];
    if (!slot.is_missing()) continue;
    const std::size_t required = count - code.defaults.size();
    if (i < required) {
      slot = heap.undefined("parameter '" + code.parameters[i] + "' was not provided");
    } else {
      JINJA_LET(value, evaluate(*code.defaults[i - required], *frame));
      frame->slots[code.argument_slots[i]] = std::move(value);
    }
  }
  std::string text;
  auto flow = execute(code.body, *frame, text);
  if (!flow) return std::unexpected(std::move(flow.error()));
  if (!frame->captured) frame->slots.assign(frame->slots.size(), Value(Missing{}));
  return heap.text(std::move(text));
}

Result<Value> Machine::call(const Value& callee, Arguments arguments) {
  ASSAY_TRY(heap.step());
  if (callee.is_undefined()) return undefined_error(callee);
  if (const auto* macro = callee.as<Macro>()) return call_macro(*macro, std::move(arguments));
  if (const auto* method = callee.as<Method>()) return method->call(*this, method->self, arguments);
  if (const auto* builtin = callee.as<Builtin>()) return builtin->call(*this, arguments);
  if (auto* loop = callee.as<Loop>()) return call_loop(*loop, arguments);
  if (auto* joiner = callee.as<Joiner>()) {
    if (!arguments.positional.empty() || !arguments.named.empty()) {
      return raise("TypeError", "Joiner.__call__() takes no arguments");
    }
    if (std::exchange(joiner->used, true)) return joiner->separator;
    return heap.text("");
  }
  return raise("TypeError", "'" + std::string(type_name(callee)) + "' object is not callable");
}

Result<Value> Machine::from_json(const Json& json) {
  const Heap::Depth depth(heap);
  if (!depth.fits()) return depth.error();
  ASSAY_TRY(heap.step());
  switch (json.type()) {
    case Json::value_t::null:
      return None{};
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_unsigned: {
      const auto value = json.get<std::uint64_t>();
      if (value > static_cast<std::uint64_t>(INT64_MAX)) {
        return fail(Errc::unsupported, "the integer " + std::to_string(value) + " does not fit in 64 bits with a sign");
      }
      return Value(static_cast<std::int64_t>(value));
    }
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return heap.text(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      auto* list = heap.list();
      list->items.reserve(json.size());
      heap.grown(json.size() * sizeof(Value));
      for (const Json& item : json) {
        JINJA_LET(value, from_json(item));
        list->items.push_back(std::move(value));
      }
      return list;
    }
    case Json::value_t::object: {
      auto* dict = heap.make<Dict>();
      for (const auto& [key, item] : json.items()) {
        JINJA_LET(value, from_json(item));
        ASSAY_TRY(assign(heap, *dict, heap.text(key), std::move(value)));
      }
      return dict;
    }
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return fail(Errc::bad_value, std::string("a JSON value of type ") + json.type_name());
}

}  // namespace assay::jinja
