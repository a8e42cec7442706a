// The tree of a parsed template. The parser makes it, the resolver gives every variable its slot, the machine walks it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

struct Position {
  std::uint32_t line = 1;    // from 1
  std::uint32_t column = 1;  // from 1, in code points
};

// A variable: `hops` frames outwards from the current one, then `index` in its slots.
struct Slot {
  std::uint32_t hops = 0;
  std::uint32_t index = 0;
};

// What a scope does with one of its own variables when it is entered.
struct Load {
  enum class From : std::uint8_t { context, outer, nothing };
  From from;
  std::uint32_t slot;  // in the current frame
  Slot outer;          // for From::outer
  std::string name;    // for From::context
};
struct Scope {
  std::vector<Load> loads;
  std::vector<std::uint32_t> own;  // slots that are unset again on leaving
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind : std::uint8_t {
  constant,
  name,
  list,
  tuple,
  dict,
  conditional,
  logic_and,
  logic_or,
  logic_not,
  compare,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  negate,
  plus,
  concat,
  attribute,
  item,
  slice,
  call,
  filter,
  test,
  space_attribute,
  captured,  // the text of a filter block or set block, as the innermost operand of its filters
};

enum class Comparison : std::uint8_t { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr spread;        // *args
  ExpressionPtr spread_named;  // **kwargs
};

struct FilterEntry;
struct TestEntry;

// One struct for all kinds: `parts` are the operands in order.
//   name                text = the name, slot by the resolver
//   dict                key, value, key, value, ...
//   conditional         test, value, [otherwise]
//   compare             first, then one per comparison
//   attribute           object; text = attribute
//   item                object, index
//   slice               object, start, stop, step (each may be null)
//   call/filter/test    callee or operand; arguments; text = filter or test name
//   space_attribute     text = variable, attribute = its member (an assignment target)
struct Expression {
  ExpressionKind kind;
  Position at;
  std::uint32_t depth = 1;
  bool store = false;  // a name that is assigned, not read
  std::vector<ExpressionPtr> parts;
  std::string text;
  std::string attribute;
  Value value;
  Slot slot;
  std::vector<Comparison> comparisons;
  CallArguments arguments;
  const FilterEntry* filter = nullptr;
  const TestEntry* test = nullptr;
};

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

enum class StatementKind : std::uint8_t {
  text,
  output,
  branch,
  loop,
  set,
  set_block,
  macro,
  call_block,
  filter_block,
  with,
  stop,
  next
};

// Macros, call blocks and generation blocks: a body with parameters and its own frame.
struct MacroCode {
  std::string name;  // empty: anonymous (a caller)
  Position at;
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> targets;   // the parameters as names
  std::vector<ExpressionPtr> defaults;  // for the last ones
  Body body;
  // by the resolver
  bool wants_caller = false, wants_named = false, wants_rest = false;
  std::vector<std::uint32_t> argument_slots;  // parameters, then caller, kwargs, varargs as wanted
  std::uint32_t slots = 0;
  Scope scope;
};

struct LoopCode {
  ExpressionPtr target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // may be null
  Body body, otherwise;
  bool recursive = false;
  // by the resolver
  bool uses_loop = false;
  std::uint32_t loop_slot = 0;
  Scope scope, else_scope;
  std::uint32_t recursive_slots = 0;  // a recursive loop is a function with its own frame
  // the condition is a generator function with its own frame
  ExpressionPtr condition_target;
  Scope condition_scope;
  std::uint32_t condition_slots = 0;
};

// expressions:  output: what to print       branch: the tests (bodies has one more when there is an else)
//               set: target, value          set_block: target, [filter]       filter_block: filter
//               with: target, value, ...    call_block: the call (null for `generation`)
struct Statement {
  StatementKind kind;
  Position at;
  std::string text;
  std::vector<ExpressionPtr> expressions;
  std::vector<Body> bodies;
  Scope scope;
  Slot slot;  // macro: where it is kept
  std::unique_ptr<MacroCode> macro;
  std::unique_ptr<LoopCode> loop;
};

struct Tree {
  Body body;
  Scope scope;
  std::uint32_t slots = 0;
};

}  // namespace assay::jinja
