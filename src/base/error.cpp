#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace assay {

std::string_view sentence(Errc code) {
  switch (code) {
    case Errc::not_found:
      return "not found";
    case Errc::truncated:
      return "truncated";
    case Errc::bad_value:
      return "bad value";
    case Errc::unsupported:
      return "unsupported";
    case Errc::full:
      return "full";
    case Errc::timeout:
      return "timed out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::io:
      return "system error";
    case Errc::engine_lost:
      return "engine lost";
    case Errc::bug:
      return "bug in assay";
  }
  return "unknown error";
}

std::string to_string(const Error& error) {
  std::string text(sentence(error.code));
  if (!error.detail.empty()) text += ": " + error.detail;
  if (error.at != 0) text += " (byte " + std::to_string(error.at) + ")";
  return text;
}

Error with_context(std::string_view context, Error error) {
  error.detail = error.detail.empty() ? std::string(context) : std::string(context) + ": " + error.detail;
  return error;
}

void broken_invariant(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "assay: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace assay
