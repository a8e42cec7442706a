#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

namespace assay::cli {
namespace {

// The one thing a signal handler may touch.
volatile std::sig_atomic_t interrupt_seen = 0;

void on_interrupt(int) { interrupt_seen = 1; }

}  // namespace

struct LineEditor::Terminal {
  EditLine* line = nullptr;
  History* history = nullptr;
  HistEvent event{};

  Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (history != nullptr) history_end(history);
    if (line != nullptr) el_end(line);
  }
};

LineEditor::LineEditor(std::string prompt, std::string history_file)
    : prompt_(std::move(prompt)), history_file_(std::move(history_file)) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) return;
  // libedit drops what the locale cannot say; in the C locale that is everything but ASCII.
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
    if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) std::setlocale(LC_CTYPE, "en_US.UTF-8");
  }
  auto terminal = std::make_unique<Terminal>();
  terminal->line = el_init("assay", stdin, stdout, stderr);
  terminal->history = history_init();
  if (terminal->line == nullptr || terminal->history == nullptr) return;  // read plainly
  constexpr int history_lines = 1000;
  history(terminal->history, &terminal->event, H_SETSIZE, history_lines);
  history(terminal->history, &terminal->event, H_SETUNIQUE, 1);
  if (!history_file_.empty()) history(terminal->history, &terminal->event, H_LOAD, history_file_.c_str());
  el_set(terminal->line, EL_CLIENTDATA, this);
  using Prompt = char* (*)(EditLine*);
  const Prompt show = [](EditLine* line) -> char* {
    void* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return static_cast<LineEditor*>(self)->prompt_.data();
  };
  el_set(terminal->line, EL_PROMPT, show);
  el_set(terminal->line, EL_EDITOR, "emacs");
  el_set(terminal->line, EL_HIST, history, terminal->history);
  terminal_ = std::move(terminal);
}

LineEditor::~LineEditor() {
  if (terminal_ == nullptr || history_file_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(history_file_).parent_path(), ignored);
  history(terminal_->history, &terminal_->event, H_SAVE, history_file_.c_str());
  std::filesystem::permissions(history_file_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                               ignored);
}

LineEditor::Line LineEditor::read() {
  if (terminal_ == nullptr) {
    std::string text;
    if (!std::getline(std::cin, text)) return {Line::Kind::end, ""};
    if (text.ends_with('\r')) text.pop_back();  // lines as Windows ends them
    return {Line::Kind::text, std::move(text)};
  }
  int count = 0;
  const char* got = el_gets(terminal_->line, &count);
  if (interrupted()) {
    clear_interrupt();
    el_reset(terminal_->line);
    std::fputs("\n", stdout);
    return {Line::Kind::interrupted, ""};
  }
  if (got == nullptr || count <= 0) {
    std::fputs("\n", stdout);  // the shell's prompt begins a line of its own
    return {Line::Kind::end, ""};
  }
  std::string text(got, static_cast<std::size_t>(count));
  if (text.find_first_not_of(" \t\n") != std::string::npos) {
    history(terminal_->history, &terminal_->event, H_ENTER, text.c_str());
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return {Line::Kind::text, std::move(text)};
}

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;  // no SA_RESTART: a read that waits comes back
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return interrupt_seen != 0; }
void clear_interrupt() { interrupt_seen = 0; }

}  // namespace assay::cli
