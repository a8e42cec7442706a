#include "cli/terminal/line_editor.h"

#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "cli/terminal/cells.h"
#include "cli/terminal/layout.h"

namespace assay::cli {
namespace {

using Kind = Key::Kind;

// All that a signal handler may touch.
volatile std::sig_atomic_t interrupt_seen = 0;
std::atomic<Stop*> to_stop{nullptr};
static_assert(std::atomic<Stop*>::is_always_lock_free);

void on_interrupt(int) {
  interrupt_seen = 1;
  if (Stop* stop = to_stop.load(std::memory_order_relaxed); stop != nullptr) stop->ask();
  wake_terminal();
}

constexpr int escape_ms = 50;   // a sequence that is longer on its way is none
constexpr int chunk_ms = 10;    // what comes so soon after came together
constexpr int report_ms = 100;  // for a terminal to say where its cursor is
constexpr int paste_ms = 2000;  // a pause in the midst of a paste

void write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool on_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

bool can_edit() {
  if (!on_terminal()) return false;
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) != "dumb";
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\n") == std::string_view::npos; }

// The longest beginning that all words share, whole characters only.
std::string shared_beginning(const std::vector<std::string>& words) {
  std::string out = words.front();
  for (const std::string& word : words) {
    const auto end = std::mismatch(out.begin(), out.end(), word.begin(), word.end()).first;
    out.erase(end, out.end());
  }
  out.resize(whole_utf8(out));
  return out;
}

// Words in columns, as `ls` shows them.
std::string in_columns(const std::vector<std::string>& words, std::size_t columns) {
  std::size_t widest = 0;
  for (const std::string& word : words) widest = std::max(widest, cells(word));
  const std::size_t across = std::max<std::size_t>(1, (columns - 1) / (widest + 2));
  const std::size_t down = (words.size() + across - 1) / across;
  std::string out;
  for (std::size_t row = 0; row < down; ++row) {
    for (std::size_t i = row; i < words.size(); i += down) {
      out += words[i];
      if (i + down < words.size()) out.append(widest + 2 - cells(words[i]), ' ');
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace

LineEditor::LineEditor(EditorOptions options)
    : options_(std::move(options)), history_(can_edit() ? options_.history_file : std::string()) {
  interactive_ = on_terminal();
  if (options_.prompt_shown.empty()) options_.prompt_shown = options_.prompt;
  if (can_edit()) {
    mode_ = std::make_unique<TerminalMode>();
    mode_->answer();
  }
}

LineEditor::Line LineEditor::read() { return mode_ == nullptr ? read_plain() : read_keys(); }

LineEditor::Line LineEditor::read_plain() {
  std::string text;
  std::string line;
  bool any = false;
  while (true) {
    if (interactive_) write_out(any ? options_.indent : options_.prompt);
    if (!std::getline(std::cin, line)) break;
    any = true;
    clear_interrupt();                          // it meant what was before this line
    if (line.ends_with('\r')) line.pop_back();  // lines as Windows ends them
    text += line;
    if (!options_.unfinished) return {Line::Kind::text, std::move(text)};
    auto more = options_.unfinished(text);
    if (!more) return {Line::Kind::text, std::move(text)};
    text = std::move(*more);
  }
  return {any ? Line::Kind::text : Line::Kind::end, std::move(text)};
}

void LineEditor::take_chunk(std::string_view bytes) {
  std::vector<Key> keys;
  decoder_.feed(bytes, keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    queue_.push_back({.key = std::move(keys[i]), .bulk = keys.size() > 1, .followed = i + 1 < keys.size()});
  }
}

bool LineEditor::receive(int milliseconds) {
  fd_set ready;
  FD_ZERO(&ready);
  FD_SET(STDIN_FILENO, &ready);
  FD_SET(mode_->wake_descriptor(), &ready);
  timeval wait{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  const int n = ::select(mode_->wake_descriptor() + 1, &ready, nullptr, nullptr, milliseconds < 0 ? nullptr : &wait);
  if (n <= 0) return true;  // late, or a signal
  mode_->drain();
  if (!FD_ISSET(STDIN_FILENO, &ready)) return true;
  std::array<char, 65536> bytes{};
  const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  take_chunk({bytes.data(), static_cast<std::size_t>(got)});
  return true;
}

void LineEditor::gather() {
  if (mode_ == nullptr || gone_) return;
  for (std::size_t before = queue_.size() + 1; !gone_ && before != queue_.size();) {
    before = queue_.size();
    gone_ = !receive(0);
  }
}

LineEditor::Line LineEditor::read_keys() {
  mode_->edit();
  buffer_.set("");
  search_.reset();
  entry_ = history_.size();
  draft_.clear();
  painted_.clear();
  painted_cursor_ = 0;
  mode_->resumed();
  mode_->resized();
  while (true) {
    while (!queue_.empty()) {
      const Queued next = std::move(queue_.front());
      queue_.pop_front();
      // The end of what arrived at once, or of the part of it that one read could take?
      if (next.key.kind == Kind::enter && next.bulk && queue_.empty()) gone_ = gone_ || !receive(chunk_ms);
      if (auto line = handle({next.key, next.bulk, next.followed || (next.bulk && !queue_.empty())})) {
        return std::move(*line);
      }
    }
    if (interrupted()) return leave(Line::Kind::interrupted, "^C");
    if (gone_) return leave(Line::Kind::end, "");
    if (mode_->resumed()) painted_.clear(), painted_cursor_ = 0;
    if (mode_->resized()) follow_resize();
    if (!queue_.empty()) continue;
    show(false);
    const int patience = decoder_.pasting() ? paste_ms : decoder_.waiting() ? escape_ms : -1;
    const std::size_t before = queue_.size();
    gone_ = !receive(patience);
    if (patience >= 0 && !gone_ && queue_.size() == before && decoder_.waiting()) {
      std::vector<Key> keys;
      decoder_.give_up(keys);
      for (Key& key : keys) queue_.push_back({.key = std::move(key)});
    }
  }
}

std::optional<LineEditor::Line> LineEditor::handle(const Queued& next) {
  const Key& key = next.key;
  if (key.kind == Kind::cursor_report) {
    const auto semicolon = key.text.find(';');
    std::size_t column = 0;
    std::from_chars(key.text.data() + semicolon + 1, key.text.data() + key.text.size(), column);
    reported_column_ = column;
    return std::nullopt;
  }
  if (search_ && search(key)) return std::nullopt;
  switch (key.kind) {
    case Kind::enter:
      return enter(next.followed);
    case Kind::interrupt:
      return leave(Line::Kind::interrupted, "^C");
    case Kind::end_of_input:
      if (buffer_.text().empty()) return leave(Line::Kind::end, "");
      buffer_.apply({Kind::erase, ""});
      break;
    case Kind::suspend:
      show(true);
      pass_below();
      mode_->suspend();
      mode_->resumed();
      painted_.clear();
      painted_cursor_ = 0;
      break;
    case Kind::quit:
      ::raise(SIGQUIT);
      break;
    case Kind::tab:
      // In the midst of what arrived at once it is part of the text, but for a command.
      if (next.followed && !buffer_.text().starts_with('/')) {
        buffer_.insert("\t");
      } else {
        complete();
      }
      break;
    case Kind::search:
      search_ = Search{"", history_.size(), buffer_.text(), buffer_.cursor()};
      break;
    case Kind::clear:
      write_out("\x1b[H\x1b[2J");
      painted_.clear();
      painted_cursor_ = 0;
      break;
    case Kind::older:
    case Kind::newer:
      browse(key.kind == Kind::older);
      break;
    default:
      if (buffer_.apply(key)) break;
      if (key.kind == Kind::up || key.kind == Kind::down) browse(key.kind == Kind::up);
      break;
  }
  return std::nullopt;
}

std::optional<LineEditor::Line> LineEditor::enter(bool followed) {
  const std::string& text = buffer_.text();
  if (followed) {
    // Pasted without marks, unless this line or the next is a command.
    const auto alone = [&](std::string_view line) { return options_.stands_alone && options_.stands_alone(line); };
    const bool next_alone = !queue_.empty() && queue_.front().key.kind == Kind::text && alone(queue_.front().key.text);
    if (!next_alone && !(text.find('\n') == std::string::npos && alone(text))) {
      buffer_.insert("\n");
      return std::nullopt;
    }
  }
  if (options_.unfinished) {
    if (auto more = options_.unfinished(text)) {
      buffer_.move_to(text.size());
      buffer_.replace_back_to(0, *more);
      return std::nullopt;
    }
  }
  if (!blank(text)) {
    if (auto kept = history_.add(text); !kept && !history_error_) history_error_ = std::move(kept.error());
  }
  return leave(Line::Kind::text, "");
}

// Leaves the text on the screen and the cursor below it.
LineEditor::Line LineEditor::leave(Line::Kind kind, const char* shown) {
  search_.reset();
  buffer_.move_to(buffer_.text().size());
  show(true);
  write_out(shown);
  write_out("\r\n");
  clear_interrupt();
  mode_->answer();
  Line line{kind, kind == Line::Kind::text ? buffer_.text() : std::string(), buffer_.text().empty()};
  buffer_.set("");
  painted_.clear();
  painted_cursor_ = 0;
  return line;
}

// True where the search takes the key; else it has ended, with what it found under edit.
bool LineEditor::search(const Key& key) {
  Search& now = *search_;
  const auto look = [&](std::size_t before) {
    const auto found = history_.find_back(now.part, before);
    now.failed = !found;
    if (!found) return;
    now.at = *found;
    const std::string& entry = history_.at(*found);
    buffer_.set(entry);
    buffer_.move_to(entry.find(now.part));
  };
  switch (key.kind) {
    case Kind::text:
      now.part += key.text;
      look(std::min(now.at + 1, history_.size()));
      return true;
    case Kind::backspace:
      now.part.resize(previous_character(now.part, now.part.size()));
      look(history_.size());
      return true;
    case Kind::search:
      if (!now.part.empty()) look(now.at);
      return true;
    case Kind::cancel:
    case Kind::interrupt:
      buffer_.set(now.text_before);
      buffer_.move_to(now.cursor_before);
      search_.reset();
      return true;
    default:
      if (now.at < history_.size()) entry_ = now.at;
      search_.reset();
      return false;
  }
}

void LineEditor::browse(bool older) {
  if (older ? entry_ == 0 : entry_ >= history_.size()) return;
  if (entry_ == history_.size()) draft_ = buffer_.text();
  entry_ = older ? entry_ - 1 : entry_ + 1;
  buffer_.set(entry_ == history_.size() ? draft_ : history_.at(entry_));
}

void LineEditor::complete() {
  if (!options_.complete) return;
  const Completion found = options_.complete(buffer_.text(), buffer_.cursor());
  if (found.words.empty()) return;
  const std::string typed = buffer_.text().substr(found.begin, buffer_.cursor() - found.begin);
  if (found.words.size() == 1) {
    const std::string& word = found.words.front();
    buffer_.replace_back_to(found.begin, word.ends_with('/') ? word : word + " ");
    return;
  }
  const std::string shared = shared_beginning(found.words);
  if (shared.size() > typed.size()) return buffer_.replace_back_to(found.begin, shared);
  show(true);
  pass_below();
  std::vector<std::string> shown;
  for (const std::string& word : found.words) {  // of a path, what can be chosen
    const auto slash = word.rfind('/', word.size() - 2);
    shown.push_back(clean_text(slash == std::string::npos || slash == 0 ? word : word.substr(slash + 1)));
  }
  write_out(in_columns(shown, terminal_size().columns));
  painted_.clear();
  painted_cursor_ = 0;
}

// Paints the prompt and the text where they were painted before. No column is ever counted: the cursor is brought to its
// place by printing the row again up to it, so that what a terminal makes of an emoji does not matter. all: more rows than
// the screen has, too, for a text that is left there.
void LineEditor::show(bool all) {
  const TerminalSize size = terminal_size();
  std::string prompt = options_.prompt;
  std::string shown = options_.prompt_shown;
  if (search_) prompt = shown = (search_->failed ? "(nothing found: " : "(search: ") + search_->part + ") ";
  Layout now = lay_out(prompt, options_.indent, buffer_.text(), buffer_.cursor(), size.columns);
  std::size_t first = 0;
  if (!all && now.rows.size() > size.rows) {
    const std::size_t last_begin = now.rows.size() - size.rows;
    first = std::min(now.cursor_row < size.rows / 2 ? 0 : now.cursor_row - size.rows / 2, last_begin);
    now.rows = {now.rows.begin() + static_cast<std::ptrdiff_t>(first),
                now.rows.begin() + static_cast<std::ptrdiff_t>(first + size.rows)};
    now.cursor_row -= first;
  }
  if (!all && !moved_ && now.rows == painted_ && now.cursor_row == painted_cursor_ &&
      now.before_cursor == painted_before_ && !search_) {
    return;
  }
  moved_ = false;
  const auto coloured = [&](const std::string& row, std::size_t i) {
    return first + i == 0 && row.starts_with(prompt) ? shown + row.substr(prompt.size()) : row;
  };
  const auto up = [](std::size_t rows) { return rows == 0 ? std::string() : "\x1b[" + std::to_string(rows) + "A"; };
  std::string out = up(painted_cursor_) + "\r";
  for (std::size_t i = 0; i < now.rows.size(); ++i) {
    out += (i == 0 ? "" : "\r\n") + coloured(now.rows[i], i) + "\x1b[K";
  }
  out += "\x1b[J" + up(now.rows.size() - 1 - now.cursor_row) + "\r";
  out += now.before_cursor.size() < prompt.size() ? now.before_cursor : coloured(now.before_cursor, now.cursor_row);
  write_out(out);
  painted_ = std::move(now.rows);
  painted_cursor_ = now.cursor_row;
  painted_before_ = std::move(now.before_cursor);
}

// The cursor to the row behind the last one painted.
void LineEditor::pass_below() {
  std::string out;
  for (std::size_t i = painted_cursor_; i < painted_.size(); ++i) out += "\r\n";
  write_out(out);
}

// After a change of the terminal's width the rows painted before may stand as they were, cut at the edge (the Linux
// console, xterm), or have been broken anew (most others): then the cursor has more rows above it. Which it is shows in
// the column of the cursor, for which the terminal is asked.
void LineEditor::follow_resize() {
  moved_ = true;
  if (painted_.empty()) return;
  const std::size_t columns = terminal_size().columns;
  const std::size_t at = cells(painted_before_);
  std::size_t above = at / columns;
  for (std::size_t i = 0; i < painted_cursor_; ++i) {
    above += std::max<std::size_t>(1, (cells(painted_[i]) + columns - 1) / columns);
  }
  if (above == painted_cursor_) return;
  reported_column_.reset();
  write_out("\x1b[6n");
  std::deque<Queued> before = std::exchange(queue_, {});
  if (!receive(report_ms)) gone_ = true;
  for (Queued& next : std::exchange(queue_, {})) {
    if (next.key.kind == Kind::cursor_report) {
      handle(next);
    } else {
      before.push_back(std::move(next));
    }
  }
  queue_ = std::move(before);
  if (!reported_column_) return;  // it says nothing: one that leaves rows as they were
  const std::size_t broken_anew = at % columns + 1;
  const std::size_t as_it_was = std::min(at + 1, columns);
  const bool says_nothing = broken_anew == as_it_was;
  if (says_nothing ? std::getenv("XTERM_VERSION") == nullptr : *reported_column_ == broken_anew)
    painted_cursor_ = above;
}

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;  // no SA_RESTART: a read that waits comes back
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return interrupt_seen != 0; }
void clear_interrupt() { interrupt_seen = 0; }

StopsOnInterrupt::StopsOnInterrupt(Stop* stop) : stop_(stop) {
  ASSAY_ASSERT(to_stop.load() == nullptr);
  to_stop = stop;
  if (stop != nullptr && interrupted()) stop->ask();  // it came just before
}

StopsOnInterrupt::~StopsOnInterrupt() {
  to_stop = nullptr;
  if (stop_ != nullptr) stop_->forget();
}

}  // namespace assay::cli
