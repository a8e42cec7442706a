// The tests by name (what stands after `is`).
#pragma once

#include <string_view>

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

struct TestEntry {
  std::string_view name;
  Result<bool> (*holds)(Machine&, const Value& operand, const Arguments&);
};

// nullptr when there is no such test.
const TestEntry* find_test(std::string_view name);

}  // namespace assay::jinja
