#include "adapter/installed/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill and sigset_t are POSIX
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/descriptor.h"

// macOS declares it nowhere.
extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace assay::adapter {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t line_max = 4096;  // a longer line is given in pieces
constexpr std::size_t tail_lines = 12;
constexpr int tick_ms = 150;
constexpr auto grace = std::chrono::seconds(2);      // between the polite signal and the other
constexpr auto patience = std::chrono::seconds(10);  // with one that sleeps in a driver, for its end after the other

std::unexpected<Error> system_error(const std::string& what) {
  const int number = errno;
  return fail(number == ENOSPC || number == EDQUOT ? Errc::full : Errc::io, what + ": " + std::strerror(number));
}

Result<void> write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(descriptor, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error(path);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

// As a shell would need it typed.
std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                              "@%+=:,./_-") == std::string::npos)
    return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string text_of(const Command& command) {
  std::string out;
  for (const std::string& word : command.words) out += (out.empty() ? "" : " ") + quoted(word);
  return out;
}

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> out = command.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& ours : command.environment) replaced |= ours.starts_with(name);
    if (!replaced) out.emplace_back(text);
  }
  return out;
}

Result<pid_t> spawn(const std::string& program, const Command& command, int output) {
  const std::vector<std::string> environment = environment_of(command);
  std::vector<char*> words;
  std::vector<char*> variables;
  words.reserve(command.words.size() + 1);
  variables.reserve(environment.size() + 1);
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& variable : environment) variables.push_back(const_cast<char*>(variable.c_str()));
  words.push_back(nullptr);
  variables.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) sigaddset(&signals, number);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  pid_t child = -1;
  const int failed = posix_spawn(&child, program.c_str(), &actions, &attributes, words.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == 0) return child;
  errno = failed;
  return system_error(program + ": cannot be started");
}

// Has it ended? It stays a zombie, so that its group's number is not given to others before the group is dead.
bool ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Owns the group: nothing of it lives on behind this object.
class Group {
 public:
  explicit Group(pid_t leader) : leader_(leader) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    if (leader_ > 1) end();
  }

  bool leader_ended() const { return ended(leader_); }

  // Asks, waits, kills; the leader's wait status, or nothing where it does not end: it is then left behind.
  std::optional<int> end() {
    if (!leader_ended()) {
      ::kill(-leader_, SIGTERM);
      wait_for_leader(grace);
    }
    ::kill(-leader_, SIGKILL);
    wait_for_leader(patience);
    std::optional<int> status;
    int met = 0;
    if (leader_ended()) {
      while (::waitpid(leader_, &met, 0) < 0 && errno == EINTR) {
      }
      status = met;
    }
    leader_ = -1;
    return status;
  }

 private:
  void wait_for_leader(steady_clock::duration most) const {
    const auto until = steady_clock::now() + most;
    while (!leader_ended() && steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  pid_t leader_;
};

// Cuts what comes into lines; a carriage return begins a new one too (progress bars).
class Lines {
 public:
  explicit Lines(const CommandWatch& watch) : watch_(watch) {}
  void add(std::string_view text) {
    for (const char c : text) {
      if (c == '\n' || c == '\r') {
        give();
      } else {
        line_ += c;
        if (line_.size() == line_max) give();
      }
    }
  }
  void give() {
    if (!line_.empty() && watch_.line) watch_.line(line_);
    line_.clear();
  }

 private:
  const CommandWatch& watch_;
  std::string line_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<void> open_pipe(Pipe& out) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return system_error("pipe");
  out.read = Descriptor(ends[0]);
  out.write = Descriptor(ends[1]);
  for (const int end : ends) {
    if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0) return system_error("pipe");
  }
  return {};
}

}  // namespace

std::string find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos)
    return ::access(std::string(name).c_str(), X_OK) == 0 ? std::string(name) : "";
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (true) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    const std::string candidate = std::string(folder.empty() ? "." : folder) + "/" + std::string(name);
    std::error_code error;
    if (std::filesystem::is_regular_file(candidate, error) && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (colon == std::string_view::npos) return "";
    rest.remove_prefix(colon + 1);
  }
}

Result<int> run_command(const Command& command, const CommandWatch& watch) {
  ASSAY_ASSERT(!command.words.empty());
  const std::string program = find_program(command.words.front());
  if (program.empty()) return fail(Errc::not_found, command.words.front() + ": no such program on PATH");
  Descriptor log;
  if (!command.log.empty()) {
    log = Descriptor(::open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log.open()) return system_error(command.log);
    ASSAY_TRY(write_all(log.number(), "$ " + text_of(command) + "\n", command.log));
  }
  Pipe pipe;
  ASSAY_TRY(open_pipe(pipe));
  const auto child = spawn(program, command, pipe.write.number());
  if (!child) return std::unexpected(child.error());
  Group group(*child);
  pipe.write.close();

  Lines lines(watch);
  std::array<char, 65536> buffer{};
  while (true) {
    if (watch.go_on && !watch.go_on()) {
      group.end();
      return fail(Errc::cancelled, command.words.front() + ": stopped");
    }
    pollfd waiting{pipe.read.number(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, tick_ms);
    if (ready < 0 && errno != EINTR) return system_error("poll");
    if (ready <= 0) {
      // A grandchild may hold the pipe open after the program itself has ended: it is not waited for.
      if (ready == 0 && group.leader_ended()) break;
      continue;
    }
    const ssize_t got = ::read(pipe.read.number(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    if (log.open()) ASSAY_TRY(write_all(log.number(), text, command.log));
    lines.add(text);
  }
  lines.give();
  // The pipe may be closed before the program ends.
  while (!group.leader_ended()) {
    if (watch.go_on && !watch.go_on()) {
      group.end();
      return fail(Errc::cancelled, command.words.front() + ": stopped");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const std::optional<int> status = group.end();
  if (!status) {
    return fail(Errc::engine_lost, text_of(command) + ": process " + std::to_string(*child) + " outlives SIGKILL");
  }
  if (WIFEXITED(*status)) return WEXITSTATUS(*status);
  const int number = WTERMSIG(*status);
  return fail(Errc::engine_lost, text_of(command) + ": ended by signal " + std::to_string(number) + " (" +
                                     std::string(::strsignal(number)) + ")");
}

Result<void> run_to_success(const Command& command, const CommandWatch& watch) {
  std::deque<std::string> tail;
  CommandWatch both = watch;
  both.line = [&](std::string_view line) {
    if (tail.size() == tail_lines) tail.pop_front();
    tail.emplace_back(line.substr(0, 400));
    if (watch.line) watch.line(line);
  };
  const auto code = run_command(command, both);
  if (!code) return std::unexpected(code.error());
  if (*code == 0) return {};
  std::string said;
  for (const std::string& line : tail) said += "\n  | " + line;
  return fail(Errc::bad_value,
              text_of(command) + ": exit code " + std::to_string(*code) +
                  (said.empty() ? ", and it printed nothing" : "; the end of what it printed:" + said));
}

}  // namespace assay::adapter
