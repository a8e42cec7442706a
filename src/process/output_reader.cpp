#include "process/output_reader.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "process/channel.h"
#include "process/system.h"

namespace assay::process {
namespace {

constexpr std::size_t tail_bytes_max = 8192;
constexpr int reads_max = 64;  // of 4 KiB: four times what a pipe holds, so that a flood cannot hold whoever asks
constexpr std::int64_t long_ns = 3600'000'000'000;

}  // namespace

OutputReader::OutputReader(Descriptor output, Descriptor wake, Descriptor waken)
    : output_(std::move(output)), wake_(std::move(wake)), waken_(std::move(waken)) {}

Result<std::unique_ptr<OutputReader>> OutputReader::start(Descriptor output) {
  std::array<int, 2> ends{};
  if (system::pipe(ends) != 0) return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  ::fcntl(output.number(), F_SETFL, O_NONBLOCK);
  std::unique_ptr<OutputReader> reader(new OutputReader(std::move(output), Descriptor(ends[0]), Descriptor(ends[1])));
  // Signals are for the threads that expect them: here one would interrupt nothing that its sender meant.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<void> started;
  try {
    reader->thread_ = std::thread([raw = reader.get()] { raw->read_on(); });
  } catch (const std::system_error& error) {
    started = fail(Errc::io, std::string("a thread: ") + error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!started) return std::unexpected(std::move(started.error()));
  return reader;
}

void OutputReader::read_on() {
  std::array<Watch, 2> watches{{{output_.number(), true, false, false}, {wake_.number(), true, false, false}}};
  while (true) {
    wait_ready(watches, long_ns);
    const std::lock_guard held(lock_);
    if (stopping_) return;
    if (watches[0].ready) take();
    if (end_) break;
  }
  ended_.notify_all();
}

void OutputReader::take() {
  std::array<char, 4096> buffer{};
  for (int i = 0; i < reads_max && !end_; ++i) {
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): it does not block, see start()
    const ssize_t got = ::read(output_.number(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      end_ = true;  // closed in stop(): the thread may be waiting for it
      return;
    }
    bytes_ += static_cast<std::uint64_t>(got);
    tail_.append(buffer.data(), static_cast<std::size_t>(got));
    if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
  }
}

std::string OutputReader::tail() {
  const std::lock_guard held(lock_);
  if (output_.open()) take();
  return tail_;
}

std::uint64_t OutputReader::bytes() {
  const std::lock_guard held(lock_);
  if (output_.open()) take();
  return bytes_;
}

bool OutputReader::wait_end(std::int64_t timeout_ns) {
  std::unique_lock held(lock_);
  return ended_.wait_for(held, std::chrono::nanoseconds(timeout_ns), [&] { return end_; });
}

void OutputReader::stop() {
  if (thread_.joinable()) {
    {
      const std::lock_guard held(lock_);
      stopping_ = true;
    }
    waken_.close();
    thread_.join();
  }
  if (!output_.open()) return;
  take();
  end_ = true;
  output_.close();
  wake_.close();
}

}  // namespace assay::process
