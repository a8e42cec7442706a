// Refusals that every folder writes: a number out of its range, memory that is not there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay {

// Errc::bad_value "NAME is MET, expected LOW..HIGH".
inline Result<void> in_range(std::string_view name, std::uint64_t met, std::uint64_t low, std::uint64_t high) {
  if (met >= low && met <= high) return {};
  return fail(Errc::bad_value, std::string(name) + " is " + std::to_string(met) + ", expected " + std::to_string(low) +
                                   ".." + std::to_string(high));
}

// Errc::full "WHAT: no memory for N bytes".
inline std::unexpected<Error> no_memory(std::string_view what, std::uint64_t bytes) {
  return fail(Errc::full, std::string(what) + ": no memory for " + std::to_string(bytes) + " bytes");
}

// values.resize(count), where the count comes from a setting or a file: an Error in place of an exception.
template <class T>
Result<void> resize(std::vector<T>& values, std::size_t count, std::string_view what) {
  try {
    values.resize(count);
    return {};
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return no_memory(what, std::uint64_t{count} * sizeof(T));
}

}  // namespace assay
