// Tokens to tree.
#pragma once

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/limits.h"

namespace assay::jinja {

// Errors name line and column. Errc::bad_value: not a template. Errc::unsupported: a statement that is known and refused
// (include, import, from, extends, block, autoescape, do, trans, debug). Errc::full: too long or too deeply nested.
Result<Tree> parse_tree(std::string_view source, const Limits& limits);

}  // namespace assay::jinja
