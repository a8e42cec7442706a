// What went wrong, for the caller's `if` (Errc) and for a person (detail).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace assay {

// One code per decision a caller may take. The sentence for each stands in error.cpp.
enum class Errc : std::uint16_t {
  not_found,    // the named thing does not exist
  truncated,    // the bytes end before the format says they may
  bad_value,    // met something other than what was expected
  unsupported,  // understood, known, and not done by this program
  full,         // a stated bound is reached: queue, context, disk
  timeout,      // the deadline passed
  cancelled,    // stopped on request
  io,           // the operating system said no
  engine_lost,  // the engine crashed, hung or broke its protocol
  bug,          // a broken promise of our own
};

// at: byte offset in the file being read, where there is one. detail: the thing, what was met, what was expected.
struct Error {
  Errc code{};
  std::uint64_t at = 0;
  std::string detail;
};

template <class T>
using Result = std::expected<T, Error>;

// The fixed sentence for a code, e.g. "not found".
std::string_view sentence(Errc code);

// "sentence: detail", with " (byte N)" where `at` is not 0.
std::string to_string(const Error& error);

inline std::unexpected<Error> fail(Errc code, std::string detail, std::uint64_t at = 0) {
  return std::unexpected(Error{code, at, std::move(detail)});
}

// The same error with "context: " before its detail; used on the way up.
Error with_context(std::string_view context, Error error);

// Assertion that stays on in release: a broken invariant of our own. Prints the place and aborts.
[[noreturn]] void broken_invariant(const char* condition, const char* file, int line);

}  // namespace assay

#define ASSAY_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::assay::broken_invariant(#condition, __FILE__, __LINE__))

// Early return of an error from a function that returns Result: ASSAY_TRY(f()); for values write
//   auto x = f(); if (!x) return std::unexpected(std::move(x.error()));
#define ASSAY_TRY(expression)                                      \
  do {                                                             \
    if (auto assay_try_result = (expression); !assay_try_result)   \
      return std::unexpected(std::move(assay_try_result.error())); \
  } while (false)
