#include "cli/terminal/terminal_mode.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace assay::cli {
namespace {

// What a signal handler may touch: written on the main thread before the handlers are set, or flags.
enum Mode : std::sig_atomic_t { given_back, editing, answering };
volatile std::sig_atomic_t mode_wanted = given_back;  // what the program asked for
volatile std::sig_atomic_t living = 0;
volatile std::sig_atomic_t size_changed = 0;
volatile std::sig_atomic_t went_on = 0;
std::array<int, 2> wake{-1, -1};
termios before{};
termios edit_settings{};
termios answer_settings{};

constexpr std::array ends = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
std::array<struct sigaction, ends.size()> ends_before{};
struct sigaction stop_before{};
struct sigaction go_on_before{};
struct sigaction size_before{};

constexpr std::string_view paste_marks_on = "\x1b[?2004h";
constexpr std::string_view paste_marks_off = "\x1b[?2004l";

void say(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
}

bool in_foreground() { return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

// Safe in a signal handler. Setting a terminal from the background would stop the program, or change what is the shell's.
void put(Mode mode) {
  if (!in_foreground()) return;
  sigset_t block;
  sigset_t old;
  sigemptyset(&block);
  sigaddset(&block, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &block, &old);
  if (mode == given_back) {
    say(paste_marks_off);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  } else {
    ::tcsetattr(STDIN_FILENO, TCSANOW, mode == editing ? &edit_settings : &answer_settings);
    say(paste_marks_on);
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

// What a signal did before the terminal was taken over, from within its handler.
void do_as_before(int number, const struct sigaction& usual) {
  ::sigaction(number, &usual, nullptr);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  ::raise(number);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // it comes now
}

extern "C" void on_end(int number) {
  const int saved = errno;
  if (mode_wanted != given_back) put(given_back);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] == number) do_as_before(number, ends_before[i]);
  }
  errno = saved;
}

extern "C" void on_stop(int number) {
  const int saved = errno;
  if (mode_wanted != given_back) put(given_back);
  do_as_before(number, stop_before);  // returns when the program goes on, or at once where nobody could let it go on
  struct sigaction again{};
  again.sa_handler = on_stop;
  again.sa_flags = SA_RESTART;
  sigemptyset(&again.sa_mask);
  ::sigaction(number, &again, nullptr);
  if (mode_wanted != given_back) put(static_cast<Mode>(mode_wanted));
  went_on = 1;
  wake_terminal();
  errno = saved;
}

extern "C" void on_go_on(int) {
  const int saved = errno;
  if (mode_wanted != given_back) put(static_cast<Mode>(mode_wanted));
  went_on = 1;
  wake_terminal();
  errno = saved;
}

extern "C" void on_size(int) {
  const int saved = errno;
  size_changed = 1;
  wake_terminal();
  errno = saved;
}

extern "C" void at_exit() {
  if (mode_wanted != given_back) put(given_back);
  mode_wanted = given_back;
}

void handle(int number, void (*handler)(int), struct sigaction& old, int flags) {
  ::sigaction(number, nullptr, &old);
  if (old.sa_handler == SIG_IGN) return;
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace

void wake_terminal() {
  constexpr char byte = 0;
  if (wake[1] >= 0) [[maybe_unused]]
    const auto written = ::write(wake[1], &byte, 1);
}

TerminalSize terminal_size() {
  winsize size{};
  TerminalSize out;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return out;
  if (size.ws_row > 0) out.rows = size.ws_row;
  if (size.ws_col > 0) out.columns = size.ws_col;
  return out;
}

TerminalMode::TerminalMode() {
  ASSAY_ASSERT(living == 0);
  living = 1;
  if (wake[0] < 0 && ::pipe(wake.data()) == 0) {
    for (const int descriptor : wake) {
      ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
  }
  ::tcgetattr(STDIN_FILENO, &before);
  answer_settings = before;
  answer_settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
  answer_settings.c_lflag |= ISIG | NOFLSH;  // ctrl-C stops an answer and leaves what was typed
  answer_settings.c_cc[VMIN] = 1;
  answer_settings.c_cc[VTIME] = 0;
  edit_settings = answer_settings;
  edit_settings.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR | IGNCR | ISTRIP | IXON | BRKINT | PARMRK | INPCK);
  edit_settings.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  static const int registered = std::atexit(at_exit);
  static_cast<void>(registered);
  for (std::size_t i = 0; i < ends.size(); ++i) handle(ends[i], on_end, ends_before[i], 0);
  handle(SIGTSTP, on_stop, stop_before, SA_RESTART);
  handle(SIGCONT, on_go_on, go_on_before, SA_RESTART);
  handle(SIGWINCH, on_size, size_before, SA_RESTART);
}

TerminalMode::~TerminalMode() {
  at_exit();
  for (std::size_t i = 0; i < ends.size(); ++i) ::sigaction(ends[i], &ends_before[i], nullptr);
  ::sigaction(SIGTSTP, &stop_before, nullptr);
  ::sigaction(SIGCONT, &go_on_before, nullptr);
  ::sigaction(SIGWINCH, &size_before, nullptr);
  living = 0;
}

void TerminalMode::edit() {
  mode_wanted = editing;
  put(editing);
}

void TerminalMode::answer() {
  mode_wanted = answering;
  put(answering);
}

void TerminalMode::suspend() { ::raise(SIGTSTP); }

bool TerminalMode::resized() {
  const bool was = size_changed != 0;
  size_changed = 0;
  return was;
}

bool TerminalMode::resumed() {
  const bool was = went_on != 0;
  went_on = 0;
  return was;
}

int TerminalMode::wake_descriptor() const { return wake[0]; }

void TerminalMode::drain() {
  std::array<char, 64> bytes{};
  while (::read(wake[0], bytes.data(), bytes.size()) > 0) continue;
}

}  // namespace assay::cli
