#include "adapter/metalrt/worker_link.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "adapter/worker/plain_text.h"

namespace assay::adapter::metalrt {
namespace {

constexpr std::int64_t look_every_ns = 100'000'000;      // for an end that closes nothing, and for a stop
constexpr std::int64_t ending_grace_ns = 2'000'000'000;  // from the end of the stream to that of the process
constexpr std::int64_t send_timeout_ns = 10'000'000'000;
constexpr std::size_t printed_bytes_max = 600;

}  // namespace

Result<std::unique_ptr<WorkerLink>> WorkerLink::start(const std::string& program, const Clock& clock,
                                                      const Stop* stop) {
  auto channel = process::make_channel();
  if (!channel) return std::unexpected(std::move(channel.error()));
  static_assert(worker_socket == 3, "the order of handed_down");
  auto child = process::ChildProcess::start({program, {worker_flag}, {}, {channel->theirs.number()}});
  if (!child) return std::unexpected(std::move(child.error()));
  return std::unique_ptr<WorkerLink>(new WorkerLink(clock, stop, std::move(channel->ours), std::move(*child)));
}

std::unexpected<Error> WorkerLink::lose(Errc code, const std::string& what) {
  if (!lost_) {
    channel_.close();
    const process::Ending ending = child_.kill();
    const std::string all = child_.output_end();
    std::string_view end = all;
    if (end.size() > printed_bytes_max) end.remove_prefix(end.size() - printed_bytes_max);
    const std::string printed = plain_text(end, printed_bytes_max);
    lost_ = Error{code, 0,
                  "metalrt: " + what + (ending.survivor != 0 ? "; " + process::in_words(ending) : "") +
                      (printed.empty() ? "" : "; it printed last: " + printed)};
  }
  return std::unexpected(*lost_);
}

std::unexpected<Error> WorkerLink::lose_closed() {
  if (lost_) return std::unexpected(*lost_);
  channel_.close();
  const auto ending = child_.wait(ending_grace_ns);
  return lose(Errc::engine_lost, ending ? "its process ended with " + process::in_words(*ending)
                                        : "its process closed the connection and went on running");
}

Result<void> WorkerLink::send(const Message& message) {
  if (lost_) return std::unexpected(*lost_);
  out_.clear();
  append(out_, message);
  std::span<const std::byte> rest = out_;
  const std::int64_t deadline_ns = clock_.now_ns() + send_timeout_ns;
  while (true) {
    const auto sent = process::send_some(channel_.number(), rest);
    if (!sent) return lose_closed();
    rest = rest.subspan(*sent);
    if (rest.empty()) return {};
    if (clock_.now_ns() >= deadline_ns) return lose(Errc::engine_lost, "its process does not read, killed");
    process::Watch watch{channel_.number(), false, true, false};
    process::wait_ready(std::span(&watch, 1), look_every_ns);
  }
}

Result<std::optional<Message>> WorkerLink::receive(std::int64_t deadline_ns) {
  while (true) {
    if (lost_) return std::unexpected(*lost_);
    auto frame = read_frame(std::span(in_).subspan(in_begin_));
    if (!frame) return lose(Errc::engine_lost, "it broke the protocol: " + frame.error().detail);
    if (*frame) {
      in_begin_ += (*frame)->bytes;
      return std::move((*frame)->message);
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(in_begin_));
    in_begin_ = 0;
    if (asked(stop_)) return lose(Errc::cancelled, "stopped on request");
    const std::int64_t left_ns = deadline_ns - clock_.now_ns();
    process::Watch watch{channel_.number(), true, false, false};
    process::wait_ready(std::span(&watch, 1), std::clamp<std::int64_t>(left_ns, 0, look_every_ns));
    if (watch.ready) {
      const auto got = process::receive_some(channel_.number(), buffer_, process::Blocking::no);
      if (!got || got->end) return lose_closed();
      in_.insert(in_.end(), buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(got->bytes));
      continue;
    }
    if (child_.ended()) return lose_closed();
    if (left_ns <= 0) return std::nullopt;
  }
}

void WorkerLink::close(std::int64_t grace_ns) {
  if (lost_) return;
  channel_.close();
  child_.stop(grace_ns / 2);
  lost_ = Error{Errc::engine_lost, 0, "metalrt: closed"};
}

}  // namespace assay::adapter::metalrt
