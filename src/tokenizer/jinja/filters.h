// The filters by name.
#pragma once

#include <span>
#include <string_view>

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

struct FilterEntry {
  std::string_view name;
  // operand, then the arguments in parentheses. Errors as Python raises them.
  Result<Value> (*apply)(Machine&, const Value& operand, const Arguments&);
};

// nullptr when the language has no such filter. Filters that it has and we refuse (random, pprint, urlize) are found and
// fail with Errc::unsupported when used.
const FilterEntry* find_filter(std::string_view name);

// The parts of the table.
std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> sequence_filters();
std::span<const FilterEntry> value_filters();
std::span<const FilterEntry> markup_filters();

}  // namespace assay::jinja
