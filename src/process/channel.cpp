#include "process/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "process/system.h"

namespace assay::process {
namespace {

std::unexpected<Error> refused(const char* what) {
  return fail(Errc::io, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

Result<Channel> make_channel() {
  std::array<int, 2> ends{};
  if (system::socket_pair(ends) != 0) return refused("socketpair");
  for (const int end : ends) system::no_sigpipe(end);
  return Channel{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<Descriptor> adopt_channel(int number) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    return fail(Errc::bad_value, "descriptor " + std::to_string(number) + ": expected a stream socket");
  }
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  system::no_sigpipe(number);
  return Descriptor(number);
}

Result<std::size_t> send_some(int channel, std::span<const std::byte> bytes) {
  while (true) {
    const ssize_t sent = ::send(channel, bytes.data(), bytes.size(), system::send_flags | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return 0;
    if (errno != EINTR) return refused("send");
  }
}

Result<void> send_all(int channel, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(channel, bytes.data(), bytes.size(), system::send_flags);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return refused("send");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<Received> receive_some(int channel, std::span<std::byte> into, Blocking blocking) {
  while (true) {
    const ssize_t got = ::recv(channel, into.data(), into.size(), blocking == Blocking::yes ? 0 : MSG_DONTWAIT);
    if (got > 0) return Received{static_cast<std::size_t>(got), false};
    if (got == 0 || errno == ECONNRESET) return Received{0, true};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Received{0, false};
    if (errno != EINTR) return refused("recv");
  }
}

void wait_ready(std::span<Watch> watches, std::int64_t timeout_ns) {
  constexpr std::int64_t ms = 1'000'000;
  constexpr std::int64_t longest_ms = 1'000'000'000;
  std::array<pollfd, 8> polled{};
  ASSAY_ASSERT(watches.size() <= polled.size());
  for (std::size_t i = 0; i < watches.size(); ++i) {
    const int events = (watches[i].read ? POLLIN : 0) | (watches[i].write ? POLLOUT : 0);
    polled[i] = {watches[i].descriptor, static_cast<short>(events), 0};
    watches[i].ready = false;
  }
  // Rounded up: a wait that ends early would turn the last millisecond of a deadline into a loop.
  const std::int64_t timeout_ms = std::clamp<std::int64_t>((timeout_ns + ms - 1) / ms, 0, longest_ms);
  if (::poll(polled.data(), static_cast<nfds_t>(watches.size()), static_cast<int>(timeout_ms)) <= 0) return;
  for (std::size_t i = 0; i < watches.size(); ++i) watches[i].ready = polled[i].revents != 0;
}

void wait_closed(int channel) {
  while (true) {
    pollfd polled{channel, 0, 0};  // POLLHUP and POLLERR are told unasked
    if (::poll(&polled, 1, -1) > 0 && polled.revents != 0) return;
  }
}

}  // namespace assay::process
