// What Python does with values: truth, comparison, arithmetic, iteration, subscripts, printing.
// Errors are Python's own by name ("TypeError: ..."); Errc::full where a bound of the heap is met.
#pragma once

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/value.h"

namespace assay::jinja {

bool truth(const Value& value);
// Python's `is`, as far as it can be told for numbers and strings: same type and same value.
bool identical(const Value& a, const Value& b);
Result<bool> equal(Heap& heap, const Value& a, const Value& b);
Result<bool> less(Heap& heap, const Value& a, const Value& b);
Result<bool> compare(Machine& machine, Comparison how, const Value& a, const Value& b);
Result<bool> contains(Machine& machine, const Value& container, const Value& item);
Result<std::uint64_t> hash(Heap& heap, const Value& value);

// An UndefinedError (or SecurityError) that says why the value is undefined.
std::unexpected<Error> undefined_error(const Value& value);

Result<Value> add(Machine& machine, const Value& a, const Value& b);
Result<Value> arithmetic(Machine& machine, ExpressionKind operation, const Value& a, const Value& b);
Result<Value> negate(const Value& value, bool minus);

// Items one by one. Keeps the value it goes over.
class Iterator {
 public:
  // TypeError when the value cannot be iterated.
  static Result<Iterator> over(const Value& value);
  // The next item, or nothing at the end.
  Result<std::optional<Value>> next(Machine& machine);

 private:
  explicit Iterator(Value value) : value_(std::move(value)) {}
  Value value_;
  std::size_t at_ = 0;
};
bool is_iterable(const Value& value);
Result<std::vector<Value>> collect(Machine& machine, const Value& iterable);
Result<std::optional<Value>> next_of(Machine& machine, Generator& generator);
// len(value); nothing where Python raises TypeError.
std::optional<std::int64_t> length(Machine& machine, const Value& value);
Result<std::int64_t> length_or_error(Machine& machine, const Value& value);
// reversed(value); nothing where Python raises TypeError.
Result<std::optional<Value>> reversed(Machine& machine, const Value& value);

Result<const Value*> lookup(Heap& heap, const Dict& dict, const Value& key);  // nullptr: no such key
const Value* lookup(const Dict& dict, std::string_view key);
Result<void> assign(Heap& heap, Dict& dict, Value key, Value value);
Value view_item(Heap& heap, const DictView& view, std::size_t index);

// x.name and x[index] by the language's rules; undefined where there is nothing.
Result<Value> get_attribute(Machine& machine, const Value& object, const Value& name);
Result<Value> get_item(Machine& machine, const Value& object, const Value& index);
Result<Value> get_slice(Machine& machine, const Value& object, const Value& start, const Value& stop,
                        const Value& step);
// getattr(x, name) alone: nothing where Python raises AttributeError.
Result<std::optional<Value>> own_attribute(Machine& machine, const Value& object, const Value& name);
bool is_callable(const Value& value);

// str(value) and repr(value). Bounded in depth, steps and size.
Result<std::string> to_string(Machine& machine, const Value& value);
Result<std::string> repr(Machine& machine, const Value& value);
std::string repr_text(std::string_view text);
Result<Value> to_text(Machine& machine, const Value& value);  // a plain string

}  // namespace assay::jinja
