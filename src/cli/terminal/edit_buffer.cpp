#include "cli/terminal/edit_buffer.h"

#include <algorithm>
#include <utility>

#include "cli/terminal/cells.h"

namespace assay::cli {

using Kind = Key::Kind;

void EditBuffer::set(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
  before_.clear();
  typing_ = erasing_ = false;
}

void EditBuffer::remember(bool typing) {
  constexpr std::size_t states_max = 200;
  if (typing && typing_) return;
  typing_ = typing;
  if (before_.size() == states_max) before_.erase(before_.begin());
  before_.push_back({text_, cursor_});
}

void EditBuffer::insert(std::string_view text) {
  remember(true);
  erasing_ = false;
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

void EditBuffer::replace_back_to(std::size_t begin, std::string_view text) {
  remember(false);
  erasing_ = false;
  text_.replace(begin, cursor_ - begin, text);
  cursor_ = begin + text.size();
}

void EditBuffer::erase(std::size_t begin, std::size_t end, bool keep) {
  if (begin == end) return;
  remember(false);
  const std::string gone = text_.substr(begin, end - begin);
  text_.erase(begin, end - begin);
  if (keep) {
    if (!erasing_) erased_.clear();
    erased_ = end == cursor_ ? gone + erased_ : erased_ + gone;
  }
  cursor_ = begin;
}

std::size_t EditBuffer::line_begin() const {
  const auto line = cursor_ == 0 ? std::string::npos : text_.rfind('\n', cursor_ - 1);
  return line == std::string::npos ? 0 : line + 1;
}

std::size_t EditBuffer::line_end() const { return std::min(text_.find('\n', cursor_), text_.size()); }

std::size_t EditBuffer::word_left() const {
  std::size_t at = cursor_;
  const auto before = [&] { return std::string_view(text_).substr(previous_character(text_, at)); };
  while (at > 0 && !in_word(before())) at = previous_character(text_, at);
  while (at > 0 && in_word(before())) at = previous_character(text_, at);
  return at;
}

std::size_t EditBuffer::word_right() const {
  std::size_t at = cursor_;
  const auto here = [&] { return std::string_view(text_).substr(at); };
  while (at < text_.size() && !in_word(here())) at = next_character(text_, at);
  while (at < text_.size() && in_word(here())) at = next_character(text_, at);
  return at;
}

// To the line above or below, at the same distance in cells from its begin, or at its end where it is shorter.
bool EditBuffer::move_line(bool up) {
  const std::size_t begin = line_begin();
  const std::size_t end = line_end();
  if (up ? begin == 0 : end == text_.size()) return false;
  const std::size_t wanted = cells(std::string_view(text_).substr(begin, cursor_ - begin));
  cursor_ = up ? begin - 1 : end + 1;
  std::size_t at = line_begin();
  const std::size_t stop = line_end();
  for (std::size_t met = 0; at < stop && met < wanted;) {
    const std::size_t next = next_character(text_, at);
    met += cells(std::string_view(text_).substr(at, next - at));
    if (met > wanted) break;
    at = next;
  }
  cursor_ = at;
  return true;
}

void EditBuffer::transpose() {
  std::size_t middle = cursor_;
  if (middle == line_end()) middle = previous_character(text_, middle);  // at the end: the two before
  if (middle <= line_begin() || middle == text_.size()) return;
  const std::size_t begin = previous_character(text_, middle);
  const std::size_t end = next_character(text_, middle);
  remember(false);
  std::rotate(text_.begin() + static_cast<std::ptrdiff_t>(begin), text_.begin() + static_cast<std::ptrdiff_t>(middle),
              text_.begin() + static_cast<std::ptrdiff_t>(end));
  cursor_ = end;
}

bool EditBuffer::apply(const Key& key) {
  const bool kills = key.kind == Kind::erase_word_left || key.kind == Kind::erase_word_right ||
                     key.kind == Kind::erase_to_start || key.kind == Kind::erase_to_end;
  if (!kills) erasing_ = false;
  if (key.kind != Kind::text) typing_ = false;
  switch (key.kind) {
    case Kind::text:
      insert(key.text);
      break;
    case Kind::paste:
      insert(key.text);
      typing_ = false;
      break;
    case Kind::new_line:
      insert("\n");
      typing_ = false;
      break;
    case Kind::backspace:
      erase(previous_character(text_, cursor_), cursor_, false);
      break;
    case Kind::erase:
      erase(cursor_, next_character(text_, cursor_), false);
      break;
    case Kind::erase_word_left:
      erase(word_left(), cursor_, true);
      break;
    case Kind::erase_word_right:
      erase(cursor_, word_right(), true);
      break;
    case Kind::erase_to_start:
      erase(line_begin(), cursor_, true);
      break;
    case Kind::erase_to_end:  // at the end of a line: the line end itself
      erase(cursor_, cursor_ == line_end() ? next_character(text_, cursor_) : line_end(), true);
      break;
    case Kind::yank:
      if (!erased_.empty()) insert(erased_);
      typing_ = false;
      break;
    case Kind::transpose:
      transpose();
      break;
    case Kind::undo:
      if (!before_.empty()) {
        text_ = std::move(before_.back().text);
        cursor_ = before_.back().cursor;
        before_.pop_back();
      }
      break;
    case Kind::left:
      cursor_ = previous_character(text_, cursor_);
      break;
    case Kind::right:
      cursor_ = next_character(text_, cursor_);
      break;
    case Kind::up:
      return move_line(true);
    case Kind::down:
      return move_line(false);
    case Kind::word_left:
      cursor_ = word_left();
      break;
    case Kind::word_right:
      cursor_ = word_right();
      break;
    case Kind::home:
      cursor_ = line_begin();
      break;
    case Kind::end:
      cursor_ = line_end();
      break;
    case Kind::first:
      cursor_ = 0;
      break;
    case Kind::last:
      cursor_ = text_.size();
      break;
    default:
      return false;
  }
  if (kills) erasing_ = true;
  return true;
}

}  // namespace assay::cli
