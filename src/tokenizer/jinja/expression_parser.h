// The expression half of the parser; the statement parser builds on it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/lexer.h"
#include "tokenizer/jinja/limits.h"

namespace assay::jinja {

class ExpressionParser {
 protected:
  ExpressionParser(std::vector<Token> tokens, const Limits& limits) : tokens_(std::move(tokens)), limits_(limits) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  std::size_t mark() const { return at_; }
  void rewind(std::size_t to) { at_ = to; }
  bool is_op(std::string_view op) const { return current().kind == TokenKind::op && current().text == op; }
  bool is_name(std::string_view name) const { return current().kind == TokenKind::name && current().text == name; }

  // One level of recursion in the parser.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser) : parser_(parser) { ++parser_.nesting_; }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    bool fits() const { return parser_.nesting_ <= parser_.limits_.depth_max / 3; }

   private:
    ExpressionParser& parser_;
  };
  std::unexpected<Error> too_deep() const;

  // "TemplateSyntaxError: ..." at the current token.
  std::unexpected<Error> syntax(std::string sentence) const;
  std::unexpected<Error> expected(std::string_view what) const;

  struct TupleOptions {
    bool conditional = true;    // `a if b` belongs to it
    std::string_view end = {};  // a name that ends it
    bool parenthesised = false;
  };
  struct TargetOptions {
    std::string_view end = {};
    bool spaces = false;  // ns.name is a target
  };
  Result<ExpressionPtr> parse_tuple(TupleOptions options);
  Result<ExpressionPtr> parse_expression(bool conditional = true);
  Result<ExpressionPtr> parse_target(TargetOptions options);
  Result<ExpressionPtr> parse_name_target();
  // One filter, from its name on; and all that follow, from "|" on.
  Result<ExpressionPtr> parse_filter(ExpressionPtr operand);
  Result<ExpressionPtr> parse_filters(ExpressionPtr operand);
  ExpressionPtr captured_text() const { return make(ExpressionKind::captured, current().at); }

 private:
  static ExpressionPtr make(ExpressionKind kind, Position at);
  // Takes the parts' depth into account. Errc::full when the tree gets too deep to walk.
  Result<ExpressionPtr> finish(ExpressionPtr expression) const;
  Result<ExpressionPtr> combine(ExpressionKind kind, Position at, ExpressionPtr left, ExpressionPtr right) const;

  bool at_tuple_end(std::string_view end) const;
  Result<ExpressionPtr> parse_conditional();
  Result<ExpressionPtr> parse_or();
  Result<ExpressionPtr> parse_and();
  Result<ExpressionPtr> parse_not();
  Result<ExpressionPtr> parse_compare();
  Result<ExpressionPtr> parse_sum();
  Result<ExpressionPtr> parse_concat();
  Result<ExpressionPtr> parse_product();
  Result<ExpressionPtr> parse_power();
  Result<ExpressionPtr> parse_unary(bool filters = true);
  Result<ExpressionPtr> parse_primary(bool spaces = false);
  Result<ExpressionPtr> parse_list();
  Result<ExpressionPtr> parse_dict();
  Result<ExpressionPtr> parse_postfix(ExpressionPtr operand);
  Result<ExpressionPtr> parse_filter_tail(ExpressionPtr operand);
  Result<ExpressionPtr> parse_subscript(ExpressionPtr operand);
  Result<ExpressionPtr> parse_subscribed();
  Result<ExpressionPtr> parse_call(ExpressionPtr callee);
  Result<ExpressionPtr> parse_test(ExpressionPtr operand);
  Result<CallArguments> parse_arguments();
  Result<std::string> parse_dotted_name();

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;
  const Limits& limits_;
};

}  // namespace assay::jinja
