// The host's end of assay-worker-metalrt: its process, and frames to and from it. The first failure is final: the process
// is then killed and reaped, and every further call answers the same error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapter/metalrt/frames.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "process/channel.h"
#include "process/process.h"

namespace assay::adapter::metalrt {

class WorkerLink final {
 public:
  static Result<std::unique_ptr<WorkerLink>> start(const std::string& program, const Clock& clock,
                                                   const Stop* stop = nullptr);

  // Blocks while the worker's socket is full: short, since the worker reads all the time; one that does not is killed.
  Result<void> send(const Message& message);
  // The next message; nothing at the deadline. Errc::cancelled, for good, once a stop is asked.
  Result<std::optional<Message>> receive(std::int64_t deadline_ns);
  // Ends the worker for what it did; gives the final error.
  std::unexpected<Error> lose(Errc code, const std::string& what);
  // Asks it to end and sees to it that it does.
  void close(std::int64_t grace_ns);

  const std::optional<Error>& lost() const { return lost_; }
  std::int64_t process_id() const { return child_.pid(); }

 private:
  WorkerLink(const Clock& clock, const Stop* stop, Descriptor channel, process::ChildProcess child)
      : clock_(clock), stop_(stop), channel_(std::move(channel)), child_(std::move(child)) {}
  std::unexpected<Error> lose_closed();

  const Clock& clock_;
  const Stop* const stop_;
  Descriptor channel_;
  process::ChildProcess child_;
  std::optional<Error> lost_;
  std::vector<std::byte> in_;
  std::size_t in_begin_ = 0;
  std::vector<std::byte> out_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(64 << 10);
};

inline constexpr int worker_socket = 3;
inline constexpr const char* worker_flag = "--serve-assay";

}  // namespace assay::adapter::metalrt
