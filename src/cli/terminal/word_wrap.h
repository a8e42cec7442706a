// An answer broken between words as it comes, for a terminal of a width that may change. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::cli {

// A word goes out once the character behind it is known. Between ideographs a line may break, but not before what closes a
// sentence or a bracket. A word that is wider than the terminal begins a line of its own and is left to the terminal.
class WordWrap final {
 public:
  // What can be shown now. text: valid UTF-8 once all pieces are put together, no control characters but \n and \t. columns 0: no
  // limit; it may differ from call to call.
  std::string push(std::string_view text, std::size_t columns);
  // The rest.
  std::string finish(std::size_t columns);

 private:
  void take(std::string_view character, std::size_t columns, std::string& out);
  void place(std::size_t columns, std::string& out);

  std::string held_;    // characters that may still be added to
  std::string spaces_;  // before the word
  std::string word_;
  std::size_t at_ = 0;  // cells used in this row
  bool wide_ = false;   // the word ends with an ideograph
};

}  // namespace assay::cli
