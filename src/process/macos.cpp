#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "base/descriptor.h"
#include "process/system.h"

// Never run on hardware yet: written from the system's headers and cross-built.
namespace assay::process::system {

const int send_flags = 0;

namespace {

int close_on_exec(const std::array<int, 2>& ends) {
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  return 0;
}

}  // namespace

int socket_pair(std::array<int, 2>& ends) {
  return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0 ? -1 : close_on_exec(ends);
}
int pipe(std::array<int, 2>& ends) { return ::pipe(ends.data()) != 0 ? -1 : close_on_exec(ends); }

void no_sigpipe(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
}

// The name lives between the two calls only; names there are at most 31 characters long.
int shared_object(std::size_t bytes) {
  static std::atomic<unsigned> count{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = "/assay-" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
    Descriptor object(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (!object.open()) {
      if (errno == EEXIST) continue;
      return -1;
    }
    ::shm_unlink(name.c_str());
    if (::ftruncate(object.number(), static_cast<off_t>(bytes)) != 0) {
      const int error = errno;
      object.close();
      errno = error;
      return -1;
    }
    ::fcntl(object.number(), F_SETFD, FD_CLOEXEC);
    return object.release();
  }
  return -1;
}

std::int64_t start(const Start& start) {
  constexpr int first_handed_down = 3;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawn_file_actions_init(&actions); error != 0) {
    errno = error;
    return -1;
  }
  if (const int error = posix_spawnattr_init(&attributes); error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return -1;
  }
  // Copies out of the way first, so that no number that is still to be copied is overwritten. They close on exec, as
  // everything does that no action names.
  const int clear = first_handed_down + static_cast<int>(start.handed_down.size());
  std::array<Descriptor, 18> moved;
  ASSAY_ASSERT(start.handed_down.size() <= 16);
  moved[16] = Descriptor(::fcntl(start.input, F_DUPFD_CLOEXEC, clear));
  moved[17] = Descriptor(::fcntl(start.output, F_DUPFD_CLOEXEC, clear));
  int error = moved[16].open() && moved[17].open() ? 0 : errno;
  const auto put = [&](const Descriptor& from, int number) {
    if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, from.number(), number);
  };
  put(moved[16], 0);
  put(moved[17], 1);
  put(moved[17], 2);
  for (std::size_t i = 0; i < start.handed_down.size() && error == 0; ++i) {
    moved[i] = Descriptor(::fcntl(start.handed_down[i], F_DUPFD_CLOEXEC, clear));
    if (!moved[i].open()) error = errno;
    put(moved[i], first_handed_down + static_cast<int>(i));
  }
  sigset_t none;
  sigemptyset(&none);
  sigset_t usual;
  sigemptyset(&usual);
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) sigaddset(&usual, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  constexpr int flags =
      POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_CLOEXEC_DEFAULT;
  if (error == 0) error = posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  pid_t child = -1;
  if (error == 0) {
    error = posix_spawn(&child, start.program, &actions, &attributes, start.arguments, start.environment);
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return child;
  errno = error;
  return -1;
}

}  // namespace assay::process::system
