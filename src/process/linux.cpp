#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/descriptor.h"
#include "process/system.h"

namespace assay::process::system {

const int send_flags = MSG_NOSIGNAL;

int socket_pair(std::array<int, 2>& ends) { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()); }
int pipe(std::array<int, 2>& ends) { return ::pipe2(ends.data(), O_CLOEXEC); }
void no_sigpipe(int) {}

int shared_object(std::size_t bytes) {
  Descriptor object(::memfd_create("assay-logits", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!object.open() || ::ftruncate(object.number(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(object.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const int error = errno;
    object.close();
    errno = error;
    return -1;
  }
  return object.release();
}

namespace {

constexpr int first_handed_down = 3;

// All descriptors from `first` on close when the program is executed.
void close_from(int first) {
#ifdef SYS_close_range
  constexpr unsigned close_on_exec = 4;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, close_on_exec) == 0) return;
#endif
  rlimit limit{};
  constexpr rlim_t most = 65536;
  const rlim_t end = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::min(limit.rlim_cur, most) : most;
  for (int number = first; static_cast<rlim_t>(number) < end; ++number) ::fcntl(number, F_SETFD, FD_CLOEXEC);
}

// Between vfork and exec, on the caller's memory while the caller sleeps: only calls of the system, and nothing written
// that the caller reads. Returns where it failed.
void become(const Start& start, pid_t parent, bool die_with_parent) {
  ::setpgid(0, 0);
  if (die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it died before the line above
  }
  // Exec does this too, but a handler that ran before it would run on the caller's memory.
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action.sa_flags = 0;
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  }
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // First out of the way of the numbers that they are to get, then onto them (dup2 leaves them open on exec).
  const auto count = static_cast<int>(start.handed_down.size());
  const int clear = first_handed_down + count;
  std::array<int, 16> moved{};
  for (int i = 0; i < count; ++i) {
    moved[static_cast<std::size_t>(i)] = ::fcntl(start.handed_down[static_cast<std::size_t>(i)], F_DUPFD, clear);
    if (moved[static_cast<std::size_t>(i)] < 0) return;
  }
  const int input = ::fcntl(start.input, F_DUPFD, clear);
  const int output = ::fcntl(start.output, F_DUPFD, clear);
  if (input < 0 || output < 0 || ::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) return;
  for (int i = 0; i < count; ++i) {
    if (::dup2(moved[static_cast<std::size_t>(i)], first_handed_down + i) < 0) return;
  }
  close_from(clear);
  ::execve(start.program, start.arguments, start.environment);
}

// vfork, not fork: this process may hold gigabytes of weights. Copying the tables of their pages takes long, and under
// strict overcommit the system refuses it. The caller sleeps until the child has executed its program or ended.
pid_t start_child(const Start& start, pid_t parent, bool die_with_parent, int failed) {
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): become() does what vfork asks of a child
  const pid_t child = ::vfork();
  if (child != 0) return child;
  become(start, parent, die_with_parent);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failed, &error, sizeof error);
  ::_exit(127);
}

}  // namespace

std::int64_t start(const Start& start) {
  ASSAY_ASSERT(start.handed_down.size() <= 16);
  std::array<int, 2> ends{};
  if (pipe(ends) != 0) return -1;
  Descriptor failed(ends[0]);
  Descriptor fails(ends[1]);
  // The end that the child keeps must not stand where it puts what is handed down.
  if (const int clear = ::fcntl(fails.number(), F_DUPFD_CLOEXEC, first_handed_down + 16); clear >= 0) {
    fails = Descriptor(clear);
  } else {
    return -1;
  }
  const pid_t parent = ::getpid();
  const bool die_with_parent = ::syscall(SYS_gettid) == parent;
  // No handler of ours may run in the child while it has our memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = start_child(start, parent, die_with_parent, fails.number());
  const int refused = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) {
    errno = refused;
    return -1;
  }
  fails.close();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(failed.number(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof error) return child;  // closed by exec
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  errno = error;
  return -1;
}

}  // namespace assay::process::system
