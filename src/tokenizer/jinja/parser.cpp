#include "tokenizer/jinja/parser.h"

#include <algorithm>
#include <array>

#include "tokenizer/jinja/expression_parser.h"
#include "tokenizer/jinja/resolver.h"

namespace assay::jinja {
namespace {

// Statements of the language that load other templates or belong to template inheritance, which a chat template, standing
// alone, has no use for; and those of extensions that are not loaded.
constexpr std::array<std::string_view, 9> refused = {"include",    "import", "from",  "extends", "block",
                                                     "autoescape", "do",     "trans", "debug"};

class Parser : private ExpressionParser {
 public:
  Parser(std::vector<Token> tokens, const Limits& limits) : ExpressionParser(std::move(tokens), limits) {}

  Result<Body> run() { return parse_body({}, "the template"); }

 private:
  using Names = std::vector<std::string_view>;

  static StatementPtr make(StatementKind kind, Position at) {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->at = at;
    return statement;
  }

  // Statements until one of `ends` (its name is then current); the end of the template when `ends` is empty.
  Result<Body> parse_body(const Names& ends, std::string_view inside) {
    const Nesting nesting(*this);
    if (!nesting.fits()) return too_deep();
    Body body;
    while (current().kind != TokenKind::end) {
      const Position at = current().at;
      if (current().kind == TokenKind::data) {
        auto statement = make(StatementKind::text, at);
        statement->text = current().text;
        body.push_back(std::move(statement));
        advance();
        continue;
      }
      if (current().kind == TokenKind::print_begin) {
        advance();
        auto statement = make(StatementKind::output, at);
        JINJA_LET(value, parse_tuple({}));
        statement->expressions.push_back(std::move(value));
        if (current().kind != TokenKind::print_end) return expected("end of print statement");
        advance();
        body.push_back(std::move(statement));
        continue;
      }
      if (current().kind != TokenKind::block_begin) return expected("text or a tag");
      advance();
      if (current().kind == TokenKind::name && std::find(ends.begin(), ends.end(), current().text) != ends.end()) {
        return body;
      }
      JINJA_LET(statement, parse_statement(ends, inside));
      body.push_back(std::move(statement));
      ASSAY_TRY(expect_block_end());
    }
    if (!ends.empty()) {
      return syntax("Unexpected end of template. '" + std::string(inside) + "' waits for " + list_names(ends));
    }
    return body;
  }

  static std::string list_names(const Names& names) {
    std::string out;
    for (const auto name : names) out += (out.empty() ? "'" : " or '") + std::string(name) + "'";
    return out;
  }

  // After the head of a block tag: an optional colon, the tag's end, then the body.
  Result<Body> parse_block(const Names& ends, std::string_view inside) {
    if (is_op(":")) advance();
    ASSAY_TRY(expect_block_end());
    return parse_body(ends, inside);
  }
  // The same, with the end tag's name consumed.
  Result<Body> parse_closed(std::string_view end, std::string_view inside) {
    auto body = parse_block({end}, inside);
    if (body) advance();
    return body;
  }

  Result<void> expect_block_end() {
    if (current().kind != TokenKind::block_end) return expected("end of statement block");
    advance();
    return {};
  }

  Result<StatementPtr> parse_statement(const Names& ends, std::string_view inside) {
    if (current().kind != TokenKind::name) return syntax("tag name expected");
    const std::string name = current().text;
    const Position at = current().at;
    if (std::find(refused.begin(), refused.end(), name) != refused.end()) {
      return std::unexpected(at_position(
          at, Error{Errc::unsupported, 0, "the statement '" + name + "' is not supported in a chat template"}));
    }
    using Parse = Result<StatementPtr> (Parser::*)(Position);
    static constexpr std::array<std::pair<std::string_view, Parse>, 12> parsers = {
        {{"for", &Parser::parse_for},
         {"if", &Parser::parse_if},
         {"set", &Parser::parse_set},
         {"macro", &Parser::parse_macro},
         {"call", &Parser::parse_call_block},
         {"filter", &Parser::parse_filter_block},
         {"with", &Parser::parse_with},
         {"print", &Parser::parse_print},
         {"generation", &Parser::parse_generation},
         {"break", &Parser::parse_break},
         {"continue", &Parser::parse_continue},
         {"", nullptr}}};
    for (const auto& [tag, parse] : parsers) {
      if (parse != nullptr && tag == name) {
        advance();
        return (this->*parse)(at);
      }
    }
    std::string sentence = "Encountered unknown tag '" + name + "'.";
    if (!ends.empty()) sentence += " '" + std::string(inside) + "' waits for " + list_names(ends) + ".";
    return syntax(sentence);
  }

