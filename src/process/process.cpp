#include "process/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "process/system.h"

extern char** environ;

namespace assay::process {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::string_view name_of(std::string_view setting) { return setting.substr(0, setting.find('=')); }

std::vector<std::string> merged_environment(const std::vector<std::string>& over) {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const bool replaced = std::ranges::any_of(over, [&](const auto& o) { return name_of(o) == name_of(*entry); });
    if (!replaced) out.emplace_back(*entry);
  }
  out.insert(out.end(), over.begin(), over.end());
  return out;
}

// Waits for a child that this process can no longer wait for itself, on a thread that nobody joins: it ends with the
// child or with this process.
void leave_to_reaper(std::int64_t pid) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([pid] {
      while (::waitpid(static_cast<pid_t>(pid), nullptr, 0) < 0 && errno == EINTR) {
      }
    }).detach();
  } catch (const std::system_error&) {
    // Without a thread the child stays a zombie until this process ends.
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool runnable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

}  // namespace

std::string in_words(const Ending& ending) {
  if (ending.survivor != 0) return "no end: process " + std::to_string(ending.survivor) + " outlives SIGKILL";
  if (!ending.by_signal && ending.number < 0) return "an end that the system did not tell";
  if (!ending.by_signal) return "exit code " + std::to_string(ending.number);
  const char* name = ::strsignal(ending.number);  // English: no program here sets a locale
  std::string words = name == nullptr ? "unknown" : name;
  if (!words.empty()) words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
  // macOS says "Killed: 9".
  words = words.substr(0, words.find(':'));
  return "signal " + std::to_string(ending.number) + " (" + words + ")";
}

Result<ChildProcess> ChildProcess::start(const ProcessOrder& order) {
  const auto refused = [&](int error) {
    return fail(error == ENOENT || error == ENOTDIR ? Errc::not_found : Errc::io,
                "program " + in_quotes(order.program, 400) + ": " + std::strerror(error));
  };
  std::array<int, 2> ends{};
  if (system::pipe(ends) != 0) return refused(errno);
  Descriptor readable(ends[0]);
  const Descriptor child_output(ends[1]);
  const Descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!input.open()) return refused(errno);
  auto output = OutputReader::start(std::move(readable));  // first: of the two, this is easily undone
  if (!output) return std::unexpected(with_context("program " + in_quotes(order.program, 400), output.error()));
  std::vector<std::string> arguments{order.program};
  arguments.insert(arguments.end(), order.arguments.begin(), order.arguments.end());
  std::vector<std::string> environment = merged_environment(order.environment);
  const auto argument_list = pointers(arguments);
  const auto environment_list = pointers(environment);
  const std::int64_t pid = system::start({order.program.c_str(), argument_list.data(), environment_list.data(),
                                          order.handed_down, input.number(), child_output.number()});
  if (pid < 0) return refused(errno);
  return ChildProcess(pid, std::move(*output));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::move(other.output_)),
      ending_(std::exchange(other.ending_, Ending{})) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  if (!ending_) kill();
  pid_ = std::exchange(other.pid_, -1);
  output_ = std::move(other.output_);
  ending_ = std::exchange(other.ending_, Ending{});
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!ending_) kill();
}

void ChildProcess::signal_group(int signal) const {
  ASSAY_ASSERT(pid_ > 1);  // to -1 it would reach every process there is
  ::kill(static_cast<pid_t>(-pid_), signal);
}

std::optional<Ending> ChildProcess::ended() {
  if (ending_) return ending_;
  // Looked at before it is reaped: while the zombie is there its id, and so its group's, belongs to nobody else.
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  } while (result != 0 && errno == EINTR);
  if (result == 0 && info.si_pid == 0) return std::nullopt;
  if (result != 0) {  // somebody else waited for it, or this process ignores SIGCHLD: its id may be another's already
    ending_ = Ending{false, -1};
    return ending_;
  }
  signal_group(SIGKILL);
  int status = 0;
  while (::waitpid(static_cast<pid_t>(pid_), &status, 0) < 0 && errno == EINTR) {
  }
  ending_ = WIFSIGNALED(status) ? Ending{true, WTERMSIG(status)} : Ending{false, WEXITSTATUS(status)};
  output_->stop();
  return ending_;
}

std::optional<Ending> ChildProcess::wait(std::int64_t timeout_ns) {
  const SteadyClock clock;
  const std::int64_t start_ns = clock.now_ns();
  std::int64_t pause_ns = 500'000;
  bool silent = false;  // its output has ended
  while (true) {
    if (const auto ending = ended()) return ending;
    const std::int64_t left_ns = timeout_ns - (clock.now_ns() - start_ns);
    if (left_ns <= 0) return std::nullopt;
    // No portable descriptor says that a process has ended, but its output closes when it does; sleeping in between
    // covers a grandchild that keeps it open, and one that closed it and runs on.
    const std::int64_t nap_ns = std::min(left_ns, pause_ns);
    pause_ns = std::min<std::int64_t>(pause_ns * 2, 50'000'000);
    if (silent) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(nap_ns));
    } else if (output_->wait_end(nap_ns)) {
      silent = true;
      pause_ns = 100'000;
    }
  }
}

void ChildProcess::terminate() {
  if (!ended()) signal_group(SIGTERM);
}

Ending ChildProcess::kill(std::int64_t patience_ns) {
  if (const auto ending = ended()) return *ending;
  signal_group(SIGKILL);
  if (const auto ending = wait(patience_ns)) return *ending;
  leave_to_reaper(pid_);
  output_->stop();
  ending_ = Ending{.survivor = pid_};
  return *ending_;
}

Ending ChildProcess::stop(std::int64_t grace_ns) {
  if (const auto ending = wait(grace_ns)) return *ending;
  terminate();
  if (const auto ending = wait(grace_ns)) return *ending;
  return kill();
}

Result<std::string> find_program(std::string_view name) {
  const auto missing = [&](const std::string& where) {
    return fail(Errc::not_found, "program " + in_quotes(name, 400) + ": " + where);
  };
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    if (runnable(path)) return path;
    return missing("no such program");
  }
  const char* path = std::getenv("PATH");
  if (path == nullptr || name.empty()) return missing("not on PATH");
  std::string_view rest = path;
  while (true) {
    const auto colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    std::string candidate = (folder.empty() ? std::string(".") : std::string(folder)) + "/" + std::string(name);
    if (runnable(candidate)) return candidate;
    if (colon == std::string_view::npos) return missing("not on PATH");
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace assay::process
