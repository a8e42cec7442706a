// Any bytes as a template, rendered with a context that has one of everything. Nothing may crash, leak or run long.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/jinja/template.h"

namespace {

const assay::Json& context() {
  static const assay::Json json = assay::parse_json(R"({
    "n": 3, "m": -7, "f": 2.5, "z": 0, "t": true, "no": null, "s": "Hello World", "e": "", "u": "naïve Ünï 日本 😀 ß",
    "l": [1, 2, 3], "w": ["b", "A", "c", "a"], "d": {"a": 1, "b": [1, {"x": "y"}], "items": "I"},
    "users": [{"name": "Bo", "age": 5, "on": true}, {"name": "al", "age": 3, "on": false}, {"name": "Cy", "age": 5}],
    "nest": [[1, [2, 3]], [4, []]], "multi": "one two\nthree  four\n\n five-six", "html": "<a href='x'>1 & 2</a>",
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null, "tool_calls": [
      {"id": "1", "function": {"name": "f", "arguments": {"x": [1, 2.5, "é"]}}}]}],
    "tools": [{"function": {"name": "f", "parameters": {}}}], "add_generation_prompt": true, "bos_token": "<s>"})",
                                                    "context")
                                      .value();
  return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  assay::jinja::RenderOptions options;
  options.limits.steps_max = 20'000;
  options.limits.live_bytes_max = 16U << 20;
  options.limits.output_bytes_max = 1U << 20;
  options.now_seconds = 1785067200;
  const std::string_view source(reinterpret_cast<const char*>(data), size);  // NOLINT: bytes as text
  const auto parsed = assay::jinja::Template::parse(source, options.limits);
  if (!parsed) return 0;
  const auto out = parsed->render(context(), options);
  if (out && out->size() > options.limits.output_bytes_max) __builtin_trap();
  return 0;
}
