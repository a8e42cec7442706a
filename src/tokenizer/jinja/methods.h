// Methods of the built-in types, as Python names them.
#pragma once

#include <string_view>

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

struct MethodEntry {
  std::string_view name;
  Method::Call call;
};

// nullptr: str has no such method.
const MethodEntry* find_text_method(std::string_view name);
// list, tuple, dict, range, int, float.
const MethodEntry* find_object_method(const Value& self, std::string_view name);

// str.split and friends, for the filters too.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);
std::vector<std::string_view> split_space(std::string_view text, std::int64_t most);
std::string replace_text(std::string_view text, std::string_view old, std::string_view fresh, std::int64_t most);
// How many bytes replace_text would make.
std::uint64_t replaced_size(std::string_view text, std::string_view old, std::string_view fresh, std::int64_t most);

}  // namespace assay::jinja
