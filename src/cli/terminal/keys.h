// What a terminal sends, as keys. No clock and no descriptor: bytes go in, keys come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct Key {
  enum class Kind : std::uint8_t {
    text,   // Key::text is one or more typed characters
    paste,  // Key::text is what stood between the marks of a bracketed paste, cleaned
    enter,
    new_line,  // alt-enter, shift-enter
    tab,
    backspace,
    erase,             // the delete key
    erase_word_left,   // ctrl-W, alt-backspace, ctrl-backspace
    erase_word_right,  // alt-D, ctrl-delete
    erase_to_start,    // ctrl-U
    erase_to_end,      // ctrl-K
    yank,              // ctrl-Y
    transpose,         // ctrl-T
    undo,              // ctrl-_
    left,
    right,
    up,
    down,
    word_left,   // alt-B, ctrl-left, alt-left
    word_right,  // alt-F, ctrl-right, alt-right
    home,        // of the line
    end,
    first,          // of the text: ctrl-home, alt-<
    last,           // ctrl-end, alt->
    older,          // ctrl-P, page up
    newer,          // ctrl-N, page down
    search,         // ctrl-R
    cancel,         // ctrl-G, a lone escape
    clear,          // ctrl-L
    interrupt,      // ctrl-C
    end_of_input,   // ctrl-D
    suspend,        // ctrl-Z
    quit,           // ctrl-backslash
    cursor_report,  // Key::text is "ROW;COLUMN", the answer to a question of ours
  } kind{};
  std::string text;

  bool operator==(const Key&) const = default;
};

// Takes bytes as they arrive, cut anywhere. Every escape sequence is consumed whole, known or not: it never leaves text
// behind. Bytes that are no UTF-8 become U+FFFD; a paste is cleaned as clean_text() says.
class KeyDecoder final {
 public:
  void feed(std::string_view bytes, std::vector<Key>& keys);

  // Does a sequence that was begun wait for its rest?
  bool waiting() const { return !held_.empty() || pasting_; }
  bool pasting() const { return pasting_; }

  // The rest did not come in time: a lone escape is Kind::cancel, a sequence without its end is dropped, and a paste
  // without its end is given as it is.
  void give_up(std::vector<Key>& keys);

 private:
  // The bytes of `bytes` that made a key, an ignored sequence or nothing yet (0: more is needed).
  std::size_t take(std::string_view bytes, std::vector<Key>& keys);
  std::size_t take_escape(std::string_view bytes, std::vector<Key>& keys);
  std::size_t take_csi(std::string_view bytes, std::size_t begin, bool alt, std::vector<Key>& keys);
  std::size_t take_ss3(std::string_view bytes, std::size_t begin, bool alt, std::vector<Key>& keys);

  std::string held_;  // begun and not complete
  std::string pasted_;
  bool pasting_ = false;
  bool after_return_ = false;  // a line feed now belongs to the carriage return before
};

}  // namespace assay::cli