  Result<StatementPtr> parse_for(Position at) {
    auto statement = make(StatementKind::loop, at);
    statement->loop = std::make_unique<LoopCode>();
    LoopCode& loop = *statement->loop;
    const std::size_t target_begin = mark();
    JINJA_LET(target, parse_target({.end = "in"}));
    loop.target = std::move(target);
    if (!is_name("in")) return expected("'in'");
    advance();
    JINJA_LET(iterable, parse_tuple({.conditional = false, .end = "recursive"}));
    loop.iterable = std::move(iterable);
    if (is_name("if")) {
      advance();
      JINJA_LET(condition, parse_expression());
      loop.condition = std::move(condition);
      // The condition runs in a function of its own, so the target is read a second time for it.
      const std::size_t here = mark();
      rewind(target_begin);
      JINJA_LET(again, parse_target({.end = "in"}));
      loop.condition_target = std::move(again);
      rewind(here);
    }
    if (is_name("recursive")) {
      advance();
      loop.recursive = true;
    }
    JINJA_LET(body, parse_block({"endfor", "else"}, "for"));
    loop.body = std::move(body);
    const bool has_else = is_name("else");
    advance();
    if (has_else) {
      JINJA_LET(otherwise, parse_closed("endfor", "for"));
      loop.otherwise = std::move(otherwise);
    }
    return statement;
  }

  Result<StatementPtr> parse_if(Position at) {
    auto statement = make(StatementKind::branch, at);
    while (true) {
      JINJA_LET(test, parse_tuple({.conditional = false}));
      statement->expressions.push_back(std::move(test));
      JINJA_LET(body, parse_block({"elif", "else", "endif"}, "if"));
      statement->bodies.push_back(std::move(body));
      const std::string end = current().text;
      advance();
      if (end == "elif") continue;
      if (end == "else") {
        JINJA_LET(otherwise, parse_closed("endif", "if"));
        statement->bodies.push_back(std::move(otherwise));
      }
      return statement;
    }
  }

  Result<StatementPtr> parse_set(Position at) {
    auto statement = make(StatementKind::set, at);
    JINJA_LET(target, parse_target({.spaces = true}));
    statement->expressions.push_back(std::move(target));
    if (is_op("=")) {
      advance();
      JINJA_LET(value, parse_tuple({}));
      statement->expressions.push_back(std::move(value));
      return statement;
    }
    statement->kind = StatementKind::set_block;
    if (is_op("|")) {
      JINJA_LET(filter, parse_filters(captured_text()));
      statement->expressions.push_back(std::move(filter));
    }
    JINJA_LET(body, parse_closed("endset", "set"));
    statement->bodies.push_back(std::move(body));
    return statement;
  }

  Result<void> parse_signature(MacroCode& code) {
    if (!is_op("(")) return expected("'('");
    advance();
    while (!is_op(")")) {
      if (!code.parameters.empty()) {
        if (!is_op(",")) return expected("','");
        advance();
      }
      JINJA_LET(target, parse_name_target());
      target->store = true;
      code.parameters.push_back(target->text);
      code.targets.push_back(std::move(target));
      if (is_op("=")) {
        advance();
        JINJA_LET(value, parse_expression());
        code.defaults.push_back(std::move(value));
      } else if (!code.defaults.empty()) {
        return syntax("non-default argument follows default argument");
      }
    }
    advance();
    return {};
  }

