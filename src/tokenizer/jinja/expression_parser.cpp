#include "tokenizer/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <optional>

namespace assay::jinja {
namespace {

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data:
      return "template text";
    case TokenKind::print_begin:
      return "begin of print statement";
    case TokenKind::print_end:
      return "end of print statement";
    case TokenKind::block_begin:
      return "begin of statement block";
    case TokenKind::block_end:
      return "end of statement block";
    case TokenKind::text:
      return "a string";
    case TokenKind::integer:
    case TokenKind::real:
      return "a number";
    case TokenKind::end:
      return "end of template";
    case TokenKind::name:
    case TokenKind::op:
      break;
  }
  return "'" + token.text + "'";
}

// start:stop:step as it stands in brackets, not yet with the object before it.
bool is_bare_slice(const Expression& expression) {
  return expression.kind == ExpressionKind::slice && expression.parts.size() == 3;
}

std::optional<Comparison> comparison_of(const Token& token) {
  if (token.kind != TokenKind::op) return std::nullopt;
  if (token.text == "==") return Comparison::equal;
  if (token.text == "!=") return Comparison::unequal;
  if (token.text == "<") return Comparison::less;
  if (token.text == "<=") return Comparison::less_equal;
  if (token.text == ">") return Comparison::greater;
  if (token.text == ">=") return Comparison::greater_equal;
  return std::nullopt;
}

}  // namespace

std::unexpected<Error> ExpressionParser::syntax(std::string sentence) const {
  return std::unexpected(
      at_position(current().at, Error{Errc::bad_value, 0, "TemplateSyntaxError: " + std::move(sentence)}));
}

std::unexpected<Error> ExpressionParser::expected(std::string_view what) const {
  return syntax("expected " + std::string(what) + ", got " + describe(current()));
}

std::unexpected<Error> ExpressionParser::too_deep() const {
  return std::unexpected(
      at_position(current().at, Error{Errc::full, 0, "RecursionError: the template is nested too deeply"}));
}

ExpressionPtr ExpressionParser::make(ExpressionKind kind, Position at) {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->at = at;
  return expression;
}

Result<ExpressionPtr> ExpressionParser::finish(ExpressionPtr expression) const {
  std::uint32_t deepest = 0;
  const auto see = [&deepest](const ExpressionPtr& part) {
    if (part != nullptr) deepest = std::max(deepest, part->depth);
  };
  for (const auto& part : expression->parts) see(part);
  for (const auto& part : expression->arguments.positional) see(part);
  for (const auto& [name, part] : expression->arguments.named) see(part);
  see(expression->arguments.spread);
  see(expression->arguments.spread_named);
  expression->depth = deepest + 1;
  if (expression->depth > limits_.depth_max * 3 / 4) return too_deep();
  return expression;
}

Result<ExpressionPtr> ExpressionParser::combine(ExpressionKind kind, Position at, ExpressionPtr left,
                                                ExpressionPtr right) const {
  auto made = make(kind, at);
  made->parts.push_back(std::move(left));
  if (right != nullptr) made->parts.push_back(std::move(right));
  return finish(std::move(made));
}

bool ExpressionParser::at_tuple_end(std::string_view end) const {
  const auto kind = current().kind;
  return kind == TokenKind::print_end || kind == TokenKind::block_end || is_op(")") || (!end.empty() && is_name(end));
}

