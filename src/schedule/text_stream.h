// What the scheduler needs to know of a tokenizer: tokens of one answer in, whole characters out.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"

namespace assay::schedule {

// The text of one answer as it grows.
class TextStream {
 public:
  virtual ~TextStream() = default;
  // Appends the characters that this token completes; none where it ends inside one.
  virtual void push(Token token, std::string& text) = 0;
  // Appends what an unfinished character is shown as.
  virtual void finish(std::string& text) = 0;
};

class Detokenize {
 public:
  virtual ~Detokenize() = default;
  // One stream per request; it may borrow this object, which outlives it.
  virtual std::unique_ptr<TextStream> start() const = 0;
};

}  // namespace assay::schedule
