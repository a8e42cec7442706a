#include "cli/terminal/keys.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/terminal/cells.h"

namespace assay::cli {
namespace {

using Kind = Key::Kind;

constexpr char escape = '\x1b';
constexpr std::string_view paste_end = "\x1b[201~";
// A sequence longer than this is none that a terminal sends: what was held is dropped.
constexpr std::size_t sequence_max = 4096;

void add(std::vector<Key>& keys, Kind kind) { keys.push_back({kind, ""}); }

void add_text(std::vector<Key>& keys, std::string_view text) {
  std::string clean = clean_text(text);
  if (clean.empty()) return;
  if (!keys.empty() && keys.back().kind == Kind::text) {
    keys.back().text += clean;
  } else {
    keys.push_back({Kind::text, std::move(clean)});
  }
}

// The parameters of a sequence: "1;5" is {1, 5}; what is missing is 0.
std::array<unsigned, 3> parameters(std::string_view text) {
  std::array<unsigned, 3> out{};
  for (unsigned& value : out) {
    const auto end = text.find_first_of(";:");
    const std::string_view word = text.substr(0, end);
    std::from_chars(word.data(), word.data() + word.size(), value);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

// A modifier as terminals count it: 1 + shift 1 + alt 2 + ctrl 4 + meta 8.
struct Modifier {
  bool shift = false;
  bool alt = false;
  bool ctrl = false;
};

Modifier modifier(unsigned value, bool alt) {
  const unsigned bits = value == 0 ? 0 : value - 1;
  return {(bits & 1U) != 0, alt || (bits & 2U) != 0 || (bits & 8U) != 0, (bits & 4U) != 0};
}

// The cursor keys, which CSI and SS3 name by the same letters.
void cursor_key(char name, Modifier with, std::vector<Key>& keys) {
  const bool far = with.ctrl || with.alt;
  switch (name) {
    case 'A':
      return add(keys, Kind::up);
    case 'B':
      return add(keys, Kind::down);
    case 'C':
      return add(keys, far ? Kind::word_right : Kind::right);
    case 'D':
      return add(keys, far ? Kind::word_left : Kind::left);
    case 'H':
      return add(keys, far ? Kind::first : Kind::home);
    case 'F':
      return add(keys, far ? Kind::last : Kind::end);
    case 'M':  // enter of the number block
      return add(keys, far || with.shift ? Kind::new_line : Kind::enter);
    default:
      return;  // not bound
  }
}

// A control character by itself. Other kinds of control do nothing.
void control(unsigned char byte, std::vector<Key>& keys) {
  switch (byte) {
    case 0x01:
      return add(keys, Kind::home);
    case 0x02:
      return add(keys, Kind::left);
    case 0x03:
      return add(keys, Kind::interrupt);
    case 0x04:
      return add(keys, Kind::end_of_input);
    case 0x05:
      return add(keys, Kind::end);
    case 0x06:
      return add(keys, Kind::right);
    case 0x07:
      return add(keys, Kind::cancel);
    case 0x08:
    case 0x7f:
      return add(keys, Kind::backspace);
    case '\t':
      return add(keys, Kind::tab);
    case '\n':
    case '\r':
      return add(keys, Kind::enter);
    case 0x0b:
      return add(keys, Kind::erase_to_end);
    case 0x0c:
      return add(keys, Kind::clear);
    case 0x0e:
      return add(keys, Kind::newer);
    case 0x10:
      return add(keys, Kind::older);
    case 0x12:
      return add(keys, Kind::search);
    case 0x14:
      return add(keys, Kind::transpose);
    case 0x15:
      return add(keys, Kind::erase_to_start);
    case 0x17:
      return add(keys, Kind::erase_word_left);
    case 0x19:
      return add(keys, Kind::yank);
    case 0x1a:
      return add(keys, Kind::suspend);
    case 0x1c:
      return add(keys, Kind::quit);
    case 0x1f:
      return add(keys, Kind::undo);
    default:
      return;
  }
}

// Keys that a terminal reports by their code point: CSI u, and xterm's CSI 27 ; modifier ; code ~.
void coded_key(unsigned code, Modifier with, std::vector<Key>& keys) {
  if (code == '\r' || code == 57414)
    return add(keys, with.shift || with.alt || with.ctrl ? Kind::new_line : Kind::enter);
  if (code == 0x7f) return add(keys, with.ctrl || with.alt ? Kind::erase_word_left : Kind::backspace);
  if (code == '\t' && !with.shift) return add(keys, Kind::tab);
  if (code == 0x1b) return add(keys, Kind::cancel);
  if (with.ctrl && !with.alt && code < 0x80) {
    const unsigned letter = code >= 'a' && code <= 'z' ? code - 0x20 : code;
    if (letter >= 0x40 && letter < 0x60) return control(static_cast<unsigned char>(letter - 0x40), keys);
  }
}

void alt_key(unsigned char byte, std::vector<Key>& keys) {
  switch (byte) {
    case 'b':
    case 'B':
      return add(keys, Kind::word_left);
    case 'f':
    case 'F':
      return add(keys, Kind::word_right);
    case 'd':
    case 'D':
      return add(keys, Kind::erase_word_right);
    case '<':
      return add(keys, Kind::first);
    case '>':
      return add(keys, Kind::last);
    case '\r':
    case '\n':
      return add(keys, Kind::new_line);
    case 0x08:
    case 0x7f:
      return add(keys, Kind::erase_word_left);
    default:
      return;
  }
}

}  // namespace

void KeyDecoder::feed(std::string_view bytes, std::vector<Key>& keys) {
  held_ += bytes;
  std::size_t at = 0;
  while (at < held_.size()) {
    const std::string_view rest = std::string_view(held_).substr(at);
    if (pasting_) {
      const auto end = rest.find(paste_end);
      if (end == std::string_view::npos) {
        // All but what may be the beginning of the end.
        std::size_t keep = std::min(paste_end.size() - 1, rest.size());
        while (keep > 0 && !paste_end.starts_with(rest.substr(rest.size() - keep))) --keep;
        pasted_ += rest.substr(0, rest.size() - keep);
        at = held_.size() - keep;
        break;
      }
      pasted_ += rest.substr(0, end);
      at += end + paste_end.size();
      pasting_ = false;
      keys.push_back({Kind::paste, clean_text(pasted_)});
      pasted_.clear();
      continue;
    }
    const std::size_t taken = take(rest, keys);
    if (taken == 0) break;
    at += taken;
  }
  held_.erase(0, at);
  if (held_.size() > sequence_max) held_.clear();
}

void KeyDecoder::give_up(std::vector<Key>& keys) {
  if (pasting_) {
    pasting_ = false;
    keys.push_back({Kind::paste, clean_text(pasted_ + held_)});
    pasted_.clear();
  } else if (held_ == "\x1b") {
    add(keys, Kind::cancel);
  } else if (!held_.empty() && held_.front() != escape) {
    add_text(keys, held_);  // the begin of a character whose rest never came
  }
  held_.clear();
}

std::size_t KeyDecoder::take(std::string_view bytes, std::vector<Key>& keys) {
  const auto first = static_cast<unsigned char>(bytes.front());
  if (bytes.front() == escape) {
    after_return_ = false;
    return take_escape(bytes, keys);
  }
  if (first == '\n' && after_return_) {
    after_return_ = false;
    return 1;
  }
  after_return_ = first == '\r';
  if (first < 0x20 || first == 0x7f) {
    control(first, keys);
    return 1;
  }
  std::size_t end = 1;
  while (end < bytes.size() && static_cast<unsigned char>(bytes[end]) >= 0x20 && bytes[end] != 0x7f) ++end;
  if (end == bytes.size()) end = whole_utf8(bytes);
  if (end > 0) add_text(keys, bytes.substr(0, end));
  return end;
}

std::size_t KeyDecoder::take_escape(std::string_view bytes, std::vector<Key>& keys) {
  std::size_t at = 1;
  bool alt = false;
  if (bytes.size() > 1 && bytes[1] == escape) {  // alt before a key that is a sequence itself
    alt = true;
    at = 2;
  }
  if (bytes.size() == at) return 0;
  switch (bytes[at]) {
    case '[':
      return take_csi(bytes, at + 1, alt, keys);
    case 'O':
      return take_ss3(bytes, at + 1, alt, keys);
    case 'P':
    case ']':
    case '^':
    case '_':
    case 'X': {  // a string from the terminal, until BEL or ESC \ .
      for (std::size_t i = at + 1; i < bytes.size(); ++i) {
        if (bytes[i] == '\a') return i + 1;
        if (bytes[i] == escape && i + 1 < bytes.size() && bytes[i + 1] == '\\') return i + 2;
      }
      return 0;
    }
    default:
      break;
  }
  if (alt) {  // two escapes, then a plain key: the first was alone
    add(keys, Kind::cancel);
    return 1;
  }
  const auto byte = static_cast<unsigned char>(bytes[at]);
  if (byte < 0x80) {
    alt_key(byte, keys);
    return at + 1;
  }
  const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;  // alt with another letter
  return bytes.size() < at + length ? 0 : at + length;
}

std::size_t KeyDecoder::take_csi(std::string_view bytes, std::size_t begin, bool alt, std::vector<Key>& keys) {
  std::size_t end = begin;
  if (end < bytes.size() && bytes[end] == '[') return bytes.size() > end + 1 ? end + 2 : 0;  // Linux console: F1 to F5
  while (end < bytes.size() && bytes[end] >= 0x20 && bytes[end] < 0x40) {
    // rxvt ends shifted keys by '$'; elsewhere that byte stands before the last one, in answers, which begin with '?'.
    if (bytes[end] == '$' && bytes[begin] != '?') break;
    ++end;
  }
  if (end == bytes.size()) return 0;
  const char name = bytes[end];
  if (name < 0x20 || static_cast<unsigned char>(name) >= 0x7f)
    return end;  // not a sequence: drop it, keep what broke it
  const std::string_view inner = bytes.substr(begin, end - begin);
  const auto values = parameters(inner);
  const std::size_t taken = end + 1;
  if (!inner.empty() && inner.front() >= '<') return taken;  // private: an answer of the terminal, a mouse
  const Modifier with = modifier(values[1], alt);
  if (name == 'M' && inner.empty()) return bytes.size() < taken + 3 ? 0 : taken + 3;  // a mouse, as of old
  if (name == 'R' && inner.find(';') != std::string_view::npos) {
    keys.push_back({Kind::cursor_report, std::string(inner)});
    return taken;
  }
  if (name == 'u') {
    coded_key(values[0], with, keys);
    return taken;
  }
  if (name == '~' || name == '^' || name == '$' || name == '@') {  // the last three: rxvt with ctrl, shift, both
    const bool far = with.ctrl || with.alt || name == '^' || name == '@';
    switch (values[0]) {
      case 1:
      case 7:
        add(keys, far ? Kind::first : Kind::home);
        break;
      case 4:
      case 8:
        add(keys, far ? Kind::last : Kind::end);
        break;
      case 3:
        add(keys, far ? Kind::erase_word_right : Kind::erase);
        break;
      case 5:
        add(keys, Kind::older);
        break;
      case 6:
        add(keys, Kind::newer);
        break;
      case 27:
        coded_key(values[2], with, keys);
        break;
      case 200:
        if (name == '~') pasting_ = true;
        break;
      default:
        break;
    }
    return taken;
  }
  if (name >= 'a' && name <= 'd' && inner.empty()) {  // rxvt: arrows with shift
    cursor_key(static_cast<char>(name - 0x20), {.shift = true, .alt = alt}, keys);
    return taken;
  }
  if (name != 'M') cursor_key(name, with, keys);
  return taken;
}

std::size_t KeyDecoder::take_ss3(std::string_view bytes, std::size_t begin, bool alt, std::vector<Key>& keys) {
  std::size_t end = begin;
  while (end < bytes.size() && bytes[end] >= 0x30 && bytes[end] < 0x40) ++end;
  if (end == bytes.size()) return 0;
  const char name = bytes[end];
  if (name < 0x20 || static_cast<unsigned char>(name) >= 0x7f) return end;
  const std::string_view inner = bytes.substr(begin, end - begin);
  const auto values = parameters(inner);
  const unsigned with = inner.find(';') != std::string_view::npos ? values[1] : values[0];
  if (name >= 'a' && name <= 'd') {  // rxvt: arrows with ctrl
    cursor_key(static_cast<char>(name - 0x20), {.alt = alt, .ctrl = true}, keys);
  } else {
    cursor_key(name, modifier(with, alt), keys);
  }
  return end + 1;
}

}  // namespace assay::cli
