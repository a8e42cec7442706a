// The host's end of a worker: its process and the frames to and from it. The first failure is final: the process is then
// killed and reaped, and every further call answers the same error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "adapter/worker/wire.h"
#include "base/clock.h"
#include "base/error.h"
#include "process/channel.h"
#include "process/process.h"
#include "process/shared_memory.h"

namespace assay::adapter {

class Connection final {
 public:
  // Starts the program with a socket and shared memory of `memory_bytes`. `advice` stands at the end of the error of a
  // lost worker. Errc::not_found, Errc::io.
  static Result<std::unique_ptr<Connection>> start(const std::string& program, std::size_t memory_bytes,
                                                   const Clock& clock, std::string advice = "");

  // Asked a few times a second while waiting; false ends the worker with Errc::cancelled.
  using KeepWaiting = std::function<bool()>;
  struct Patience {
    std::int64_t timeout_ns = 0;  // from the request on
    Errc at_timeout = Errc::engine_lost;
    const KeepWaiting* keep_waiting = nullptr;
    std::int64_t awake_ns = 0;  // so long an answer is looked for without sleeping: to be woken costs tens of us
  };

  // The worker's first, unasked message.
  Result<wire::Message> greeting(const Patience& patience) { return receive(patience, clock_.now_ns()); }

  // Sends a request under a new call number.
  Result<void> ask(const wire::Message& request, const Patience& patience);
  // The next message to the last request; an error message is a Result's error and not final, unless it says that the
  // engine is lost.
  Result<wire::Message> answer(const Patience& patience, std::int64_t since_ns);
  // Both.
  Result<wire::Message> call(const wire::Message& request, const Patience& patience);

  // Ends the worker for what it said; gives the final error.
  std::unexpected<Error> lose(Errc code, const std::string& what);

  // Asks it to end and sees to it that it does: after grace_ns SIGTERM, after as long again SIGKILL. To be called last.
  void close(std::int64_t grace_ns);

  // "; it printed last: ...", or nothing where it has printed nothing.
  std::string printed() const;
  const std::optional<Error>& lost() const { return lost_; }
  std::int64_t process_id() const { return child_.pid(); }
  // Empty once it is lost.
  std::span<std::byte> memory() const { return memory_.bytes(); }

 private:
  Connection(const Clock& clock, std::string name, std::string advice, Descriptor channel, process::SharedMemory memory,
             process::ChildProcess child)
      : clock_(clock),
        name_(std::move(name)),
        advice_(std::move(advice)),
        channel_(std::move(channel)),
        memory_(std::move(memory)),
        child_(std::move(child)) {}

  Result<void> send(std::span<const std::byte> bytes, const Patience& patience);
  Result<wire::Message> receive(const Patience& patience, std::int64_t since_ns);
  // Sleeps a while at most; the socket is ready where true is given.
  Result<bool> wait(bool to_write, std::int64_t deadline_ns, const Patience& patience);
  std::unexpected<Error> lose_closed();

  const Clock& clock_;
  const std::string name_;  // of the program's file
  const std::string advice_;
  Descriptor channel_;
  process::SharedMemory memory_;
  process::ChildProcess child_;
  std::optional<Error> lost_;
  std::string doing_ = "start";
  std::uint32_t call_ = 0;
  std::vector<std::byte> in_;  // received, not yet read
  std::vector<std::byte> out_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(64 << 10);
};

}  // namespace assay::adapter
