// Template text to tokens, with the whitespace rules of trim_blocks and lstrip_blocks on and one last newline dropped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/jinja/ast.h"

namespace assay::jinja {

enum class TokenKind : std::uint8_t {
  data,
  print_begin,
  print_end,
  block_begin,
  block_end,
  name,
  text,
  integer,
  real,
  op,
  end
};

struct Token {
  TokenKind kind;
  Position at;
  std::string text;  // data; the name; the string's value; the operator
  std::int64_t integer = 0;
  double real = 0;
};

// The last token is `end`. Errc::bad_value "TemplateSyntaxError: ..." with line and column.
Result<std::vector<Token>> tokenize(std::string_view source);

// "line 3, column 7: " before the error's detail.
Error at_position(Position at, Error error);

}  // namespace assay::jinja
