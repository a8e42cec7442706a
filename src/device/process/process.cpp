#include "device/process/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "device/process/channel.h"
#include "device/process/system.h"

extern char** environ;

namespace assay::device {
namespace {

constexpr std::size_t tail_bytes_max = 8192;
constexpr int drain_reads_max = 64;  // of 4 KiB: four times what a pipe holds

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

bool runnable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

}  // namespace

std::string in_words(const Ending& ending) {
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
  Descriptor output(ends[0]);
  const Descriptor child_output(ends[1]);
  ::fcntl(output.number(), F_SETFL, O_NONBLOCK);
  const Descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!input.open()) return refused(errno);
  std::vector<std::string> arguments{order.program};
  arguments.insert(arguments.end(), order.arguments.begin(), order.arguments.end());
  std::vector<std::string> environment = merged_environment(order.environment);
  const auto argument_list = pointers(arguments);
  const auto environment_list = pointers(environment);
  const std::int64_t pid = system::start({order.program.c_str(), argument_list.data(), environment_list.data(),
                                          order.handed_down, input.number(), child_output.number()});
  if (pid < 0) return refused(errno);
  return ChildProcess(pid, std::move(output));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::move(other.output_)),
      ending_(std::exchange(other.ending_, Ending{})),
      tail_(std::move(other.tail_)),
      output_bytes_(other.output_bytes_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  if (!ending_) kill();
  pid_ = std::exchange(other.pid_, -1);
  output_ = std::move(other.output_);
  ending_ = std::exchange(other.ending_, Ending{});
  tail_ = std::move(other.tail_);
  output_bytes_ = other.output_bytes_;
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
  drain();
  return ending_;
}

std::optional<Ending> ChildProcess::wait(std::int64_t timeout_ns) {
  const SteadyClock clock;
  const std::int64_t start_ns = clock.now_ns();
  std::int64_t pause_ns = 500'000;
  while (true) {
    if (const auto ending = ended()) return ending;
    const std::int64_t left_ns = timeout_ns - (clock.now_ns() - start_ns);
    if (left_ns <= 0) return std::nullopt;
    // No portable descriptor says that a process has ended, but its output closes when it does; sleeping in between
    // covers a grandchild that keeps it open.
    Watch watch{output_.number(), true, false, false};
    wait_ready(std::span(&watch, 1), std::min(left_ns, pause_ns));
    if (watch.ready) {
      drain();
    } else {
      pause_ns = std::min<std::int64_t>(pause_ns * 2, 50'000'000);
    }
  }
}

void ChildProcess::terminate() {
  if (!ended()) signal_group(SIGTERM);
}

Ending ChildProcess::kill() {
  if (const auto ending = ended()) return *ending;
  signal_group(SIGKILL);
  while (true) {
    if (const auto ending = wait(1'000'000'000)) return *ending;
  }
}

Ending ChildProcess::stop(std::int64_t grace_ns) {
  if (const auto ending = wait(grace_ns)) return *ending;
  terminate();
  if (const auto ending = wait(grace_ns)) return *ending;
  return kill();
}

void ChildProcess::drain() {
  std::array<char, 4096> buffer{};
  for (int i = 0; i < drain_reads_max && output_.open(); ++i) {
    const ssize_t got = ::read(output_.number(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      output_.close();
      return;
    }
    output_bytes_ += static_cast<std::uint64_t>(got);
    tail_.append(buffer.data(), static_cast<std::size_t>(got));
    if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
  }
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

}  // namespace assay::device
