// Jinja templates: parsed once, rendered with a JSON context.
//
// The language is Jinja2 3.1's with trim_blocks, lstrip_blocks, loop controls and the sandbox that lets nothing change a list
// or dict, as chat templates are written for; docs/render.md lists what is there. A template reads no file, clock or
// environment: it sees its context and, if given, one fixed moment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "tokenizer/jinja/limits.h"

namespace assay::jinja {

struct Tree;

struct RenderOptions {
  Limits limits;
  // What strftime_now() formats: local wall time as seconds since 1970-01-01 00:00:00. Without it strftime_now is an error.
  std::optional<std::int64_t> now_seconds;
};

// Movable, never copied; rendering is const and may run in several threads at once.
class Template {
 public:
  // source: UTF-8. Errors name line and column: Errc::bad_value (syntax), unsupported (statements refused by name), full.
  static Result<Template> parse(std::string_view source, const Limits& limits = {});

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // context: a JSON object of variables. Errors name line and column and Python's name for the error, e.g.
  // "line 3, column 9: UndefinedError: 'tools' is undefined"; what raise_exception says comes as a TemplateError.
  Result<std::string> render(const Json& context, const RenderOptions& options = {}) const;

 private:
  explicit Template(std::unique_ptr<Tree> tree);
  std::unique_ptr<Tree> tree_;
};

}  // namespace assay::jinja
