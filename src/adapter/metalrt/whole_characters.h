// Bytes in pieces, UTF-8 out: a character that is cut waits for its rest, what can become none is U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace assay::adapter::metalrt {

class WholeCharacters final {
 public:
  // The text that is whole after these bytes.
  std::string push(std::string_view bytes);
  // What is left of a cut character.
  std::string finish();

 private:
  std::string waiting_;  // at most 3 bytes
};

}  // namespace assay::adapter::metalrt
