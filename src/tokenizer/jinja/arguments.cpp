#include "tokenizer/jinja/arguments.h"

#include "tokenizer/jinja/operations.h"

namespace assay::jinja {

Result<std::vector<const Value*>> bind(std::string_view function, std::initializer_list<std::string_view> parameters,
                                       std::size_t required, const Arguments& arguments) {
  const std::string name = std::string(function) + "()";
  std::vector<const Value*> bound(parameters.size(), nullptr);
  if (arguments.positional.size() > parameters.size()) {
    return raise("TypeError", name + " takes at most " + std::to_string(parameters.size()) + " argument(s) (" +
                                  std::to_string(arguments.positional.size()) + " given)");
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = &arguments.positional[i];
  for (const auto& [key, value] : arguments.named) {
    std::size_t i = 0;
    while (i < parameters.size() && (key.empty() || parameters.begin()[i] != key)) ++i;
    if (i == parameters.size()) return raise("TypeError", name + " got an unexpected keyword argument '" + key + "'");
    if (bound[i] != nullptr) return raise("TypeError", name + " got multiple values for argument '" + key + "'");
    bound[i] = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (bound[i] != nullptr) continue;
    const std::string_view missing = parameters.begin()[i];
    return raise("TypeError",
                 name + " missing a required argument" + (missing.empty() ? "" : ": '" + std::string(missing) + "'"));
  }
  return bound;
}

Result<std::int64_t> int_argument(std::string_view function, const Value* value, std::int64_t otherwise) {
  if (value == nullptr) return otherwise;
  if (value->is_integral()) return value->integer();
  return raise("TypeError", std::string(function) + "(): '" + std::string(type_name(*value)) +
                                "' object cannot be interpreted as an integer");
}

Result<std::string_view> text_argument(std::string_view function, const Value* value, std::string_view otherwise) {
  if (value == nullptr) return otherwise;
  if (value->is_text()) return std::string_view(value->bytes());
  return raise("TypeError", std::string(function) + "() argument must be str, not " + std::string(type_name(*value)));
}

bool flag_argument(const Value* value, bool otherwise) { return value == nullptr ? otherwise : truth(*value); }

}  // namespace assay::jinja
