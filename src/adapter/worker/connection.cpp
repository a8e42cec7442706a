#include "adapter/worker/connection.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "adapter/worker/plain_text.h"

namespace assay::adapter {
namespace {

constexpr std::int64_t look_every_ns = 100'000'000;  // for an end that closes nothing, and for a caller who gives up
constexpr std::int64_t ending_grace_ns =
    2'000'000'000;  // from the end of the stream to that of the process (core dumps)
constexpr std::size_t printed_bytes_max = 600;

std::string seconds(std::int64_t ns) {
  const std::int64_t ms = ns / 1'000'000;
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::start(const std::string& program, std::size_t memory_bytes,
                                                      const Clock& clock, std::string advice) {
  auto channel = process::make_channel();
  if (!channel) return std::unexpected(std::move(channel.error()));
  auto memory = process::SharedMemory::create(memory_bytes);
  if (!memory) return std::unexpected(std::move(memory.error()));
  static_assert(wire::worker_socket == 3 && wire::worker_memory == 4, "the order of handed_down");
  auto child = process::ChildProcess::start(
      {program, {wire::worker_flag}, {}, {channel->theirs.number(), memory->descriptor()}});
  if (!child) return std::unexpected(std::move(child.error()));
  return std::unique_ptr<Connection>(new Connection(clock, std::filesystem::path(program).filename().string(),
                                                    std::move(advice), std::move(channel->ours), std::move(*memory),
                                                    std::move(*child)));
}

std::string Connection::printed() const {
  const std::string all = child_.output_end();
  std::string_view end = all;
  if (end.size() > printed_bytes_max) end.remove_prefix(end.size() - printed_bytes_max);
  const std::string text = plain_text(end, printed_bytes_max);
  if (text.empty()) return "";
  return std::string("; it printed last: ") + (end.size() < all.size() ? "..." : "") + text;
}

std::unexpected<Error> Connection::lose(Errc code, const std::string& what) {
  if (!lost_) {
    channel_.close();
    const process::Ending ending = child_.kill();
    memory_ = {};  // its pages would count as ours for as long as the others run
    lost_ =
        Error{code, 0,
              name_ + " in " + doing_ + ": " + what + (ending.survivor != 0 ? "; " + process::in_words(ending) : "") +
                  printed() + (code == Errc::cancelled || advice_.empty() ? "" : "; " + advice_)};
    in_.clear();
  }
  return std::unexpected(*lost_);
}

std::unexpected<Error> Connection::lose_closed() {
  if (lost_) return std::unexpected(*lost_);
  channel_.close();
  const auto ending = child_.wait(ending_grace_ns);
  return lose(Errc::engine_lost,
              ending ? "ended with " + process::in_words(*ending) : "closed its connection and went on running");
}

Result<bool> Connection::wait(bool to_write, std::int64_t deadline_ns, const Patience& patience) {
  const std::int64_t left_ns = deadline_ns - clock_.now_ns();
  if (left_ns <= 0) return lose(patience.at_timeout, "no answer within " + seconds(patience.timeout_ns) + ", killed");
  process::Watch watch{channel_.number(), !to_write, to_write, false};
  process::wait_ready(std::span(&watch, 1), std::min(left_ns, look_every_ns));
  if (watch.ready) return true;
  if (patience.keep_waiting != nullptr && !(*patience.keep_waiting)())
    return lose(Errc::cancelled, "stopped on request");
  // With its own children holding the socket open, a worker's end shows only here. What it sent before still counts.
  return child_.ended().has_value();
}

Result<void> Connection::send(std::span<const std::byte> bytes, const Patience& patience) {
  const std::int64_t deadline_ns = clock_.now_ns() + patience.timeout_ns;
  while (true) {
    const auto sent = process::send_some(channel_.number(), bytes);
    if (!sent) return lose_closed();
    bytes = bytes.subspan(*sent);
    if (bytes.empty()) return {};
    ASSAY_TRY(wait(/*to_write=*/true, deadline_ns, patience));
    if (*sent == 0 && child_.ended()) return lose_closed();
  }
}

Result<wire::Message> Connection::receive(const Patience& patience, std::int64_t since_ns) {
  if (lost_) return std::unexpected(*lost_);
  const std::int64_t deadline_ns = since_ns + patience.timeout_ns;
  const std::int64_t sleep_from_ns = clock_.now_ns() + patience.awake_ns;
  while (true) {
    auto frame = wire::read(in_, wire::Sender::worker);
    if (!frame && frame.error().code == Errc::unsupported) {
      return lose(Errc::engine_lost, "speaks " + frame.error().detail + ": install this engine again");
    }
    if (!frame) return lose(Errc::engine_lost, "broke the protocol: " + to_string(frame.error()));
    if (*frame) {
      if ((*frame)->call != call_) {
        return lose(Errc::engine_lost, "broke the protocol: an answer to call " + std::to_string((*frame)->call) +
                                           ", expected to " + std::to_string(call_));
      }
      in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>((*frame)->bytes));
      return std::move((*frame)->message);
    }
    const bool awake = patience.awake_ns > 0 && clock_.now_ns() < sleep_from_ns;
    if (!awake) {
      const auto ready = wait(/*to_write=*/false, deadline_ns, patience);
      if (!ready) return std::unexpected(ready.error());
      if (!*ready) continue;
    }
    const auto got = process::receive_some(channel_.number(), buffer_, process::Blocking::no);
    if (!got || got->end) return lose_closed();
    if (got->bytes == 0 && awake) {
      std::this_thread::yield();
      continue;
    }
    if (got->bytes == 0 && child_.ended()) return lose_closed();
    in_.insert(in_.end(), buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(got->bytes));
  }
}

Result<void> Connection::ask(const wire::Message& request, const Patience& patience) {
  if (lost_) return std::unexpected(*lost_);
  doing_ = wire::name(request);
  if (!in_.empty()) return lose(Errc::engine_lost, "broke the protocol: it spoke unasked");
  ++call_;
  out_.clear();
  wire::append(out_, call_, request);
  return send(out_, patience);
}

Result<wire::Message> Connection::answer(const Patience& patience, std::int64_t since_ns) {
  auto message = receive(patience, since_ns);
  if (!message) return message;
  const auto* failed = std::get_if<wire::Failed>(&*message);
  if (failed == nullptr) return message;
  if (failed->error.code == Errc::engine_lost) return lose(Errc::engine_lost, failed->error.detail);
  return std::unexpected(failed->error);
}

Result<wire::Message> Connection::call(const wire::Message& request, const Patience& patience) {
  const std::int64_t since_ns = clock_.now_ns();
  ASSAY_TRY(ask(request, patience));
  return answer(patience, since_ns);
}

void Connection::close(std::int64_t grace_ns) {
  if (lost_) return;
  // Unsent where the worker does not read: the end of the stream says the same.
  out_.clear();
  wire::append(out_, ++call_, wire::Close{});
  [[maybe_unused]] const auto sent = process::send_some(channel_.number(), out_);
  channel_.close();
  child_.stop(grace_ns);
  doing_ = "close";
  lost_ = Error{Errc::engine_lost, 0, name_ + ": closed"};
}

}  // namespace assay::adapter
