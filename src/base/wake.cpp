#include "base/wake.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>

namespace assay {
namespace {

// pipe2() is not there on macOS.
Result<void> prepare(int descriptor) {
  if (::fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 && ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0) return {};
  return fail(Errc::io, std::string("wake: ") + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<Wake>> Wake::make() {
  int ends[2];
  if (::pipe(ends) != 0) return fail(Errc::io, std::string("wake: ") + std::strerror(errno));
  Descriptor read(ends[0]);
  Descriptor write(ends[1]);
  ASSAY_TRY(prepare(read.number()));
  ASSAY_TRY(prepare(write.number()));
  return std::unique_ptr<Wake>(new Wake(std::move(read), std::move(write)));
}

void Wake::notify() noexcept {
  const int before = errno;  // of the code that a signal interrupted
  raised_.store(true, std::memory_order_release);
  // A full pipe is one that wakes already.
  while (::write(write_.number(), "", 1) < 0 && errno == EINTR) {
  }
  errno = before;
}

bool Wake::take() noexcept {
  if (!raised_.load(std::memory_order_relaxed) || !raised_.exchange(false, std::memory_order_acq_rel)) return false;
  drain();
  return true;
}

bool Wake::wait(std::int64_t ns) noexcept {
  if (take()) return true;
  if (ns <= 0) return false;
  const std::int64_t ms = ns / 1'000'000 + (ns % 1'000'000 != 0 ? 1 : 0);
  pollfd one{read_.number(), POLLIN, 0};
  const auto most = static_cast<std::int64_t>(std::numeric_limits<int>::max());
  if (::poll(&one, 1, static_cast<int>(std::min(ms, most))) <= 0) return take();  // also where a signal came
  raised_.exchange(false, std::memory_order_acq_rel);
  drain();
  return true;
}

void Wake::drain() noexcept {
  char bytes[64];
  while (::read(read_.number(), bytes, sizeof bytes) > 0) {
  }
}

}  // namespace assay
