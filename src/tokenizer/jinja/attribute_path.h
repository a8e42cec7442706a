// Helpers of the filters that look into items: attribute paths, sorting by key, and the lazy map and select.
#pragma once

#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/value.h"

namespace assay::jinja {

// "user.address.0": looked up part by part. An empty path gives the item itself.
class AttributePath {
 public:
  // attribute: nullptr or None for the item itself. otherwise: what an undefined part becomes (nullptr or None: stays).
  static Result<AttributePath> of(Machine& machine, const Value* attribute, const Value* otherwise = nullptr);
  Result<Value> get(Machine& machine, const Value& item) const;

 private:
  std::vector<Value> parts_;
  std::optional<Value> otherwise_;
};

struct Keyed {
  Value key;
  Value item;
};
// Stable, ascending; the first failed comparison is the error.
Result<void> sort_keyed(Machine& machine, std::vector<Keyed>& items);
Result<Value> sorted(Machine& machine, std::vector<Keyed> items, bool descending);
Value without_case(Machine& machine, const Value& value);

Result<Value> filter_map(Machine& machine, const Value& value, const Arguments& arguments);
Result<Value> filter_select(Machine& machine, const Value& value, const Arguments& arguments);
Result<Value> filter_reject(Machine& machine, const Value& value, const Arguments& arguments);
Result<Value> filter_selectattr(Machine& machine, const Value& value, const Arguments& arguments);
Result<Value> filter_rejectattr(Machine& machine, const Value& value, const Arguments& arguments);

}  // namespace assay::jinja
