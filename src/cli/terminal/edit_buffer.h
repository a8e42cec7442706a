// The text under edit and its cursor: what each key does to it. Pure; one to several lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal/keys.h"

namespace assay::cli {

class EditBuffer final {
 public:
  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // a byte at which a character begins, or text().size()

  // Replaces everything; the cursor goes to the end and what can be undone is forgotten.
  void set(std::string text);
  // At the cursor. text: clean_text().
  void insert(std::string_view text);
  // Replaces the bytes from `begin` to the cursor.
  void replace_back_to(std::size_t begin, std::string_view text);
  void move_to(std::size_t at) { cursor_ = at; }

  // Does what the key means for a text. False: it means nothing here (enter, tab, history and the like), or up on the
  // first line, down on the last.
  bool apply(const Key& key);

  std::size_t line_begin() const;
  std::size_t line_end() const;

 private:
  void remember(bool typing);
  void erase(std::size_t begin, std::size_t end, bool keep);
  std::size_t word_left() const;
  std::size_t word_right() const;
  bool move_line(bool up);
  void transpose();

  struct State {
    std::string text;
    std::size_t cursor;
  };
  std::string text_;
  std::size_t cursor_ = 0;
  std::string erased_;  // what yank gives back
  std::vector<State> before_;
  bool typing_ = false;   // the last change was typed text: more of it joins the same undo
  bool erasing_ = false;  // the last key erased: more of it joins erased_
};

}  // namespace assay::cli
