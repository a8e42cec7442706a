// What a child process prints, read on a thread of its own: the child never waits for a reader, whatever this process is
// doing or however long it does nothing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/descriptor.h"
#include "base/error.h"

namespace assay::process {

class OutputReader final {
 public:
  // `output`: the end of a pipe that is read. Errc::io: the system gives no thread or no pipe more.
  static Result<std::unique_ptr<OutputReader>> start(Descriptor output);

  ~OutputReader() { stop(); }
  OutputReader(const OutputReader&) = delete;
  OutputReader& operator=(const OutputReader&) = delete;

  // The last 8 KiB, as they came; what has been printed by now is in them.
  std::string tail();
  std::uint64_t bytes();  // read in all

  // Sleeps until nobody is left who could print, which is true, or for timeout_ns.
  bool wait_end(std::int64_t timeout_ns);

  // Takes what is there, without waiting and a bounded amount of it, and ends the thread.
  void stop();

 private:
  OutputReader(Descriptor output, Descriptor wake, Descriptor waken);
  void read_on();
  void take();  // under the lock

  Descriptor output_;
  Descriptor wake_;   // ends when waken_ is closed
  Descriptor waken_;  // of this process alone
  std::mutex lock_;   // over the rest
  std::condition_variable ended_;
  bool end_ = false;  // both its streams are closed
  bool stopping_ = false;
  std::string tail_;
  std::uint64_t bytes_ = 0;
  std::thread thread_;
};

}  // namespace assay::process
