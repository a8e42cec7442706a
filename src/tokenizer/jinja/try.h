// Early return with a value, for the interpreter's many small steps that may fail.
#pragma once

#include <utility>

#include "base/error.h"

// JINJA_LET(x, f()); is x = *f(), or returns f()'s error from a function that returns Result.
#define JINJA_LET(name, ...)                                                    \
  auto name##_result = (__VA_ARGS__);                                           \
  if (!name##_result) return std::unexpected(std::move(name##_result.error())); \
  auto& name = *name##_result /* NOLINT(bugprone-macro-parentheses): a declaration */
