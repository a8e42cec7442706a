#include "tokenizer/jinja/filters.h"

#include <array>

namespace assay::jinja {
namespace {

Result<Value> refuse_random(Machine&, const Value&, const Arguments&) {
  return fail(Errc::unsupported, "the filter 'random' is not supported: a prompt must not depend on chance");
}
Result<Value> refuse_pprint(Machine&, const Value&, const Arguments&) {
  return fail(Errc::unsupported, "the filter 'pprint' is not supported in a chat template");
}
Result<Value> refuse_urlize(Machine&, const Value&, const Arguments&) {
  return fail(Errc::unsupported, "the filter 'urlize' is not supported in a chat template");
}

constexpr FilterEntry refused[] = {{"random", refuse_random}, {"pprint", refuse_pprint}, {"urlize", refuse_urlize}};

}  // namespace

const FilterEntry* find_filter(std::string_view name) {
  const std::array<std::span<const FilterEntry>, 5> parts = {text_filters(), sequence_filters(), value_filters(),
                                                             markup_filters(), refused};
  for (const auto part : parts) {
    for (const FilterEntry& entry : part) {
      if (entry.name == name) return &entry;
    }
  }
  return nullptr;
}

}  // namespace assay::jinja
