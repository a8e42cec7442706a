// For process_test: a process that SIGKILL does not end as its parent sees it. A traced process that dies is shown to its
// tracer first, and to its parent when the tracer has let it go; the tracer here does nothing for a minute. It stands for
// one that sleeps in a driver, which no test can bring about.
//
// Prints "stuck TRACER" with the tracer's id, or "refused: REASON" where this system lets nobody trace.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

int main() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return 1;
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);  // fails where nothing restricts tracing
  const pid_t traced = ::getpid();
  const pid_t tracer = ::fork();
  if (tracer == 0) {
    ::setsid();  // out of the group that is killed
    ::alarm(60);
    const long result = ::ptrace(PTRACE_SEIZE, traced, nullptr, nullptr);
    const int error = result == 0 ? 0 : errno;
    for (const int number : {0, 1, 2}) ::close(number);
    if (::write(ends[1], &error, sizeof error) != sizeof error) return 1;
    while (error == 0) ::pause();
    return 1;
  }
  int error = 0;
  if (::read(ends[0], &error, sizeof error) != sizeof error) return 1;
  if (error != 0) {
    std::printf("refused: %s\n", std::strerror(error));
    return 1;
  }
  std::printf("stuck %d\n", static_cast<int>(tracer));
  std::fflush(stdout);
  while (true) ::pause();
}