Result<ExpressionPtr> ExpressionParser::parse_tuple(TupleOptions options) {
  auto made = make(ExpressionKind::tuple, current().at);
  bool tuple = false;
  while (true) {
    if (!made->parts.empty()) {
      if (!is_op(",")) return expected("','");
      advance();
    }
    if (at_tuple_end(options.end)) break;
    JINJA_LET(part, parse_expression(options.conditional));
    made->parts.push_back(std::move(part));
    if (!is_op(",")) break;
    tuple = true;
  }
  if (!tuple) {
    if (!made->parts.empty()) return std::move(made->parts[0]);
    if (!options.parenthesised) return syntax("Expected an expression, got " + describe(current()));
  }
  return finish(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::parse_expression(bool conditional) {
  const Nesting nesting(*this);
  if (!nesting.fits()) return too_deep();
  return conditional ? parse_conditional() : parse_or();
}

Result<ExpressionPtr> ExpressionParser::parse_conditional() {
  const Position at = current().at;
  JINJA_LET(value, parse_or());
  while (is_name("if")) {
    advance();
    auto made = make(ExpressionKind::conditional, at);
    JINJA_LET(test, parse_or());
    made->parts.push_back(std::move(test));
    made->parts.push_back(std::move(value));
    if (is_name("else")) {
      advance();
      JINJA_LET(otherwise, parse_expression());
      made->parts.push_back(std::move(otherwise));
    }
    JINJA_LET(done, finish(std::move(made)));
    value = std::move(done);
  }
  return std::move(value);
}

Result<ExpressionPtr> ExpressionParser::parse_or() {
  JINJA_LET(left, parse_and());
  while (is_name("or")) {
    const Position at = current().at;
    advance();
    JINJA_LET(right, parse_and());
    JINJA_LET(both, combine(ExpressionKind::logic_or, at, std::move(left), std::move(right)));
    left = std::move(both);
  }
  return std::move(left);
}

Result<ExpressionPtr> ExpressionParser::parse_and() {
  JINJA_LET(left, parse_not());
  while (is_name("and")) {
    const Position at = current().at;
    advance();
    JINJA_LET(right, parse_not());
    JINJA_LET(both, combine(ExpressionKind::logic_and, at, std::move(left), std::move(right)));
    left = std::move(both);
  }
  return std::move(left);
}

Result<ExpressionPtr> ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_compare();
  const Nesting nesting(*this);
  if (!nesting.fits()) return too_deep();
  const Position at = current().at;
  advance();
  JINJA_LET(operand, parse_not());
  return combine(ExpressionKind::logic_not, at, std::move(operand), nullptr);
}

Result<ExpressionPtr> ExpressionParser::parse_compare() {
  const Position at = current().at;
  JINJA_LET(first, parse_sum());
  auto made = make(ExpressionKind::compare, at);
  while (true) {
    if (const auto comparison = comparison_of(current())) {
      made->comparisons.push_back(*comparison);
      advance();
    } else if (is_name("in")) {
      made->comparisons.push_back(Comparison::in);
      advance();
    } else if (is_name("not") && look().kind == TokenKind::name && look().text == "in") {
      made->comparisons.push_back(Comparison::not_in);
      advance();
      advance();
    } else {
      break;
    }
    if (made->parts.empty()) made->parts.push_back(std::move(first));
    JINJA_LET(next, parse_sum());
    made->parts.push_back(std::move(next));
  }
  if (made->comparisons.empty()) return std::move(first);
  return finish(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::parse_sum() {
  JINJA_LET(left, parse_concat());
  while (is_op("+") || is_op("-")) {
    const Position at = current().at;
    const auto kind = is_op("+") ? ExpressionKind::add : ExpressionKind::subtract;
    advance();
    JINJA_LET(right, parse_concat());
    JINJA_LET(both, combine(kind, at, std::move(left), std::move(right)));
    left = std::move(both);
  }
  return std::move(left);
}

Result<ExpressionPtr> ExpressionParser::parse_concat() {
  const Position at = current().at;
  JINJA_LET(first, parse_product());
  if (!is_op("~")) return std::move(first);
  auto made = make(ExpressionKind::concat, at);
  made->parts.push_back(std::move(first));
  while (is_op("~")) {
    advance();
    JINJA_LET(next, parse_product());
    made->parts.push_back(std::move(next));
  }
  return finish(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::parse_product() {
  JINJA_LET(left, parse_power());
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    const Position at = current().at;
    const auto kind = is_op("*")   ? ExpressionKind::multiply
                      : is_op("/") ? ExpressionKind::divide
                      : is_op("%") ? ExpressionKind::modulo
                                   : ExpressionKind::floor_divide;
    advance();
    JINJA_LET(right, parse_power());
    JINJA_LET(both, combine(kind, at, std::move(left), std::move(right)));
    left = std::move(both);
  }
  return std::move(left);
}

Result<ExpressionPtr> ExpressionParser::parse_power() {
  JINJA_LET(left, parse_unary());
  while (is_op("**")) {  // left to right, unlike Python's own
    const Position at = current().at;
    advance();
    JINJA_LET(right, parse_unary());
    JINJA_LET(both, combine(ExpressionKind::power, at, std::move(left), std::move(right)));
    left = std::move(both);
  }
  return std::move(left);
}

Result<ExpressionPtr> ExpressionParser::parse_unary(bool filters) {
  const Nesting nesting(*this);
  if (!nesting.fits()) return too_deep();
  const Position at = current().at;
  ExpressionPtr operand;
  if (is_op("-") || is_op("+")) {
    const auto kind = is_op("-") ? ExpressionKind::negate : ExpressionKind::plus;
    advance();
    JINJA_LET(inner, parse_unary(false));
    JINJA_LET(made, combine(kind, at, std::move(inner), nullptr));
    operand = std::move(made);
  } else {
    JINJA_LET(made, parse_primary());
    operand = std::move(made);
  }
  JINJA_LET(done, parse_postfix(std::move(operand)));
  if (!filters) return std::move(done);
  return parse_filter_tail(std::move(done));
}

Result<ExpressionPtr> ExpressionParser::parse_primary(bool spaces) {
  const Token& token = current();
  auto made = make(ExpressionKind::constant, token.at);
  switch (token.kind) {
    case TokenKind::name: {
      const std::string name = token.text;
      advance();
      if (name == "true" || name == "True") {
        made->value = Value(true);
      } else if (name == "false" || name == "False") {
        made->value = Value(false);
      } else if (name == "none" || name == "None") {
        made->value = None{};
      } else if (spaces && is_op(".")) {
        advance();
        if (current().kind != TokenKind::name) return expected("a name");
        made->kind = ExpressionKind::space_attribute;
        made->text = name;
        made->attribute = current().text;
        advance();
      } else {
        made->kind = ExpressionKind::name;
        made->text = name;
      }
      return made;
    }
    case TokenKind::text: {
      std::string text;
      for (; current().kind == TokenKind::text; advance()) text += current().text;
      made->value = make_text(std::move(text));
      return made;
    }
    case TokenKind::integer:
      made->value = Value(token.integer);
      advance();
      return made;
    case TokenKind::real:
      made->value = Value(token.real);
      advance();
      return made;
    default:
      break;
  }
  if (is_op("(")) {
    advance();
    JINJA_LET(inner, parse_tuple({.parenthesised = true}));
    if (!is_op(")")) return expected("')'");
    advance();
    return std::move(inner);
  }
  if (is_op("[")) return parse_list();
  if (is_op("{")) return parse_dict();
  return syntax("unexpected " + describe(token));
}

Result<ExpressionPtr> ExpressionParser::parse_list() {
  auto made = make(ExpressionKind::list, current().at);
  advance();
  while (!is_op("]")) {
    if (!made->parts.empty()) {
      if (!is_op(",")) return expected("','");
      advance();
      if (is_op("]")) break;
    }
    JINJA_LET(part, parse_expression());
    made->parts.push_back(std::move(part));
  }
  advance();
  return finish(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::parse_dict() {
  auto made = make(ExpressionKind::dict, current().at);
  advance();
  while (!is_op("}")) {
    if (!made->parts.empty()) {
      if (!is_op(",")) return expected("','");
      advance();
      if (is_op("}")) break;
    }
    JINJA_LET(key, parse_expression());
    if (!is_op(":")) return expected("':'");
    advance();
    JINJA_LET(value, parse_expression());
    made->parts.push_back(std::move(key));
    made->parts.push_back(std::move(value));
  }
  advance();
  return finish(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::parse_postfix(ExpressionPtr operand) {
  while (is_op(".") || is_op("[") || is_op("(")) {
    auto next = is_op("(") ? parse_call(std::move(operand)) : parse_subscript(std::move(operand));
    if (!next) return next;
    operand = std::move(*next);
  }
  return operand;
}

Result<ExpressionPtr> ExpressionParser::parse_filter_tail(ExpressionPtr operand) {
  while (is_op("|") || is_op("(") || is_name("is")) {
    auto next = is_op("|")   ? parse_filters(std::move(operand))
                : is_op("(") ? parse_call(std::move(operand))
                             : parse_test(std::move(operand));
    if (!next) return next;
    operand = std::move(*next);
  }
  return operand;
}

Result<ExpressionPtr> ExpressionParser::parse_subscript(ExpressionPtr operand) {
  const Position at = current().at;
  if (is_op(".")) {
    advance();
    const Token& member = current();
    if (member.kind == TokenKind::name) {
      auto made = make(ExpressionKind::attribute, at);
      made->text = member.text;
      made->value = make_text(member.text);
      made->parts.push_back(std::move(operand));
      advance();
      return finish(std::move(made));
    }
    if (member.kind != TokenKind::integer) return syntax("expected name or number");
    auto index = make(ExpressionKind::constant, member.at);
    index->value = Value(member.integer);
    advance();
    return combine(ExpressionKind::item, at, std::move(operand), std::move(index));
  }
  advance();
  auto indices = make(ExpressionKind::tuple, at);
  while (!is_op("]")) {
    if (!indices->parts.empty()) {
      if (!is_op(",")) return expected("','");
      advance();
    }
    JINJA_LET(index, parse_subscribed());
    indices->parts.push_back(std::move(index));
  }
  advance();
  if (indices->parts.size() == 1) {
    ExpressionPtr index = std::move(indices->parts[0]);
    if (is_bare_slice(*index)) {
      index->parts.insert(index->parts.begin(), std::move(operand));
      return finish(std::move(index));
    }
    return combine(ExpressionKind::item, at, std::move(operand), std::move(index));
  }
  const bool sliced = std::any_of(indices->parts.begin(), indices->parts.end(),
                                  [](const ExpressionPtr& part) { return is_bare_slice(*part); });
  if (sliced) return syntax("slices in a tuple of subscripts are not supported");
  JINJA_LET(tuple, finish(std::move(indices)));
  return combine(ExpressionKind::item, at, std::move(operand), std::move(tuple));
}

// An index, or a slice whose parts are start, stop and step (the object is put before them by the caller).
Result<ExpressionPtr> ExpressionParser::parse_subscribed() {
  auto made = make(ExpressionKind::slice, current().at);
  ExpressionPtr start;
  if (!is_op(":")) {
    JINJA_LET(first, parse_expression());
    if (!is_op(":")) return std::move(first);
    start = std::move(first);
  }
  advance();
  ExpressionPtr stop;
  if (!is_op(":") && !is_op("]") && !is_op(",")) {
    JINJA_LET(value, parse_expression());
    stop = std::move(value);
  }
  ExpressionPtr step;
  if (is_op(":")) {
    advance();
    if (!is_op("]") && !is_op(",")) {
      JINJA_LET(value, parse_expression());
      step = std::move(value);
    }
  }
  made->parts.push_back(std::move(start));
  made->parts.push_back(std::move(stop));
  made->parts.push_back(std::move(step));
  return finish(std::move(made));
}

Result<CallArguments> ExpressionParser::parse_arguments() {
  CallArguments out;
  advance();
  bool first = true;
  while (!is_op(")")) {
    if (!first) {
      if (!is_op(",")) return expected("','");
      advance();
      if (is_op(")")) break;
    }
    first = false;
    const bool after_spread = out.spread != nullptr || out.spread_named != nullptr;
    bool fits = true;
    if (is_op("*")) {
      fits = !after_spread;
      advance();
      JINJA_LET(value, parse_expression());
      out.spread = std::move(value);
    } else if (is_op("**")) {
      fits = out.spread_named == nullptr;
      advance();
      JINJA_LET(value, parse_expression());
      out.spread_named = std::move(value);
    } else if (current().kind == TokenKind::name && look().kind == TokenKind::op && look().text == "=") {
      fits = out.spread_named == nullptr;
      std::string name = current().text;
      advance();
      advance();
      JINJA_LET(value, parse_expression());
      const auto same = [&name](const auto& entry) { return entry.first == name; };
      if (std::any_of(out.named.begin(), out.named.end(), same)) return syntax("keyword argument repeated: " + name);
      out.named.emplace_back(std::move(name), std::move(value));
    } else {
      fits = !after_spread && out.named.empty();
      JINJA_LET(value, parse_expression());
      out.positional.push_back(std::move(value));
    }
    if (!fits) return syntax("invalid syntax for function call expression");
  }
  advance();
  return out;
}

Result<ExpressionPtr> ExpressionParser::parse_call(ExpressionPtr callee) {
  auto made = make(ExpressionKind::call, callee->at);
  made->parts.push_back(std::move(callee));
  JINJA_LET(arguments, parse_arguments());
  made->arguments = std::move(arguments);
  return finish(std::move(made));
}

Result<std::string> ExpressionParser::parse_dotted_name() {
  std::string name;
  while (true) {
    if (current().kind != TokenKind::name) return expected("a name");
    name += current().text;
    advance();
    if (!is_op(".")) return name;
    name += ".";
    advance();
  }
}

Result<ExpressionPtr> ExpressionParser::parse_filter(ExpressionPtr operand) {
  auto made = make(ExpressionKind::filter, current().at);
  made->parts.push_back(std::move(operand));
  JINJA_LET(name, parse_dotted_name());
  made->text = std::move(name);
  if (is_op("(")) {
    JINJA_LET(arguments, parse_arguments());
    made->arguments = std::move(arguments);
  }
  return finish(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::parse_filters(ExpressionPtr operand) {
  while (is_op("|")) {
    advance();
    JINJA_LET(next, parse_filter(std::move(operand)));
    operand = std::move(next);
  }
  return operand;
}

Result<ExpressionPtr> ExpressionParser::parse_test(ExpressionPtr operand) {
  auto made = make(ExpressionKind::test, current().at);
  advance();
  const bool negated = is_name("not");
  if (negated) advance();
  made->parts.push_back(std::move(operand));
  JINJA_LET(name, parse_dotted_name());
  made->text = std::move(name);
  const auto kind = current().kind;
  const bool literal = kind == TokenKind::name || kind == TokenKind::text || kind == TokenKind::integer ||
                       kind == TokenKind::real || is_op("[") || is_op("{");
  if (is_op("(")) {
    JINJA_LET(arguments, parse_arguments());
    made->arguments = std::move(arguments);
  } else if (literal && !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) return syntax("You cannot chain multiple tests with is");
    JINJA_LET(primary, parse_primary());
    JINJA_LET(argument, parse_postfix(std::move(primary)));
    made->arguments.positional.push_back(std::move(argument));
  }
  const Position at = made->at;
  JINJA_LET(test, finish(std::move(made)));
  if (!negated) return std::move(test);
  return combine(ExpressionKind::logic_not, at, std::move(test), nullptr);
}

Result<ExpressionPtr> ExpressionParser::parse_name_target() {
  if (current().kind != TokenKind::name) return expected("a name");
  auto made = make(ExpressionKind::name, current().at);
  made->text = current().text;
  made->store = true;
  static constexpr std::array<std::string_view, 6> constants = {"true", "false", "none", "True", "False", "None"};
  if (std::find(constants.begin(), constants.end(), made->text) != constants.end()) {
    return syntax("can't assign to '" + made->text + "'");
  }
  advance();
  return made;
}

Result<ExpressionPtr> ExpressionParser::parse_target(TargetOptions options) {
  const Nesting nesting(*this);
  if (!nesting.fits()) return too_deep();
  auto made = make(ExpressionKind::tuple, current().at);
  bool tuple = false;
  while (true) {
    if (!made->parts.empty()) {
      if (!is_op(",")) return expected("','");
      advance();
    }
    if (at_tuple_end(options.end)) break;
    if (is_op("(")) {
      advance();
      JINJA_LET(inner, parse_target({}));
      if (!is_op(")")) return expected("')'");
      advance();
      made->parts.push_back(std::move(inner));
    } else {
      JINJA_LET(part, parse_primary(options.spaces));
      if (part->kind != ExpressionKind::name && part->kind != ExpressionKind::space_attribute) {
        return syntax("can't assign to this expression");
      }
      part->store = true;
      made->parts.push_back(std::move(part));
    }
    if (!is_op(",")) break;
    tuple = true;
  }
  if (!tuple) {
    if (made->parts.empty()) return syntax("Expected an expression, got " + describe(current()));
    return std::move(made->parts[0]);
  }
  return finish(std::move(made));
}

}  // namespace assay::jinja
