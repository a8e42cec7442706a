#include "cli/terminal/word_wrap.h"

#include <utility>

#include "cli/terminal/cells.h"

namespace assay::cli {
namespace {

constexpr std::size_t tab = 8;

// What may not begin a line (JIS X 4051, the common ones).
bool closes(std::string_view character) {
  for (const std::string_view one :
       {"\u3001", "\u3002", "\uFF0C", "\uFF0E", "\uFF01", "\uFF1F", "\uFF1A", "\uFF1B", "\uFF09",
        "\u300D", "\u300F", "\u3011", "\u300B", "\u3009", "\u201D", "\u2019", "\u3005", "\u30FC",
        ",",      ".",      "!",      "?",      ":",      ";",      ")",      "]",      "}"}) {
    if (character == one) return true;
  }
  return false;
}

// What may not end one.
bool opens(std::string_view word) {
  for (const std::string_view one : {"\uFF08", "\u300C", "\u300E", "\u3010", "\u300A", "\u3008", "\u201C", "\u2018"}) {
    if (word.ends_with(one)) return true;
  }
  return false;
}

}  // namespace

std::string WordWrap::push(std::string_view text, std::size_t columns) {
  held_ += text;
  std::string out;
  std::size_t at = 0;
  const std::string_view all(held_.data(), whole_utf8(held_));
  while (at < all.size()) {
    const std::size_t end = next_character(all, at);
    const std::string_view character = all.substr(at, end - at);
    const bool complete = end < all.size() || character == "\n" || character == " " || character == "\t";
    if (!complete) break;  // an accent may follow
    take(character, columns, out);
    at = end;
  }
  held_.erase(0, at);
  return out;
}

std::string WordWrap::finish(std::size_t columns) {
  std::string out;
  for (std::size_t at = 0; at < held_.size();) {
    const std::size_t end = next_character(held_, at);
    take(std::string_view(held_).substr(at, end - at), columns, out);
    at = end;
  }
  held_.clear();
  place(columns, out);
  out += std::exchange(spaces_, "");
  at_ = 0;
  return out;
}

void WordWrap::take(std::string_view character, std::size_t columns, std::string& out) {
  if (character == "\n" || character == " " || character == "\t") {
    place(columns, out);
    if (character == "\n") {
      out += std::exchange(spaces_, "") + "\n";
      at_ = 0;
    } else {
      spaces_ += character;
    }
    return;
  }
  const bool wide = character.size() >= 3 && cells(character) == 2 && in_word(character);
  if ((wide || wide_) && !word_.empty() && !closes(character) && !opens(word_)) place(columns, out);
  word_ += character;
  wide_ = wide;
}

void WordWrap::place(std::size_t columns, std::string& out) {
  if (word_.empty()) return;
  std::size_t before = 0;
  for (const char c : spaces_) before += c == '\t' ? tab - (at_ + before) % tab : 1;
  const std::size_t width = cells(word_);
  if (columns > 0 && at_ > 0 && at_ + before + width > columns) {
    out += "\n";
    at_ = 0;
    before = 0;
  } else {
    out += spaces_;
  }
  out += word_;
  at_ += before + width;
  if (columns > 0 && at_ > columns) at_ %= columns;
  spaces_.clear();
  word_.clear();
  wide_ = false;
}

}  // namespace assay::cli
