#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/predicates.h"

namespace assay::jinja {

Result<Value> Machine::evaluate(const Expression& expression, Frame& frame) {
  const Heap::Depth depth(heap);
  if (!depth.fits()) return depth.error();
  ASSAY_TRY(heap.step());
  auto value = evaluate_kind(expression, frame);
  if (!value) return located(expression.at, std::move(value.error()));
  return value;
}

Result<Value> Machine::evaluate_kind(const Expression& expression, Frame& frame) {
  switch (expression.kind) {
    case ExpressionKind::constant:
      return expression.value;
    case ExpressionKind::captured:
      return captured_;
    case ExpressionKind::name:
      return evaluate_name(expression, frame);
    case ExpressionKind::list:
    case ExpressionKind::tuple: {
      JINJA_LET(items, evaluate_all(expression.parts, frame));
      return expression.kind == ExpressionKind::list ? heap.list(std::move(items)) : heap.tuple(std::move(items));
    }
    case ExpressionKind::dict:
      return evaluate_dict(expression, frame);
    case ExpressionKind::conditional: {
      JINJA_LET(test, evaluate(*expression.parts[0], frame));
      if (truth(test)) return evaluate(*expression.parts[1], frame);
      if (expression.parts.size() > 2) return evaluate(*expression.parts[2], frame);
      return heap.undefined("the inline if-expression on line " + std::to_string(expression.at.line) +
                            " evaluated to false and no else section was defined.");
    }
    case ExpressionKind::logic_and:
    case ExpressionKind::logic_or: {
      JINJA_LET(left, evaluate(*expression.parts[0], frame));
      if (truth(left) == (expression.kind == ExpressionKind::logic_or)) return std::move(left);
      return evaluate(*expression.parts[1], frame);
    }
    case ExpressionKind::logic_not: {
      JINJA_LET(operand, evaluate(*expression.parts[0], frame));
      return Value(!truth(operand));
    }
    case ExpressionKind::compare:
      return evaluate_compare(expression, frame);
    case ExpressionKind::add:
    case ExpressionKind::subtract:
    case ExpressionKind::multiply:
    case ExpressionKind::divide:
    case ExpressionKind::floor_divide:
    case ExpressionKind::modulo:
    case ExpressionKind::power:
      return evaluate_binary(expression, frame);
    case ExpressionKind::negate:
    case ExpressionKind::plus: {
      JINJA_LET(operand, evaluate(*expression.parts[0], frame));
      return negate(operand, expression.kind == ExpressionKind::negate);
    }
    case ExpressionKind::concat:
      return evaluate_concat(expression, frame);
    case ExpressionKind::attribute: {
      JINJA_LET(object, evaluate(*expression.parts[0], frame));
      return get_attribute(*this, object, expression.value);
    }
    case ExpressionKind::item: {
      JINJA_LET(object, evaluate(*expression.parts[0], frame));
      JINJA_LET(index, evaluate(*expression.parts[1], frame));
      return get_item(*this, object, index);
    }
    case ExpressionKind::slice:
      return evaluate_slice(expression, frame);
    case ExpressionKind::call:
      return evaluate_call(expression, frame, nullptr);
    case ExpressionKind::filter:
      return evaluate_filter(expression, frame);
    case ExpressionKind::test:
      return evaluate_test(expression, frame);
    case ExpressionKind::space_attribute:
      break;  // only ever a target
  }
  return fail(Errc::bug, "an expression of unknown kind");
}

Result<Value> Machine::evaluate_name(const Expression& expression, Frame& frame) {
  const Value& value = at(expression.slot, frame);
  if (!value.is_missing()) return value;
  return heap.undefined("'" + expression.text + "' is undefined");
}

Result<std::vector<Value>> Machine::evaluate_all(const std::vector<ExpressionPtr>& parts, Frame& frame) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const auto& part : parts) {
    JINJA_LET(value, evaluate(*part, frame));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Value> Machine::evaluate_dict(const Expression& expression, Frame& frame) {
  auto* dict = heap.make<Dict>();
  for (std::size_t i = 0; i + 1 < expression.parts.size(); i += 2) {
    JINJA_LET(key, evaluate(*expression.parts[i], frame));
    JINJA_LET(value, evaluate(*expression.parts[i + 1], frame));
    ASSAY_TRY(assign(heap, *dict, std::move(key), std::move(value)));
  }
  return dict;
}

Result<Value> Machine::evaluate_compare(const Expression& expression, Frame& frame) {
  JINJA_LET(left, evaluate(*expression.parts[0], frame));
  for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
    JINJA_LET(right, evaluate(*expression.parts[i + 1], frame));
    JINJA_LET(holds, compare(*this, expression.comparisons[i], left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Machine::evaluate_binary(const Expression& expression, Frame& frame) {
  JINJA_LET(left, evaluate(*expression.parts[0], frame));
  JINJA_LET(right, evaluate(*expression.parts[1], frame));
  return expression.kind == ExpressionKind::add ? add(*this, left, right)
                                                : arithmetic(*this, expression.kind, left, right);
}

Result<Value> Machine::evaluate_concat(const Expression& expression, Frame& frame) {
  std::string out;
  JINJA_LET(parts, evaluate_all(expression.parts, frame));
  for (const Value& part : parts) {
    if (part.is_text()) {
      out += part.bytes();
    } else {
      JINJA_LET(text, to_string(*this, part));
      out += text;
    }
    ASSAY_TRY(heap.room(out.size()));
  }
  return heap.text(std::move(out));
}

Result<Value> Machine::evaluate_slice(const Expression& expression, Frame& frame) {
  JINJA_LET(object, evaluate(*expression.parts[0], frame));
  Value bounds[3] = {None{}, None{}, None{}};
  for (std::size_t i = 0; i < 3; ++i) {
    if (expression.parts[i + 1] == nullptr) continue;
    JINJA_LET(bound, evaluate(*expression.parts[i + 1], frame));
    bounds[i] = std::move(bound);
  }
  return get_slice(*this, object, bounds[0], bounds[1], bounds[2]);
}

Result<Arguments> Machine::evaluate_arguments(const CallArguments& code, Frame& frame) {
  Arguments out;
  JINJA_LET(positional, evaluate_all(code.positional, frame));
  out.positional = std::move(positional);
  for (const auto& [name, part] : code.named) {
    JINJA_LET(value, evaluate(*part, frame));
    out.named.emplace_back(name, std::move(value));
  }
  if (code.spread != nullptr) {
    JINJA_LET(value, evaluate(*code.spread, frame));
    if (!is_iterable(value)) {
      return raise("TypeError", "argument after * must be an iterable, not " + std::string(type_name(value)));
    }
    JINJA_LET(items, collect(*this, value));
    out.positional.insert(out.positional.end(), items.begin(), items.end());
  }
  if (code.spread_named != nullptr) {
    JINJA_LET(value, evaluate(*code.spread_named, frame));
    const auto* dict = value.as<Dict>();
    if (dict == nullptr) {
      return raise(value.is_undefined() ? "UndefinedError" : "TypeError",
                   "argument after ** must be a mapping, not " + std::string(type_name(value)));
    }
    for (const auto& [key, item] : dict->entries) {
      if (!key.is_text()) return raise("TypeError", "keywords must be strings");
      for (const auto& [name, part] : out.named) {
        if (name == key.bytes()) return raise("TypeError", "got multiple values for keyword argument '" + name + "'");
      }
      out.named.emplace_back(key.bytes(), item);
    }
  }
  return out;
}

Result<Value> Machine::evaluate_call(const Expression& expression, Frame& frame, const Value* caller) {
  JINJA_LET(callee, evaluate(*expression.parts[0], frame));
  JINJA_LET(arguments, evaluate_arguments(expression.arguments, frame));
  if (caller != nullptr) {
    for (const auto& [name, value] : arguments.named) {
      if (name == "caller") return raise("TypeError", "got multiple values for keyword argument 'caller'");
    }
    arguments.named.emplace_back("caller", *caller);
  }
  auto value = call(callee, std::move(arguments));
  if (!value) return located(expression.at, std::move(value.error()));
  return value;
}

Result<Value> Machine::evaluate_filter(const Expression& expression, Frame& frame) {
  JINJA_LET(operand, evaluate(*expression.parts[0], frame));
  JINJA_LET(arguments, evaluate_arguments(expression.arguments, frame));
  if (expression.filter == nullptr) {
    return raise("TemplateRuntimeError", "No filter named '" + expression.text + "' found.");
  }
  return expression.filter->apply(*this, operand, arguments);
}

Result<Value> Machine::evaluate_test(const Expression& expression, Frame& frame) {
  JINJA_LET(operand, evaluate(*expression.parts[0], frame));
  JINJA_LET(arguments, evaluate_arguments(expression.arguments, frame));
  if (expression.test == nullptr) {
    return raise("TemplateRuntimeError", "No test named '" + expression.text + "' found.");
  }
  JINJA_LET(holds, expression.test->holds(*this, operand, arguments));
  return Value(holds);
}

}  // namespace assay::jinja
