// Values that a type cannot hold, found while a tensor is converted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "tensor/dtype.h"

namespace assay::artifact {

// Of one tensor; several threads report rows at once, and the first row of the tensor is told.
class ValueCheck {
 public:
  // `written`: the type that the tensor gets.
  ValueCheck(std::string tensor, DType written) : tensor_(std::move(tensor)), written_(written) {}

  // False where an element of a source's row is no finite number.
  bool take_source(std::uint64_t row, std::span<const float> values);
  // The row as it reads back: where an element is no finite number, or a block's largest value beyond the halves is far
  // off, the value was beyond the type.
  void take_written(std::uint64_t row, std::span<const float> values, std::span<const float> back);

  // Errc::bad_value names tensor, row, column, value and type; also where every value of a tensor became 0.
  Result<void> result() const;

 private:
  struct Fault {
    std::uint64_t row = 0;
    std::string what;
  };
  void report(std::uint64_t row, std::string what);

  std::string tensor_;
  DType written_;
  mutable std::mutex mutex_;
  std::optional<Fault> first_;  // guarded by mutex_, as the rest
  bool values_ = false;         // something that is not 0 came in
  bool back_ = false;           // and was written
  bool rewritten_ = false;
};

}  // namespace assay::artifact
