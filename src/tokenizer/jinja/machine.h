// Walks a template's tree. One Machine renders once; the tree is only read, so one template may render in many threads.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/value.h"

namespace assay::jinja {

// State of a running `for` whose body mentions `loop`.
struct Loop final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::loop;
  Loop(Value i, Iterator it) : Object(object_kind), iterable(std::move(i)), iterator(std::move(it)) {}
  Value iterable;
  Iterator iterator;
  std::int64_t index0 = -1;
  std::int64_t depth0 = 0;
  std::optional<std::int64_t> length;
  bool peeked = false;
  std::optional<Value> after;  // when peeked: the next item, or nothing at the end
  Value before, now;
  std::optional<Value> changed;    // the last arguments of loop.changed, as a tuple
  const LoopCode* code = nullptr;  // when recursive
  Frame* frame = nullptr;          // where the recursive loop is written
};

class Machine {
 public:
  // now_seconds: the wall clock (UTC seconds since 1970 plus the zone's offset) that strftime_now shows; nothing: refused.
  Machine(const Limits& limits, std::optional<std::int64_t> now_seconds) : heap(limits), now_seconds_(now_seconds) {}

  Result<std::string> render(const Tree& tree, const Json& context);

  Result<Value> call(const Value& callee, Arguments arguments);
  Result<std::optional<Value>> advance(Loop& loop);
  Result<std::optional<Value>> peek(Loop& loop);
  Result<std::int64_t> loop_length(Loop& loop);
  Result<Value> from_json(const Json& json);
  std::optional<std::int64_t> now_seconds() const { return now_seconds_; }

  Heap heap;

 private:
  enum class Flow : std::uint8_t { normal, stop, next };

  Result<void> write(std::string& out, std::string_view text) const;
  void enter(const Scope& scope, Frame& frame);
  static void leave(const Scope& scope, Frame& frame);
  Value& at(Slot slot, Frame& frame) const;

  Result<Flow> execute(const Body& body, Frame& frame, std::string& out);
  Result<Flow> execute(const Statement& statement, Frame& frame, std::string& out);
  Result<Flow> execute_branch(const Statement& statement, Frame& frame, std::string& out);
  Result<Flow> execute_loop(const LoopCode& loop, Frame& frame, std::string& out);
  Result<Flow> run_loop(const LoopCode& loop, Value iterable, Frame& frame, Frame& outer, std::int64_t depth0,
                        std::string& out);
  Result<Value> run_recursive(const LoopCode& loop, Value iterable, Frame* outer, std::int64_t depth0);
  Value filtered(const LoopCode& loop, Iterator items, Frame& frame);
  Result<Flow> execute_block(const Statement& statement, Frame& frame, std::string& out);
  Result<void> execute_call_block(const Statement& statement, Frame& frame, std::string& out);

  Result<void> store(const Expression& target, Value value, Frame& frame);
  Result<void> check_spaces(const Expression& target, Frame& frame);

  Result<Value> evaluate(const Expression& expression, Frame& frame);
  Result<Value> evaluate_kind(const Expression& expression, Frame& frame);
  Result<Value> evaluate_name(const Expression& expression, Frame& frame);
  Result<Value> evaluate_compare(const Expression& expression, Frame& frame);
  Result<Value> evaluate_binary(const Expression& expression, Frame& frame);
  Result<Value> evaluate_concat(const Expression& expression, Frame& frame);
  Result<Value> evaluate_dict(const Expression& expression, Frame& frame);
  Result<Value> evaluate_slice(const Expression& expression, Frame& frame);
  Result<Value> evaluate_call(const Expression& expression, Frame& frame, const Value* caller);
  Result<Value> evaluate_filter(const Expression& expression, Frame& frame);
  Result<Value> evaluate_test(const Expression& expression, Frame& frame);
  Result<std::vector<Value>> evaluate_all(const std::vector<ExpressionPtr>& parts, Frame& frame);
  Result<Arguments> evaluate_arguments(const CallArguments& code, Frame& frame);

  Result<Value> call_macro(const Macro& macro, Arguments arguments);
  Result<Value> call_loop(Loop& loop, const Arguments& arguments);
  std::unexpected<Error> located(Position at, Error error);

  std::optional<std::int64_t> now_seconds_;
  Dict context_;          // what the caller gave, then the globals
  Value captured_;        // the text of the filter or set block whose filters run
  bool located_ = false;  // the error on its way up already names its place
};

// The language's global functions, as a new dict's entries.
Result<void> add_globals(Machine& machine, Dict& context);

}  // namespace assay::jinja
