// Fitting the arguments of a call to the parameters of a function, with Python's complaints.
#pragma once

#include <initializer_list>
#include <string_view>

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

// One entry per parameter, nullptr where none was given. An empty parameter name cannot be given by name.
// TypeError on too many, unknown, doubled or missing arguments.
Result<std::vector<const Value*>> bind(std::string_view function, std::initializer_list<std::string_view> parameters,
                                       std::size_t required, const Arguments& arguments);

// The argument as that type, or the default when it was not given. TypeError otherwise.
Result<std::int64_t> int_argument(std::string_view function, const Value* value, std::int64_t otherwise);
Result<std::string_view> text_argument(std::string_view function, const Value* value, std::string_view otherwise);
bool flag_argument(const Value* value, bool otherwise);

}  // namespace assay::jinja