  Result<StatementPtr> parse_macro(Position at) {
    auto statement = make(StatementKind::macro, at);
    statement->macro = std::make_unique<MacroCode>();
    statement->macro->at = at;
    JINJA_LET(target, parse_name_target());
    statement->macro->name = target->text;
    statement->text = target->text;
    ASSAY_TRY(parse_signature(*statement->macro));
    JINJA_LET(body, parse_closed("endmacro", "macro"));
    statement->macro->body = std::move(body);
    return statement;
  }

  Result<StatementPtr> parse_call_block(Position at) {
    auto statement = make(StatementKind::call_block, at);
    statement->macro = std::make_unique<MacroCode>();
    statement->macro->at = at;
    if (is_op("(")) ASSAY_TRY(parse_signature(*statement->macro));
    JINJA_LET(call, parse_expression());
    if (call->kind != ExpressionKind::call) return syntax("expected call");
    statement->expressions.push_back(std::move(call));
    JINJA_LET(body, parse_closed("endcall", "call"));
    statement->macro->body = std::move(body);
    return statement;
  }

  // What the model wrote, marked for training masks; rendering just passes it on.
  Result<StatementPtr> parse_generation(Position at) {
    auto statement = make(StatementKind::call_block, at);
    statement->macro = std::make_unique<MacroCode>();
    statement->macro->at = at;
    JINJA_LET(body, parse_closed("endgeneration", "generation"));
    statement->macro->body = std::move(body);
    return statement;
  }

  Result<StatementPtr> parse_filter_block(Position at) {
    auto statement = make(StatementKind::filter_block, at);
    JINJA_LET(first, parse_filter(captured_text()));
    JINJA_LET(filter, parse_filters(std::move(first)));
    statement->expressions.push_back(std::move(filter));
    JINJA_LET(body, parse_closed("endfilter", "filter"));
    statement->bodies.push_back(std::move(body));
    return statement;
  }

  Result<StatementPtr> parse_with(Position at) {
    auto statement = make(StatementKind::with, at);
    while (current().kind != TokenKind::block_end) {
      if (!statement->expressions.empty()) {
        if (!is_op(",")) return expected("','");
        advance();
      }
      JINJA_LET(target, parse_target({}));
      if (!is_op("=")) return expected("'='");
      advance();
      JINJA_LET(value, parse_expression());
      statement->expressions.push_back(std::move(target));
      statement->expressions.push_back(std::move(value));
    }
    JINJA_LET(body, parse_closed("endwith", "with"));
    statement->bodies.push_back(std::move(body));
    return statement;
  }

  Result<StatementPtr> parse_print(Position at) {
    auto statement = make(StatementKind::output, at);
    while (current().kind != TokenKind::block_end) {
      if (!statement->expressions.empty()) {
        if (!is_op(",")) return expected("','");
        advance();
      }
      JINJA_LET(value, parse_expression());
      statement->expressions.push_back(std::move(value));
    }
    return statement;
  }

  // NOLINTNEXTLINE(readability-convert-member-functions-to-static): one of a table of members
  Result<StatementPtr> parse_break(Position at) { return make(StatementKind::stop, at); }
  // NOLINTNEXTLINE(readability-convert-member-functions-to-static)
  Result<StatementPtr> parse_continue(Position at) { return make(StatementKind::next, at); }
};

}  // namespace

Result<Tree> parse_tree(std::string_view source, const Limits& limits) {
  if (source.size() > limits.source_bytes_max) {
    return fail(Errc::full, "the template has " + std::to_string(source.size()) + " bytes, at most " +
                                std::to_string(limits.source_bytes_max) + " are read");
  }
  JINJA_LET(tokens, tokenize(source));
  Tree tree;
  JINJA_LET(body, Parser(std::move(tokens), limits).run());
  tree.body = std::move(body);
  ASSAY_TRY(resolve(tree));
  return tree;
}

}  // namespace assay::jinja
