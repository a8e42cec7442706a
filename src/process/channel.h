// A two-way byte stream between two processes (a Unix socketpair), and waiting without burning a core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/descriptor.h"
#include "base/error.h"

namespace assay::process {

struct Channel {
  Descriptor ours;
  Descriptor theirs;  // hand it down, then close it here: the end of the stream shows only when no copy is left
};
// Neither end is inherited by accident, and neither raises SIGPIPE. Errc::io.
Result<Channel> make_channel();

// An end that was handed down: from now on not inherited further, no SIGPIPE. Errc::bad_value: it is no stream socket.
Result<Descriptor> adopt_channel(int number);

// Sends what fits now and says how much, 0 where nothing does. Errc::io: the other side is gone.
Result<std::size_t> send_some(int channel, std::span<const std::byte> bytes);
// Sends all, blocking.
Result<void> send_all(int channel, std::span<const std::byte> bytes);

enum class Blocking : bool { no, yes };

// Bytes received into `into` (not empty); 0 bytes with `end` when the other side has closed, 0 without when nothing is
// there now (Blocking::no only). Errc::io.
struct Received {
  std::size_t bytes = 0;
  bool end = false;
};
Result<Received> receive_some(int channel, std::span<std::byte> into, Blocking blocking);

// Sleeps until one of the descriptors can be read or written as asked, has failed or has ended, and sets `ready` of each
// that has; or until the time is over. Negative descriptors are passed over. A signal may end the wait early.
struct Watch {
  int descriptor = -1;
  bool read = false;
  bool write = false;
  bool ready = false;
};
void wait_ready(std::span<Watch> watches, std::int64_t timeout_ns);

// Sleeps, without limit, until the other side of the channel has closed. Reads nothing: may run beside a reader.
void wait_closed(int channel);

}  // namespace assay::process
